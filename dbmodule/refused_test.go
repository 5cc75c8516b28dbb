package dbmodule_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// What an engine refuses to prepare runs as it is from then on: asking each time
// would cost a trip.
func TestRefusedStatementIsNotPreparedAgain(t *testing.T) {
	t.Parallel()
	onOneConnection(t, 10, func(t *testing.T, db *dbmodule.Database) {
		rename := func(from, to string) {
			_, err := db.DB().ExecContext(t.Context(), "ALTER TABLE "+from+" RENAME TO "+to)
			require.NoError(t, err)
		}
		inTx := func(query string) error {
			return db.DB().RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx) error {
				_, err := read(ctx, tx, query)
				return err
			})
		}
		alone := func(query string) error {
			_, err := read(t.Context(), db.DB(), query)
			return err
		}
		for alias, query := range map[string]func(query string) error{"alone": alone, "within": inTx} {
			require.NoError(t, query(aliased(alias)))
			rename("accounts", "elsewhere")
			require.Error(t, query(aliased(alias)))
			rename("elsewhere", "accounts")
			for range 3 {
				require.NoError(t, query(aliased(alias)))
				assert.NotContains(t, kept(t, db), aliased(alias))
			}
		}
		for range 2 {
			run(t, db.DB(), aliased("other"))
		}
		assert.Contains(t, kept(t, db), aliased("other"), "others are prepared")
	})
}

// lockedAccounts is a lock on PostgreSQL's table that even its readers wait for.
func lockedAccounts(t *testing.T, cfg dbmodule.Config) (unlock func()) {
	t.Helper()
	conn, err := dbtest.Open(t, cfg).DB().Conn(t.Context())
	require.NoError(t, err)
	for _, statement := range []string{"BEGIN", "LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE"} {
		_, err = conn.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	return func() {
		_, err := conn.ExecContext(t.Context(), "COMMIT")
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
}

// What fails for a reason of the moment is prepared once that has passed.
func TestStatementThatFailedForTheMomentIsPreparedLater(t *testing.T) {
	t.Parallel()
	alone := func(ctx context.Context, db *dbmodule.Database, query string) error {
		_, err := read(ctx, db.DB(), query)
		return err
	}
	within := func(ctx context.Context, db *dbmodule.Database, query string) error {
		return db.DB().RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
			_, err := read(ctx, tx, query)
			return err
		})
	}
	// whileWaiting does something to a statement that waits for the lock.
	whileWaiting := func(t *testing.T, what func(cancel context.CancelFunc, other *dbmodule.Database, pid int)) func(context.Context, *dbmodule.Database, string) error {
		return func(ctx context.Context, db *dbmodule.Database, query string) error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			other := dbtest.Open(t, dbmodule.ConfigOf(db))
			failed := make(chan error)
			go func() { failed <- alone(ctx, db, query) }()
			var pid int
			assert.Eventually(t, func() bool {
				find := "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
				return other.DB().NewRaw(find).Scan(t.Context(), &pid) == nil
			}, time.Minute, time.Millisecond)
			what(cancel, other, pid)
			return <-failed
		}
	}
	for _, test := range []struct {
		name       string
		set, reset string
		run        func(ctx context.Context, db *dbmodule.Database, query string) error
		want       error
	}{
		{"a lock", "SET lock_timeout = 20", "RESET lock_timeout", alone, dbmodule.ErrConflict},
		{"a lock in a transaction", "SET lock_timeout = 20", "RESET lock_timeout", within, dbmodule.ErrConflict},
		{"the time", "SET statement_timeout = 200", "RESET statement_timeout", alone, dbmodule.ErrTimeout},
		{"the time in a transaction", "SET statement_timeout = 200", "RESET statement_timeout", within, dbmodule.ErrTimeout},
		{"the server", "SELECT 1", "SELECT 1", whileWaiting(t, func(_ context.CancelFunc, other *dbmodule.Database, pid int) {
			_, err := other.DB().ExecContext(t.Context(), "SELECT pg_terminate_backend(?)", pid)
			assert.NoError(t, err)
		}), dbmodule.ErrUnavailable},
		{"the caller", "SELECT 1", "SELECT 1", whileWaiting(t, func(cancel context.CancelFunc, _ *dbmodule.Database, _ int) {
			cancel()
		}), context.Canceled},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			onOneConnectionOf(t, dbmodule.PostgreSQL, 10, func(t *testing.T, db *dbmodule.Database) {
				query := aliased("a")
				run(t, db.DB(), query)
				_, err := db.DB().ExecContext(t.Context(), test.set)
				require.NoError(t, err)
				unlock := lockedAccounts(t, dbmodule.ConfigOf(db))
				require.ErrorIs(t, test.run(t.Context(), db, query), test.want)
				unlock()
				_, err = db.DB().ExecContext(t.Context(), test.reset)
				require.NoError(t, err)
				require.NotContains(t, kept(t, db), query)
				run(t, db.DB(), query)
				assert.Contains(t, kept(t, db), query)
			})
		})
	}
}

// A transaction that failed refuses whatever comes next, which says nothing about
// that.
func TestStatementInAFailedTransactionIsPreparedLater(t *testing.T) {
	t.Parallel()
	for name, before := range map[string][]string{"the first": nil, "another": {aliased("b"), aliased("b")}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onOneConnectionOf(t, dbmodule.PostgreSQL, 10, func(t *testing.T, db *dbmodule.Database) {
				for _, query := range append(before, aliased("a")) {
					run(t, db.DB(), query)
				}
				require.Len(t, kept(t, db), len(before)/2)
				tx, err := db.DB().BeginTx(t.Context(), nil)
				require.NoError(t, err)
				defer func() { _ = tx.Rollback() }()
				_, err = read(t.Context(), tx, "SELECT nothing FROM nowhere")
				require.Error(t, err)
				_, err = read(t.Context(), tx, aliased("a"))
				require.ErrorIs(t, err, dbmodule.ErrPendingRollback)
				require.NoError(t, tx.Rollback())
				run(t, db.DB(), aliased("a"))
				assert.Contains(t, kept(t, db), aliased("a"))
			})
		})
	}
}

// What another connection has prepared is prepared without a savepoint in a
// transaction. When that fails, the transaction is gone, for the reason that the
// server gave.
func TestKnownStatementThatIsNotPreparedCostsTheTransaction(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, set string
		want      error
	}{
		{"a lock", "SET lock_timeout = 20", dbmodule.ErrConflict},
		{"the time", "SET statement_timeout = 200", dbmodule.ErrTimeout},
		{"refused", "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cfg := dbtest.Config(t, dbmodule.PostgreSQL)
			cfg.PoolSize, cfg.MaxOverflow = 2, 0
			db := dbtest.Open(t, cfg)
			_, err := db.DB().NewCreateTable().Model((*Account)(nil)).Exec(t.Context())
			require.NoError(t, err)
			knows, err := db.DB().Conn(t.Context())
			require.NoError(t, err)
			defer func() { _ = knows.Close() }()
			query := aliased("a")
			run(t, knows, query)
			run(t, knows, query)

			conn, err := db.DB().Conn(t.Context())
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
			var undo func()
			if test.set == "" {
				rename := func(from, to string) {
					_, err := knows.ExecContext(t.Context(), "ALTER TABLE "+from+" RENAME TO "+to)
					require.NoError(t, err)
				}
				rename("accounts", "elsewhere")
				undo = func() { rename("elsewhere", "accounts") }
			} else {
				_, err = conn.ExecContext(t.Context(), test.set)
				require.NoError(t, err)
				undo = lockedAccounts(t, cfg)
			}
			tx, err := conn.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			defer func() { _ = tx.Rollback() }()
			_, err = read(t.Context(), tx, query)
			require.Error(t, err)
			require.NotErrorIs(t, err, dbmodule.ErrPendingRollback)
			if test.want != nil {
				require.ErrorIs(t, err, test.want)
			}
			require.NoError(t, tx.Rollback())
			undo()
			run(t, conn, query)
			prepared, err := dbmodule.PreparedOn(conn)
			require.NoError(t, err)
			assert.Contains(t, prepared, query)
		})
	}
}

// What a connection prepared before is prepared elsewhere without a savepoint,
// which costs two trips, until something went wrong with it.
func TestKnownStatementIsPreparedWithoutASavepoint(t *testing.T) {
	t.Parallel()
	const plain, careful = 2, 4 // trips, with that of the statement itself
	proxy := dbtest.StartProxy(t, dbtest.URL(t, dbmodule.PostgreSQL))
	cfg := proxy.Config(t)
	cfg.PoolSize, cfg.MaxOverflow = 3, 0
	db := dbtest.Open(t, cfg)
	_, err := db.DB().NewCreateTable().Model((*Account)(nil)).Exec(t.Context())
	require.NoError(t, err)
	var conns [3]bun.Conn
	for i := range conns {
		conns[i], err = db.DB().Conn(t.Context())
		require.NoError(t, err)
		defer func() { _ = conns[i].Close() }()
		run(t, conns[i], aliased("other"))
		run(t, conns[i], aliased("other"))
	}
	within := func(conn bun.Conn) (trips int64, err error) {
		tx, err := conn.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		defer func() { _ = tx.Rollback() }()
		before := proxy.Trips()
		err = selectAll(t.Context(), tx)
		return proxy.Trips() - before, err
	}
	change := func(statement string) {
		_, err := conns[0].ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	takes := func(conn bun.Conn, want int64) {
		t.Helper()
		trips, err := within(conn)
		require.NoError(t, err)
		assert.Equal(t, want, trips)
	}
	require.NoError(t, selectAll(t.Context(), conns[0]))
	takes(conns[0], careful)
	takes(conns[1], plain)

	change("ALTER TABLE accounts ADD COLUMN extra INT")
	_, err = within(conns[1]) // it is stale
	require.NoError(t, err)
	takes(conns[1], careful)

	change("ALTER TABLE accounts RENAME TO elsewhere")
	_, err = within(conns[2])
	require.Error(t, err)
	change("ALTER TABLE elsewhere RENAME TO accounts")
	takes(conns[2], careful)
}
