package dbmodule_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// What somebody forgot to read must not keep a session from ending, nor its
// connection.
func TestSessionEndsWithResultsOpen(t *testing.T) {
	t.Parallel()
	const text = "SELECT name FROM accounts ORDER BY id"
	leave := map[string]func(ctx context.Context, s *dbmodule.Session) (*sql.Rows, error){
		"rows of a builder": func(ctx context.Context, s *dbmodule.Session) (*sql.Rows, error) {
			return s.NewSelect().Model((*Account)(nil)).Column("name").Order("id").Rows(ctx)
		},
		"rows of a text": func(ctx context.Context, s *dbmodule.Session) (*sql.Rows, error) { return s.QueryContext(ctx, text) },
		"a row of a text": func(ctx context.Context, s *dbmodule.Session) (*sql.Rows, error) {
			return nil, s.QueryRowContext(ctx, text).Err()
		},
	}
	ends := map[string]func(ctx context.Context, s *dbmodule.Session) error{
		"commit":   func(ctx context.Context, s *dbmodule.Session) error { return s.Commit(ctx) },
		"rollback": func(ctx context.Context, s *dbmodule.Session) error { return s.Rollback(ctx) },
		"close":    func(_ context.Context, s *dbmodule.Session) error { return s.Close() },
	}
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		fillAccounts(ctx, t, db, 3)
		for kind, options := range map[string][]dbmodule.SessionOption{
			"writing": nil, "reading": {dbmodule.ReadOnly()}, "snapshot": {dbmodule.Snapshot()}, "autocommit": {dbmodule.Autocommit()},
		} {
			for what, leave := range leave {
				for how, end := range ends {
					name := kind + " session, " + what + ", " + how
					s := db.Sessions().New(options...)
					rows, err := leave(ctx, s)
					require.NoError(t, err, name)
					if rows != nil {
						require.True(t, rows.Next(), name)
					}
					require.NoError(t, end(ctx, s), name)
					if rows != nil {
						assert.False(t, rows.Next(), name)
						require.NoError(t, rows.Err(), name)
						require.NoError(t, rows.Close(), name)
					}
					assert.Zero(t, db.Stats().InUse, name)
				}
			}
		}
		assert.Len(t, names(t, db), 3)
	})
}

// A savepoint's statements go through a sql.Tx that is there for them alone.
func TestSessionEndsWithASavepointOpen(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		s := db.Sessions().New()
		require.NoError(t, insert(ctx, s, "a"))
		savepoint, err := s.BeginTx(ctx, nil)
		require.NoError(t, err)
		require.NoError(t, insert(ctx, savepoint, "b"))
		again, err := s.BeginTx(ctx, nil)
		require.NoError(t, err)
		require.NoError(t, insert(ctx, again, "c"))
		require.NoError(t, again.Rollback())
		rows, err := savepoint.QueryContext(ctx, "SELECT name FROM accounts")
		require.NoError(t, err)
		require.True(t, rows.Next())
		require.NoError(t, s.Commit(ctx))
		assert.False(t, rows.Next())
		_ = rows.Close() // its transaction has ended
		assert.Equal(t, []string{"a", "b"}, names(t, db))
		assert.Zero(t, db.Stats().InUse)
		require.ErrorIs(t, savepoint.Commit(), sql.ErrTxDone)

		require.NoError(t, insert(ctx, s, "d"), "the session begins again")
		require.NoError(t, s.Close())
		assert.Equal(t, []string{"a", "b"}, names(t, db))
	})
}

func TestRowsInATransactionEndWithTheirContext(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		fillAccounts(t.Context(), t, db, 3)
		s := db.Sessions().New()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		rows := openRows(ctx, t, s)
		cancel()
		assert.False(t, rows.Next())
		require.ErrorIs(t, rows.Err(), context.Canceled)
		_ = rows.Close() // a driver may say again that it was cancelled
		require.NoError(t, s.Close())
		assert.Zero(t, db.Stats().InUse)
	})
}

func TestASavepointIsNoSecondBegin(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		cfg.Echo = dbmodule.EchoOn
		core, logs := observer.New(zap.InfoLevel)
		db, err := dbmodule.Open(cfg, zap.New(core))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		require.NoError(t, db.Connect(t.Context()))
		logs.TakeAll() // Connect asks MariaDB for its version
		require.NoError(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
			return s.InNested(ctx, func(ctx context.Context) error {
				var n int
				return s.QueryRowContext(ctx, "SELECT 1").Scan(&n)
			})
		}))
		count := map[string]int{}
		for _, entry := range logs.FilterMessage("query").All() {
			word, _, _ := strings.Cut(fmt.Sprint(entry.ContextMap()["statement"]), " ")
			count[word]++
		}
		assert.Equal(t, map[string]int{"BEGIN": 1, "SAVEPOINT": 1, "SELECT": 1, "RELEASE": 1, "COMMIT": 1}, count)
	})
}
