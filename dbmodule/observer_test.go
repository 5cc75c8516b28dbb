package dbmodule_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// witness writes down what it is told.
type witness struct {
	mu    sync.Mutex
	lines []string
	texts []string
	units []dbmodule.UnitEnd
}

type witnessKey struct{}

func (w *witness) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, fmt.Sprintf(format, args...))
}

// taken returns what was noted since it was last asked.
func (w *witness) taken() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines := w.lines
	w.lines = nil
	return strings.Join(lines, ", ")
}

func (w *witness) UnitBegan(ctx context.Context, unit dbmodule.UnitOfWork) context.Context {
	w.note("begin %d", unit.Attempt)
	return context.WithValue(ctx, witnessKey{}, unit.Session)
}

func (w *witness) Acquired(_ context.Context, wait dbmodule.Acquisition) {
	if wait.Err != nil {
		w.note("no connection: %s", dbmodule.ErrorKind(wait.Err))
	}
}

func (w *witness) Statement(ctx context.Context, statement dbmodule.Statement) {
	text := statement.Operation()
	if kind := dbmodule.ErrorKind(statement.Err); kind != "" {
		text += " " + kind
	}
	if unit, _ := ctx.Value(witnessKey{}).(uint64); unit != statement.Session {
		text += fmt.Sprintf(" of unit %d in session %d", unit, statement.Session)
	}
	if statement.Session == 0 {
		text += " alone"
	}
	w.note("%s", text)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts = append(w.texts, statement.Text(1000), statement.ErrorText())
}

func (w *witness) UnitEnded(_ context.Context, end dbmodule.UnitEnd) {
	w.note("end %s", end.Outcome)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.units = append(w.units, end)
}

func (w *witness) Retrying(_ context.Context, retry dbmodule.Retry) {
	w.note("retry after %d: %s", retry.Attempt, dbmodule.ErrorKind(retry.Err))
}

// TestObserver follows units of work of all kinds.
func TestObserver(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		w := &witness{}
		db := dbtest.Open(t, cfg, dbmodule.WithObserver(w))
		_, err := db.DB().NewCreateTable().Model((*Account)(nil)).Exec(t.Context())
		require.NoError(t, err)
		require.Contains(t, w.taken(), "CREATE alone")
		ctx, sessions := t.Context(), db.Sessions()

		require.NoError(t, sessions.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
			return insert(ctx, s, "ann")
		}))
		// Each driver prepares, and each dialect asks for the id, in its own way.
		verb := "INSERT"
		require.Equal(t, "begin 1, BEGIN, "+verb+", COMMIT, end commit", w.taken())

		refused := sessions.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
			return insert(ctx, s, "ann")
		})
		require.ErrorIs(t, refused, dbmodule.ErrUnique)
		require.Equal(t, "begin 1, BEGIN, "+verb+" unique, ROLLBACK, end rollback", w.taken())

		attempts := 0
		require.NoError(t, sessions.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
			if err := insert(ctx, s, "bob"); err != nil {
				return err
			}
			if attempts++; attempts == 1 {
				return fmt.Errorf("made up: %w", dbmodule.ErrConflict)
			}
			return nil
		}))
		require.Equal(t, "begin 1, BEGIN, "+verb+", ROLLBACK, end rollback, retry after 1: conflict, "+
			"begin 2, BEGIN, "+verb+", COMMIT, end commit", w.taken())

		require.Len(t, names(t, db), 2)
		require.Equal(t, "begin 1, SELECT, end none", w.taken())

		for _, text := range w.texts {
			require.NotContains(t, text, "ann")
			require.NotContains(t, text, "bob")
		}
		for _, unit := range w.units {
			require.Positive(t, unit.Held)
			require.Equal(t, db.Engine(), unit.Engine)
		}
	})
}

func TestObserverOfAFullPool(t *testing.T) {
	t.Parallel()
	eachPool := func(cfg *dbmodule.Config) {
		cfg.PoolSize, cfg.MaxOverflow, cfg.PoolTimeout = 1, 0, 50*time.Millisecond
	}
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		eachPool(&cfg)
		w := &witness{}
		db := dbtest.Open(t, cfg, dbmodule.WithObserver(w))
		holder, waiter := db.Sessions().New(), db.Sessions().New()
		_, err := holder.ExecContext(t.Context(), "SELECT 1")
		require.NoError(t, err)
		w.taken()
		_, err = waiter.ExecContext(t.Context(), "SELECT 1")
		require.ErrorIs(t, err, dbmodule.ErrPoolTimeout)
		assert.Contains(t, err.Error(), fmt.Sprintf("by session %d of ", holder.ID()))
		require.Equal(t, "begin 1, no connection: pool_timeout, end none", w.taken())
		require.NoError(t, errors.Join(holder.Close(), waiter.Close()))
		require.Equal(t, "ROLLBACK, end rollback", w.taken())
	})
}

// TestStatementsAreLoggedWithTheirSession expects the session's number in the
// line of each statement that a session sent, by every path, and in no other.
func TestStatementsAreLoggedWithTheirSession(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		cfg.Echo = dbmodule.EchoOn
		core, logs := observer.New(zap.InfoLevel)
		db, err := dbmodule.Open(cfg, zap.New(core))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		require.NoError(t, db.Connect(t.Context()))
		ctx := t.Context()
		_, err = db.DB().ExecContext(ctx, "CREATE TABLE things (id INT)")
		require.NoError(t, err)

		var n int
		first, second := db.Sessions().New(), db.Sessions().New(dbmodule.ReadOnly())
		require.NotEqual(t, first.ID(), second.ID())
		require.NoError(t, first.NewRaw("SELECT 1").Scan(ctx, &n))
		require.NoError(t, first.QueryRowContext(ctx, "SELECT 1").Scan(&n))
		_, err = first.ExecContext(ctx, "INSERT INTO things VALUES (1)")
		require.NoError(t, err)
		require.NoError(t, first.Commit(ctx))
		require.NoError(t, second.NewRaw("SELECT 2").Scan(ctx, &n))
		require.NoError(t, second.QueryRowContext(ctx, "SELECT 2").Scan(&n))
		require.NoError(t, errors.Join(first.Close(), second.Close()))

		want := map[string]any{"SELECT 1": first.ID(), "INSERT INTO things VALUES (1)": first.ID(), "SELECT 2": second.ID(), "COMMIT": first.ID(), "CREATE TABLE things (id INT)": nil}
		seen := 0
		for _, entry := range logs.FilterMessage("query").All() {
			fields := entry.ContextMap()
			if session, ok := want[fmt.Sprint(fields["statement"])]; ok {
				seen++
				require.Equal(t, session, fields["session"], "%v", fields)
			}
		}
		require.Equal(t, 7, seen)
	})
}

// The statement log may show values; observers beside it get none.
func TestObserversSeeNoValues(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		const value = "pr1vateVALUE"
		cfg.Echo = dbmodule.EchoOn
		core, logs := observer.New(zap.InfoLevel)
		w := &witness{}
		db, err := dbmodule.Open(cfg, zap.New(core), dbmodule.WithObserver(w))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		run := func(ctx context.Context, idb bun.IDB, query string) {
			rows, err := idb.QueryContext(ctx, query, value)
			if err == nil {
				err = errors.Join(rows.Close(), rows.Err())
			}
			_ = err // whether it succeeds
		}
		for _, query := range []string{"SELECT ?", "SELECT nothing, ?", "SELECT CAST(? AS INTEGER)"} {
			run(t.Context(), db.DB(), query)
			s := db.Sessions().New()
			run(t.Context(), s, query)
			require.NoError(t, s.Close())
		}
		shown := 0
		for _, line := range logs.All() {
			if strings.Contains(fmt.Sprint(line.ContextMap()), value) {
				shown++
			}
		}
		assert.Equal(t, 6, shown)
		require.GreaterOrEqual(t, len(w.texts), 12)
		for _, text := range w.texts {
			assert.NotContains(t, text, value)
		}
	})
}

// A line has the fields of the statement's own context, and the number of rows. What
// nobody should observe is logged, too.
func TestLogOfEachStatement(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		cfg.Echo = dbmodule.EchoDebug
		core, logs := observer.New(zap.InfoLevel)
		w := &witness{}
		db, err := dbmodule.Open(cfg, zap.New(core), dbmodule.WithObserver(w))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		_, err = db.DB().NewCreateTable().Model((*Account)(nil)).Exec(t.Context())
		require.NoError(t, err)
		logs.TakeAll()
		w.taken()

		as := func(name string) context.Context {
			return dbmodule.Unobserved(dbmodule.WithLogFields(t.Context(), zap.String("as", name)))
		}
		s := db.Sessions().New()
		require.NoError(t, insert(as("first"), s, "ann"))
		_, err = s.NewInsert().Model(&[]Account{{Name: "bob"}, {Name: "cid"}}).Exec(as("second"))
		require.NoError(t, err)
		var found []string
		require.NoError(t, s.NewSelect().Model((*Account)(nil)).Column("name").Order("name").Scan(as("third"), &found))
		_, err = s.NewUpdate().Model((*Account)(nil)).Set("balance = 1").Where("name > 'ann'").Exec(as("fourth"))
		require.NoError(t, err)
		require.NoError(t, s.Commit(as("fifth")))

		var lines []string
		shown := 0
		for _, entry := range logs.All() {
			fields := entry.ContextMap()
			if entry.Message == "row" {
				if row, _ := fields["row"].(map[string]any); row["name"] != nil {
					shown++
				}
				continue
			}
			assert.Equal(t, s.ID(), fields["session"])
			assert.Positive(t, fields["duration"])
			lines = append(lines, fmt.Sprint(fields["as"], " ", fields["operation"], " ", fields["rows"]))
		}
		assert.Equal(t, []string{
			"first BEGIN <nil>", "first INSERT 1", "second INSERT 2", "third SELECT 3", "fourth UPDATE 2", "fifth COMMIT <nil>",
		}, lines)
		assert.Equal(t, 3, shown, "rows of the SELECT")
		assert.Empty(t, w.taken())
	})
}
