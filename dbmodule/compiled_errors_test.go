package dbmodule_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

type refusing struct {
	bun.BaseModel `bun:"table:accounts"`

	ID int64 `bun:"id,pk"`
}

func (*refusing) BeforeSelect(context.Context, *bun.SelectQuery) error { return nil }

type byNothing struct {
	ID    int64
	Other string
}

type byChannel struct{ ID chan int }

type selects = func(*bun.SelectQuery) *bun.SelectQuery

func compileError[M, P any](sessions *dbmodule.SessionFactory, build selects) error {
	_, err := dbmodule.CompileSelect[M, P](sessions, build)
	return err
}

// What is wrong with a query is said when it is made, before anything is sent.
func TestCompiledQueriesAreCheckedWhenTheyAreMade(t *testing.T) {
	t.Parallel()
	db, _ := logged(t, dbmodule.Config{})
	where := func(query string, args ...any) selects {
		return func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where(query, args...) }
	}
	s := db.Sessions()
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"a column in WHERE":       {compileError[Account, byID](s, where("nmae = 'x' AND id = ?id")), `Account has no column "nmae": its columns are id, name, balance`},
		"a quoted column":         {compileError[Account, struct{}](s, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Column("nmae") }), `no column "nmae"`},
		"a column in ORDER BY":    {compileError[Account, struct{}](s, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Order("nmae DESC") }), `no column "nmae"`},
		"a parameter":             {compileError[Account, byID](s, where("id = ?idd")), `the query needs the parameter "idd", which dbmodule_test.byID does not have: its fields are id`},
		"the model's own value":   {compileError[Account, struct{}](s, func(q *bun.SelectQuery) *bun.SelectQuery { return q.WherePK() }), `the query needs the parameter "id", which struct {} does not have`},
		"a parameter too many":    {compileError[Account, byNothing](s, where("id = ?id")), `the query does not use the parameter "other" of dbmodule_test.byNothing`},
		"parameters of no struct": {compileError[Account, int](s, where("id = 1")), "the parameters are int: want a struct"},
		"a type without a form":   {compileError[Account, byChannel](s, where("id = ?id")), "which Bun can't write"},
		"a model without fields":  {compileError[int, struct{}](s, where("id = 1")), "the model is int: want a struct"},
		"a relation":              {compileError[logAuthor, struct{}](s, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Relation("Books") }), "the query has a Relation"},
		"a relation that is none": {compileError[logAuthor, struct{}](s, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Relation("Bokks") }), "Bokks"},
		"a hook of the query":     {compileError[refusing, struct{}](s, func(q *bun.SelectQuery) *bun.SelectQuery { return q }), "has the hook BeforeSelect"},
		"another model":           {compileError[Account, struct{}](s, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Model((*Song)(nil)) }), "the query has another model"},
		"an error of Bun's":       {compileError[Account, struct{}](s, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Err(errors.New("set by build")) }), "set by build"},
		"a panic":                 {compileError[Account, struct{}](s, func(*bun.SelectQuery) *bun.SelectQuery { panic("thrown by build") }), "thrown by build"},
		"a name that a subquery's model has": {
			compileError[Account, byID](s, func(q *bun.SelectQuery) *bun.SelectQuery {
				return q.Where("EXISTS (?)", q.NewSelect().Model((*Song)(nil)).Where("id = ?id"))
			}), "give the parameter another name",
		},
		"a soft delete": {func() error {
			_, err := dbmodule.CompileDelete[logBook, byID](s, func(q *bun.DeleteQuery) *bun.DeleteQuery { return q.WherePK() })
			return err
		}(), `compile an update of "deleted_at" to a parameter, or add ForceDelete`},
		"a column of an UPDATE": {func() error {
			_, err := dbmodule.CompileUpdate[Account, Account](s, func(q *bun.UpdateQuery) *bun.UpdateQuery { return q.Column("nmae").WherePK() })
			return err
		}(), "nmae"},
		"no WHERE": {func() error {
			_, err := dbmodule.CompileDelete[Account, struct{}](s, func(q *bun.DeleteQuery) *bun.DeleteQuery { return q })
			return err
		}(), "at least one Where"},
		"a column of an INSERT": {func() error {
			_, err := dbmodule.CompileInsert[Account](s, func(q *bun.InsertQuery) *bun.InsertQuery { return q.On("CONFLICT (nmae) DO NOTHING") })
			return err
		}(), `no column "nmae"`},
	} {
		require.Error(t, test.err, name)
		assert.ErrorContains(t, test.err, "dbmodule: compile ", name)
		assert.ErrorContains(t, test.err, test.want, name)
	}
	for name, build := range map[string]selects{
		"a name that is given": func(q *bun.SelectQuery) *bun.SelectQuery {
			return q.ColumnExpr("max(balance) AS most").Where("id = ?id").OrderExpr("most")
		},
		"the table's name and alias":   where("account.id = ?id AND account.name IS NOT NULL"),
		"another case":                 where("ID = ?id AND Account.NAME = 'x'"),
		"a built-in column":            where("rowid = ?id"),
		"what only the database reads": where("id = ?id AND nothing_known(balance) > 5"),
		"a limit":                      func(q *bun.SelectQuery) *bun.SelectQuery { return q.OrderExpr("id LIMIT ?id") },
	} {
		assert.NoError(t, compileError[Account, byID](s, build), name)
	}
	_, err := dbmodule.CompileDelete[logBook, byID](s, func(q *bun.DeleteQuery) *bun.DeleteQuery { return q.WherePK().ForceDelete() })
	require.NoError(t, err)
}

type byName struct{ Name string }

// whatIsTold runs statements, and returns what the log and the observers were told.
func whatIsTold(t *testing.T, cfg dbmodule.Config, run func(ctx context.Context, db *dbmodule.Database, s *dbmodule.Session, name string) error) (logs, observed []string) {
	t.Helper()
	core, lines := observer.New(zapcore.DebugLevel)
	w := &witness{}
	cfg.Echo = dbmodule.EchoDebug
	db, err := dbmodule.Open(cfg, zap.New(core), dbmodule.WithObserver(w))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	require.NoError(t, db.Connect(t.Context()))
	_, err = db.DB().ExecContext(t.Context(), "DELETE FROM accounts")
	require.NoError(t, err)
	lines.TakeAll()
	for i := range 3 {
		err := db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
			return run(ctx, db, s, fmt.Sprintf("it's %d", i%2)) // the third is not unique
		})
		assert.Equal(t, i == 2, errors.Is(err, dbmodule.ErrUnique), "%v", err)
	}
	for _, entry := range lines.All() {
		fields := entry.ContextMap()
		for field, value := range fields {
			if _, is := value.(time.Duration); is || field == "took" || field == "elapsed" {
				delete(fields, field)
			}
		}
		logs = append(logs, fmt.Sprint(entry.Level, entry.Message, fields))
	}
	return logs, append(w.texts, w.taken())
}

func TestCompiledQueriesAreLoggedAndObservedAsBunsAre(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		cfg := dbtest.Config(t, db.Engine())
		cfg.URL = db.URL()
		find := func(q *bun.SelectQuery) *bun.SelectQuery { return q.ExcludeColumn("id").Order("name") }
		var get *dbmodule.Compiled[Account, byName]
		var add *dbmodule.CompiledInsert[Account]
		logs, observed := whatIsTold(t, cfg, func(ctx context.Context, db *dbmodule.Database, s *dbmodule.Session, name string) (err error) {
			if get == nil {
				add, err = dbmodule.CompileInsert[Account](db.Sessions(), func(q *bun.InsertQuery) *bun.InsertQuery { return q.Returning("NULL") })
				require.NoError(t, err)
				get, err = dbmodule.CompileSelect[Account, byName](db.Sessions(), func(q *bun.SelectQuery) *bun.SelectQuery { return find(q).Where("name = ?name") })
				require.NoError(t, err)
			}
			_, err = get.One(ctx, s, byName{name})
			require.True(t, err == nil || errors.Is(err, dbmodule.ErrNotFound))
			_, err = add.Exec(ctx, s, &Account{Name: name, Balance: 5})
			return err
		})
		wantLogs, wantObserved := whatIsTold(t, cfg, func(ctx context.Context, _ *dbmodule.Database, s *dbmodule.Session, name string) error {
			err := find(s.NewSelect().Model(new(Account))).Where("name = ?", name).Scan(ctx)
			require.True(t, err == nil || errors.Is(err, dbmodule.ErrNotFound))
			_, err = s.NewInsert().Model(&Account{Name: name, Balance: 5}).Returning("NULL").Exec(ctx)
			return err
		})
		assert.Equal(t, wantLogs, logs)
		assert.Equal(t, wantObserved, observed)
		assert.Greater(t, len(logs), 10)
	})
}

// eventHook remembers the statements that Bun tells of.
type eventHook struct {
	mu    sync.Mutex
	texts []string
}

func (*eventHook) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (h *eventHook) AfterQuery(_ context.Context, event *bun.QueryEvent) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.texts = append(h.texts, event.Query)
}

func TestCompiledQueriesCallBunsQueryHooks(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite))
	hook := &eventHook{}
	_, err := db.DB().NewCreateTable().Model((*Account)(nil)).Exec(t.Context())
	require.NoError(t, err)
	db.DB().AddQueryHook(hook) //nolint:staticcheck // it is what a program may have called
	get, err := dbmodule.CompileSelect[Account, byName](db.Sessions(), func(q *bun.SelectQuery) *bun.SelectQuery { return q.Column("id").Where("name = ?name") })
	require.NoError(t, err)
	move, err := dbmodule.CompileUpdate[Account, byName](db.Sessions(), func(q *bun.UpdateQuery) *bun.UpdateQuery { return q.Set("balance = 1").Where("name = ?name") })
	require.NoError(t, err)
	s := db.Sessions().New()
	defer func() { require.NoError(t, s.Close()) }()
	_, err = get.One(t.Context(), s, byName{`\? it's`})
	require.ErrorIs(t, err, dbmodule.ErrNotFound)
	rows, err := get.All(t.Context(), s, byName{"?name"})
	require.NoError(t, err)
	assert.Empty(t, rows)
	result, err := move.Exec(t.Context(), s, byName{"x"})
	require.NoError(t, err)
	assert.Zero(t, rowsIn(t, result))
	assert.Equal(t, []string{
		"BEGIN",
		`SELECT "account"."id" FROM "accounts" AS "account" WHERE (name = '\? it''s')`,
		`SELECT "account"."id" FROM "accounts" AS "account" WHERE (name = '?name')`,
		`UPDATE "accounts" AS "account" SET balance = 1 WHERE (name = 'x')`,
	}, hook.texts)
}

// One query serves many sessions at a time, with every form of an insert.
func TestCompiledQueriesServeManySessions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		createThings(t, db)
		insert, get := thingQueries(t, db)
		var wg sync.WaitGroup
		for worker := range 8 {
			wg.Go(func() {
				for i := range 12 {
					err := db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
						thing := things()[(worker+i)%4]
						thing.Word = word(fmt.Sprint(worker, " ", i))
						if _, err := insert.Exec(ctx, s, &thing); err != nil {
							return err
						}
						found, err := get.One(ctx, s, byID{thing.ID})
						if err == nil && (found.Word != thing.Word || found.Text != thing.Text) {
							err = fmt.Errorf("stored %q, found %q", thing.Word, found.Word)
						}
						return err
					})
					assert.NoError(t, err)
				}
			})
		}
		wg.Wait()
		count, err := db.DB().NewSelect().Model((*Thing)(nil)).Count(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, 96, count)
	})
}

// A compiled query runs prepared from the second time on, like the same text of Bun's.
func TestCompiledQueriesArePrepared(t *testing.T) {
	t.Parallel()
	with := func(cfg *dbmodule.Config) {
		cfg.PoolSize, cfg.MaxOverflow = 1, 0
		cfg.StatementCache = dbmodule.DefaultConfig().StatementCache
	}
	eachWith(t, with, func(t *testing.T, db *dbmodule.Database) {
		get, err := dbmodule.CompileUpdate[Account, rename](db.Sessions(), func(q *bun.UpdateQuery) *bun.UpdateQuery {
			return q.Set("name = ?name").Set("balance = balance + ?more").Where("name = ?from")
		})
		require.NoError(t, err)
		for i := range 3 {
			require.NoError(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
				_, err := get.Exec(ctx, s, rename{fmt.Sprint("name ", i), "from", int64(i)})
				return err
			}))
		}
		texts, err := dbmodule.Prepared(t.Context(), db.DB())
		require.NoError(t, err)
		require.Len(t, texts, 1)
		assert.NotContains(t, texts[0], "from'")
	})
}
