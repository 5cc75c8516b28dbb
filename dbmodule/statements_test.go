package dbmodule_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// onOneConnection runs fn on every engine with a pool of one connection, which
// keeps at most limit statements.
func onOneConnection(t *testing.T, limit int, fn func(t *testing.T, db *dbmodule.Database)) {
	eachWith(t, func(cfg *dbmodule.Config) { cfg.PoolSize, cfg.MaxOverflow, cfg.StatementCache = 1, 0, limit }, fn)
}

// onOneConnectionOf is onOneConnection for what one engine alone does.
func onOneConnectionOf(t *testing.T, engine dbmodule.Engine, limit int, fn func(t *testing.T, db *dbmodule.Database)) {
	t.Helper()
	cfg := dbtest.Config(t, engine)
	cfg.PoolSize, cfg.MaxOverflow, cfg.StatementCache = 1, 0, limit
	db := dbtest.Open(t, cfg)
	_, err := db.DB().NewCreateTable().Model((*Account)(nil)).Exec(t.Context())
	require.NoError(t, err)
	fn(t, db)
}

func kept(t *testing.T, db *dbmodule.Database) []string {
	prepared, err := dbmodule.Prepared(t.Context(), db.DB())
	require.NoError(t, err)
	return prepared
}

// byBalance is a query whose text is its own.
func byBalance(ctx context.Context, db bun.IDB, kind, balance int) ([]string, error) {
	names := []string{}
	err := db.NewSelect().Model((*Account)(nil)).Column("name").Where("balance = ? AND "+strings.Repeat("(", kind)+"id IS NOT NULL"+strings.Repeat(")", kind), balance).Order("id").Scan(ctx, &names)
	return names, err
}

func TestStatementsKeptAreBounded(t *testing.T) {
	t.Parallel()
	onOneConnection(t, 3, func(t *testing.T, db *dbmodule.Database) {
		for round := range 4 {
			for kind := range 6 {
				_, err := byBalance(t.Context(), db.DB(), kind, round)
				require.NoError(t, err)
				assert.LessOrEqual(t, len(kept(t, db)), 3)
			}
		}
		assert.Len(t, kept(t, db), 3)
		switch db.Engine() {
		case dbmodule.PostgreSQL:
			var onServer int
			require.NoError(t, db.DB().NewRaw("SELECT count(*) FROM pg_prepared_statements").Scan(t.Context(), &onServer))
			assert.LessOrEqual(t, onServer, 4)
		case dbmodule.MySQL: // which tells how many it has of all sessions alone
			var counted []int
			require.NoError(t, db.DB().NewRaw("SHOW SESSION STATUS WHERE Variable_name IN ('Com_stmt_close', 'Com_stmt_prepare')").Scan(t.Context(), new([]string), &counted))
			require.Len(t, counted, 2)
			assert.Equal(t, 3, counted[1]-counted[0])
		}
	})
}

// aliased is a query whose text is its own, the same each time.
func aliased(alias string) string {
	return "SELECT name AS " + alias + " FROM accounts WHERE balance = 7"
}

// preparedAs is how that query is prepared.
func preparedAs(engine dbmodule.Engine, alias string) string {
	if engine == dbmodule.PostgreSQL {
		return strings.Replace(aliased(alias), "7", "$1::int4", 1)
	}
	return strings.Replace(aliased(alias), "7", "?", 1)
}

func run(t *testing.T, db bun.IDB, query string) {
	t.Helper()
	_, err := read(t.Context(), db, query)
	require.NoError(t, err)
}

func read(ctx context.Context, db bun.IDB, query string) (names []string, err error) {
	err = db.NewRaw(query).Scan(ctx, &names)
	return names, err
}

// The statement that was not used for longest goes, whatever was prepared first.
func TestStatementsKeptAreThoseUsedLast(t *testing.T) {
	t.Parallel()
	onOneConnection(t, 3, func(t *testing.T, db *dbmodule.Database) {
		// One that was used once is seen, and not prepared.
		for _, step := range []struct {
			use  string
			kept []string
		}{
			{"aabbcc", []string{"a", "b", "c"}},
			{"add", []string{"a", "c", "d"}},     // not the first one
			{"cadee", []string{"a", "d", "e"}},   // from the oldest place and from the middle
			{"aedff", []string{"d", "e", "f"}},   // all of them moved
			{"ffdddcd", []string{"c", "d", "f"}}, // one that went is prepared again
		} {
			for _, alias := range step.use {
				run(t, db.DB(), aliased(string(alias)))
			}
			var want []string
			for _, alias := range step.kept {
				want = append(want, preparedAs(db.Engine(), alias))
			}
			assert.Equal(t, want, kept(t, db), step.use)
		}
	})
}

// A statement whose rows are read is not closed under its reader, even when
// there is no other to close. Only SQLite runs another meanwhile.
func TestStatementInUseIsNotEvicted(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		limit         int
		during, after []string
	}{
		{1, []string{"a", "d"}, []string{"d", "e"}},
		{2, []string{"a", "d"}, []string{"d", "e"}},
		{3, []string{"a", "c", "d"}, []string{"c", "d", "e"}},
	} {
		t.Run(fmt.Sprint(test.limit), func(t *testing.T) {
			t.Parallel()
			onOneConnectionOf(t, dbmodule.SQLite, test.limit, func(t *testing.T, db *dbmodule.Database) {
				for _, name := range []string{"1", "2", "3"} {
					_, err := db.DB().NewInsert().Model(&Account{Name: name, Balance: 7}).Exec(t.Context())
					require.NoError(t, err)
				}
				conn, err := db.DB().Conn(t.Context())
				require.NoError(t, err)
				defer func() { _ = conn.Close() }()
				keeps := func(aliases []string) {
					prepared, err := dbmodule.PreparedOn(conn)
					require.NoError(t, err)
					var want []string
					for _, alias := range aliases {
						want = append(want, preparedAs(db.Engine(), alias))
					}
					assert.Equal(t, want, prepared)
				}
				tx, err := conn.BeginTx(t.Context(), nil)
				require.NoError(t, err)
				defer func() { _ = tx.Rollback() }()
				run(t, tx, aliased("a"))
				rows, err := tx.QueryContext(t.Context(), aliased("a"))
				require.NoError(t, err)
				defer func() { _ = rows.Close() }()
				var names []string
				for rows.Next() {
					var name string
					require.NoError(t, rows.Scan(&name))
					names = append(names, name)
					for _, alias := range "bbccdd" {
						inner, err := read(t.Context(), tx, aliased(string(alias)))
						require.NoError(t, err)
						assert.Equal(t, []string{"1", "2", "3"}, inner)
					}
					keeps(test.during)
				}
				require.NoError(t, rows.Err())
				require.NoError(t, rows.Close())
				assert.Equal(t, []string{"1", "2", "3"}, names)
				run(t, tx, aliased("e")) // now that a's rows are closed, it goes first
				run(t, tx, aliased("e"))
				keeps(test.after)
				require.NoError(t, tx.Commit())
			})
		})
	}
}

// All values are bound, those too that are the same each time.
func TestAllValuesAreBound(t *testing.T) {
	t.Parallel()
	onOneConnection(t, 10, func(t *testing.T, db *dbmodule.Database) {
		query := "SELECT name FROM accounts WHERE balance = ? AND name <> 'x' AND id > ? LIMIT 3"
		for i := range 3 {
			var names []string
			require.NoError(t, db.DB().NewRaw(query, 1, i).Scan(t.Context(), &names))
		}
		want := "SELECT name FROM accounts WHERE balance = ? AND name <> ? AND id > ? LIMIT ?"
		if db.Engine() == dbmodule.PostgreSQL {
			want = "SELECT name FROM accounts WHERE balance = $1::int4 AND name <> $2 AND id > $3::int4 LIMIT $4::int4"
		}
		assert.Contains(t, kept(t, db), want)
	})
}

// Exec of a statement that returns rows, prepared or not.
func TestExecOfARead(t *testing.T) {
	t.Parallel()
	onOneConnection(t, 10, func(t *testing.T, db *dbmodule.Database) {
		for i := range 4 {
			for range 2 {
				_, err := byBalance(t.Context(), db.DB(), 0, i)
				require.NoError(t, err)
				_, err = db.DB().NewSelect().Model((*Account)(nil)).Column("name").Where("balance = ? AND id IS NOT NULL", i).Order("id").Exec(t.Context())
				require.NoError(t, err)
			}
		}
	})
}

// Rows that are still read keep their statement. Only SQLite runs another
// meanwhile.
func TestStatementInUseIsNotUsedTwice(t *testing.T) {
	t.Parallel()
	onOneConnectionOf(t, dbmodule.SQLite, 10, func(t *testing.T, db *dbmodule.Database) {
		for _, name := range []string{"a", "b", "c"} {
			require.NoError(t, insert(t.Context(), db.DB(), name))
		}
		require.NoError(t, db.DB().RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx) error {
			query := "SELECT name FROM accounts WHERE id > ? ORDER BY id"
			for i := range 3 {
				outer, err := tx.QueryContext(ctx, query, i%2)
				require.NoError(t, err)
				var read []string
				for outer.Next() {
					var name, inner string
					require.NoError(t, outer.Scan(&name))
					require.NoError(t, tx.NewRaw(query+" LIMIT 1", 0).Scan(ctx, &inner))
					require.NoError(t, tx.QueryRowContext(ctx, query, 1).Scan(&inner))
					assert.Equal(t, "b", inner)
					read = append(read, name)
				}
				require.NoError(t, outer.Err())
				require.NoError(t, outer.Close())
				assert.Equal(t, []string{"a", "b", "c"}[i%2:], read)
			}
			return nil
		}))
	})
}

// A table that changes makes prepared statements stale. Nobody notices,
// outside of transactions and at the start of one.
func TestTableChangesUnderPreparedStatements(t *testing.T) {
	t.Parallel()
	onOneConnection(t, 10, func(t *testing.T, db *dbmodule.Database) {
		require.NoError(t, insert(t.Context(), db.DB(), "1"))
		read := func(ctx context.Context, db bun.IDB, i int) error {
			var rows []map[string]any
			if err := db.NewRaw("SELECT * FROM accounts WHERE id < ?", 10+i).Scan(ctx, &rows); err != nil {
				return err
			}
			assert.Len(t, rows, 1)
			n, err := db.NewSelect().TableExpr("accounts").Where("name = ?", fmt.Sprint(i)).Count(ctx)
			assert.LessOrEqual(t, n, int64(1))
			return err
		}
		name := "ALTER TABLE accounts RENAME COLUMN balance TO credit"
		changes := []string{"ALTER TABLE accounts ADD COLUMN extra INT", name}
		if db.Engine() == dbmodule.PostgreSQL {
			changes = append(changes, "ALTER TABLE accounts ALTER COLUMN name TYPE int USING name::int", "ALTER TABLE accounts ALTER COLUMN extra TYPE text")
		}
		for i, change := range changes {
			for j := range 3 {
				require.NoError(t, read(t.Context(), db.DB(), j), change)
			}
			_, err := db.DB().ExecContext(t.Context(), change)
			require.NoError(t, err)
			if i%2 == 0 {
				require.NoError(t, read(t.Context(), db.DB(), 5), change)
				continue
			}
			attempts := 0
			require.NoError(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
				attempts++
				return read(ctx, s, 6)
			}), change)
			assert.LessOrEqual(t, attempts, 2)
		}
	})
}

// A connection on which prepared statements are thrown away is not used again. Only
// PostgreSQL has a statement for that.
func TestPreparedStatementsThrownAway(t *testing.T) {
	t.Parallel()
	onOneConnectionOf(t, dbmodule.PostgreSQL, 10, func(t *testing.T, db *dbmodule.Database) {
		for _, statement := range []string{"DEALLOCATE ALL", "DISCARD ALL"} {
			for i := range 3 {
				_, err := byBalance(t.Context(), db.DB(), 0, i)
				require.NoError(t, err)
			}
			require.NotEmpty(t, kept(t, db))
			_, err := db.DB().ExecContext(t.Context(), statement)
			require.NoError(t, err)
			assert.Empty(t, kept(t, db))
			attempts := 0
			require.NoError(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
				attempts++
				_, err := byBalance(ctx, s, 0, 9)
				return err
			}))
			assert.Equal(t, 1, attempts)
			assert.Len(t, kept(t, db), 1)
		}
	})
}

// Statements that are thrown away out of sight are prepared again.
func TestPreparedStatementsThrownAwayOutOfSight(t *testing.T) {
	t.Parallel()
	onOneConnectionOf(t, dbmodule.PostgreSQL, 10, func(t *testing.T, db *dbmodule.Database) {
		conn, err := db.DB().Conn(t.Context())
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		for range 2 {
			for i := range 3 {
				_, err := byBalance(t.Context(), conn, 0, i)
				require.NoError(t, err)
			}
			require.NoError(t, dbmodule.RunUnseen(t.Context(), conn, "DEALLOCATE ALL"))
		}
		prepared, err := dbmodule.PreparedOn(conn)
		require.NoError(t, err)
		assert.Len(t, prepared, 1)
	})
}

// A table that is gone gives the same error whether or not its statements were
// prepared, in a transaction too.
func TestTableGoneUnderPreparedStatements(t *testing.T) {
	t.Parallel()
	onOneConnection(t, 10, func(t *testing.T, db *dbmodule.Database) {
		for i := range 3 {
			_, err := byBalance(t.Context(), db.DB(), 0, i)
			require.NoError(t, err)
		}
		_, err := db.DB().NewDropTable().Model((*Account)(nil)).Exec(t.Context())
		require.NoError(t, err)
		for range 3 {
			_, want := byBalance(t.Context(), db.DB(), 1, 5) // never seen before
			require.Error(t, want)
			_, err := byBalance(t.Context(), db.DB(), 0, 5)
			require.EqualError(t, err, want.Error())
			err = db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
				_, err := byBalance(ctx, s, 0, 6)
				return err
			})
			require.EqualError(t, err, want.Error())
		}
	})
}

// Behind a pooler that changes sessions between transactions nothing is kept
// prepared: the next transaction would look for it on another session.
func TestNothingIsPreparedBehindTransactionPooling(t *testing.T) {
	t.Parallel()
	cfg := dbmodule.DefaultConfig()
	require.NoError(t, cfg.URL.UnmarshalText([]byte(dbtest.StartPooler(t, dbtest.URL(t, dbmodule.PostgreSQL), "transaction", 2))))
	db := dbtest.Open(t, cfg)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			for i := range 20 {
				var n int
				err := db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
					return s.NewRaw("SELECT count(*) FROM generate_series(1, 9) AS n WHERE n > ?", i).Scan(ctx, &n)
				}, dbmodule.MaxAttempts(1))
				if err != nil || n != max(9-i, 0) {
					t.Errorf("%d: %v", n, err)
				}
			}
		})
	}
	wg.Wait()
	var n int
	require.NoError(t, db.DB().NewRaw("SELECT count(*) FROM pg_prepared_statements").Scan(t.Context(), &n))
	require.Zero(t, n)
}

// Echo shows what Bun rendered, bound or not.
func TestQueryHooksSeeTheText(t *testing.T) {
	t.Parallel()
	onOneConnection(t, 10, func(t *testing.T, db *dbmodule.Database) {
		var seen []string
		observed := db.DB().WithQueryHook(hookFunc(func(event *bun.QueryEvent) { seen = append(seen, event.Query) }))
		for i := range 3 {
			_, err := byBalance(t.Context(), observed, 0, i)
			require.NoError(t, err)
		}
		require.Len(t, seen, 3)
		for i, query := range seen {
			assert.Contains(t, query, fmt.Sprintf("balance = %d ", i))
			assert.False(t, strings.Contains(query, "$1") || strings.Contains(query, "?"))
		}
	})
}

type hookFunc func(event *bun.QueryEvent)

func (hookFunc) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }
func (f hookFunc) AfterQuery(_ context.Context, event *bun.QueryEvent)              { f(event) }
