package dbmodule_test

import (
	"context"
	"strings"
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
		if db.Engine() == dbmodule.SQLite {
			return // it prepares by the schema that the connection has seen last
		}
		rename := func(from, to string) {
			elsewhere(t, db, "ALTER TABLE "+from+" RENAME TO "+to)
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
				assert.NotContains(t, kept(t, db), preparedAs(db.Engine(), alias))
			}
		}
		for range 2 {
			run(t, db.DB(), aliased("other"))
		}
		assert.Contains(t, kept(t, db), preparedAs(db.Engine(), "other"), "others are prepared")
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
		name   string
		option string // of the URL
		run    func(ctx context.Context, db *dbmodule.Database, query string) error
		want   error
	}{
		{"a lock", "lock_timeout=20", alone, dbmodule.ErrConflict},
		{"a lock in a transaction", "lock_timeout=20", within, dbmodule.ErrConflict},
		{"the time", "statement_timeout=200", alone, dbmodule.ErrTimeout},
		{"the time in a transaction", "statement_timeout=200", within, dbmodule.ErrTimeout},
		{"the server", "lock_timeout=60000", whileWaiting(t, func(_ context.CancelFunc, other *dbmodule.Database, pid int) {
			_, err := other.DB().ExecContext(t.Context(), "SELECT pg_terminate_backend(?)", pid)
			assert.NoError(t, err)
		}), dbmodule.ErrUnavailable},
		{"the caller", "lock_timeout=60000", whileWaiting(t, func(cancel context.CancelFunc, _ *dbmodule.Database, _ int) {
			cancel()
		}), context.Canceled},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cfg := withOption(t, test.option)
			cfg.PoolSize, cfg.MaxOverflow = 1, 0
			db := dbtest.Open(t, cfg)
			_, err := db.DB().NewCreateTable().Model((*Account)(nil)).Exec(t.Context())
			require.NoError(t, err)
			query := aliased("a")
			run(t, db.DB(), query)
			unlock := lockedAccounts(t, cfg)
			require.ErrorIs(t, test.run(t.Context(), db, query), test.want)
			unlock()
			require.NotContains(t, kept(t, db), preparedAs(db.Engine(), "a"))
			run(t, db.DB(), query)
			assert.Contains(t, kept(t, db), preparedAs(db.Engine(), "a"))
		})
	}
}

// withOption is a database on PostgreSQL whose URL has an option.
func withOption(t *testing.T, option string) dbmodule.Config {
	t.Helper()
	cfg := dbtest.Config(t, dbmodule.PostgreSQL)
	url := dbtest.URL(t, dbmodule.PostgreSQL)
	if strings.Contains(url, "?") {
		url += "&" + option
	} else {
		url += "?" + option
	}
	require.NoError(t, cfg.URL.UnmarshalText([]byte(url)))
	return cfg
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
				assert.Contains(t, kept(t, db), preparedAs(db.Engine(), "a"))
			})
		})
	}
}

// A statement that can't be prepared in a transaction costs that on PostgreSQL, as
// it would as text, for the reason that the server gave.
func TestKnownStatementThatIsNotPreparedCostsTheTransaction(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, option string
		want         error
	}{
		{"a lock", "lock_timeout=20", dbmodule.ErrConflict},
		{"the time", "statement_timeout=200", dbmodule.ErrTimeout},
		{"refused", "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cfg := withOption(t, test.option)
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
			if test.option == "" {
				rename := func(from, to string) {
					_, err := knows.ExecContext(t.Context(), "ALTER TABLE "+from+" RENAME TO "+to)
					require.NoError(t, err)
				}
				rename("accounts", "elsewhere")
				undo = func() { rename("elsewhere", "accounts") }
			} else {
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
			for range 2 { // after DDL it runs as text first
				run(t, conn, query)
			}
			prepared, err := dbmodule.PreparedOn(conn)
			require.NoError(t, err)
			assert.Contains(t, prepared, preparedAs(db.Engine(), "a"))
		})
	}
}

// To prepare a statement takes a trip more than to run it, in a transaction too.
func TestPreparingTakesOneTrip(t *testing.T) {
	t.Parallel()
	proxy := dbtest.StartProxy(t, dbtest.URL(t, dbmodule.PostgreSQL))
	cfg := proxy.Config(t)
	cfg.PoolSize, cfg.MaxOverflow = 2, 0
	db := dbtest.Open(t, cfg)
	_, err := db.DB().NewCreateTable().Model((*Account)(nil)).Exec(t.Context())
	require.NoError(t, err)
	run(t, db.DB(), aliased("a"))
	for range 2 {
		conn, err := db.DB().Conn(t.Context())
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		run(t, conn, aliased("other"))
		tx, err := conn.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		for _, want := range []int64{2, 1, 1} {
			before := proxy.Trips()
			run(t, tx, aliased("a"))
			assert.Equal(t, want, proxy.Trips()-before)
		}
		require.NoError(t, tx.Commit())
	}
}
