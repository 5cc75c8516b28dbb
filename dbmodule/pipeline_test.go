package dbmodule_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// pipelined is a database on PostgreSQL with one connection, through a proxy that
// counts trips. What insert, lookUp and isolationLevel run is prepared there.
func pipelined(t *testing.T) (*dbmodule.Database, *dbtest.Proxy) {
	t.Helper()
	proxy := dbtest.StartProxy(t, dbtest.URL(t, dbmodule.PostgreSQL))
	cfg := proxy.Config(t)
	cfg.PoolSize = 1
	cfg.MaxOverflow = 0
	db := dbtest.Open(t, cfg)
	_, err := db.DB().NewCreateTable().Model((*Account)(nil)).Exec(t.Context())
	require.NoError(t, err)
	for i := range 3 {
		require.NoError(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
			require.NoError(t, insert(ctx, s, fmt.Sprint("warm", i)))
			require.NoError(t, lookUp(ctx, s, fmt.Sprint("warm", i)))
			_, err := isolationLevel(ctx, s)
			return err
		}))
	}
	return db, proxy
}

func lookUp(ctx context.Context, s *dbmodule.Session, name string) error {
	return s.NewSelect().Model(new(Account)).Where("name = ?", name).Scan(ctx)
}

func isolationLevel(ctx context.Context, s *dbmodule.Session) (level string, err error) {
	err = s.NewSelect().ColumnExpr("current_setting('transaction_isolation')").Scan(ctx, &level)
	return level, err
}

func TestBeginTravelsWithTheFirstStatement(t *testing.T) {
	t.Parallel()
	db, proxy := pipelined(t)
	counter := 0
	fresh := func(prefix string) string { counter++; return fmt.Sprint(prefix, counter) }
	for _, test := range []struct {
		name  string
		trips int64
		run   func(ctx context.Context, s *dbmodule.Session) error
		with  []dbmodule.SessionOption
	}{
		{"one statement and COMMIT", 2, func(ctx context.Context, s *dbmodule.Session) error {
			return insert(ctx, s, fresh("a"))
		}, nil},
		{"a query", 2, func(ctx context.Context, s *dbmodule.Session) error { return lookUp(ctx, s, "warm1") }, nil},
		{"a row that is not there", 2, func(ctx context.Context, s *dbmodule.Session) error {
			if err := lookUp(ctx, s, "nobody"); !assert.ErrorIs(t, err, dbmodule.ErrNotFound) {
				return err
			}
			return nil
		}, nil},
		{"two statements", 3, func(ctx context.Context, s *dbmodule.Session) error {
			require.NoError(t, insert(ctx, s, fresh("a")))
			return insert(ctx, s, fresh("a"))
		}, nil},
		{"nothing", 0, func(context.Context, *dbmodule.Session) error { return nil }, nil},
		{"ROLLBACK", 2, func(ctx context.Context, s *dbmodule.Session) error {
			require.NoError(t, insert(ctx, s, fresh("undone")))
			return s.Rollback(ctx)
		}, nil},
		{"a statement that fails", 2, func(ctx context.Context, s *dbmodule.Session) error {
			require.ErrorIs(t, insert(ctx, s, "warm1"), dbmodule.ErrUnique)
			require.ErrorIs(t, insert(ctx, s, fresh("undone")), dbmodule.ErrPendingRollback)
			return s.Rollback(ctx)
		}, nil},
		{"a statement that is not prepared", 3, func(ctx context.Context, s *dbmodule.Session) error {
			_, err := s.ExecContext(ctx, "SELECT 1 AS "+fresh("name"))
			return err
		}, nil},
		{"a savepoint", 5, func(ctx context.Context, s *dbmodule.Session) error {
			return s.InNested(ctx, func(ctx context.Context) error { return insert(ctx, s, fresh("a")) })
		}, nil},
		{"an isolation level", 2, func(ctx context.Context, s *dbmodule.Session) error { return lookUp(ctx, s, "warm1") }, []dbmodule.SessionOption{dbmodule.Isolation(6)}},
		{"an isolation level, and a function with a value, which runs as text", 3, func(ctx context.Context, s *dbmodule.Session) error {
			level, err := isolationLevel(ctx, s)
			assert.Equal(t, "serializable", level)
			return err
		}, []dbmodule.SessionOption{dbmodule.Isolation(6)}},
		{"a read-only transaction", 3, func(ctx context.Context, s *dbmodule.Session) error {
			return lookUp(ctx, s, "warm1")
		}, []dbmodule.SessionOption{dbmodule.Snapshot()}},
	} {
		t.Run(test.name, func(t *testing.T) { //nolint:paralleltest // they share a connection
			// The fewest of some: a connection that a busy machine left idle for a
			// second is asked whether it is still there.
			fewest := int64(1000)
			for range 5 {
				before := proxy.Trips()
				s := db.Sessions().New(test.with...)
				require.NoError(t, test.run(t.Context(), s))
				require.NoError(t, s.Commit(t.Context()))
				fewest = min(fewest, proxy.Trips()-before)
			}
			assert.Equal(t, test.trips, fewest)
		})
	}
	for _, name := range names(t, db) {
		assert.NotContains(t, name, "undone")
	}
}

func TestWhatDidNotBeginIsNotEnded(t *testing.T) {
	t.Parallel()
	db, proxy := pipelined(t)
	left, leave := context.WithCancel(t.Context())
	leave()
	s := db.Sessions().New()
	for name, end := range map[string]func() error{
		"COMMIT":   func() error { return s.Commit(t.Context()) },
		"ROLLBACK": func() error { return s.Rollback(t.Context()) },
		"ROLLBACK after a statement that was not sent": func() error {
			require.ErrorIs(t, insert(left, s, "left"), context.Canceled)
			return s.Rollback(t.Context())
		},
	} {
		require.NoError(t, dbmodule.Begin(t.Context(), s), name)
		before := proxy.Trips()
		require.NoError(t, end(), name)
		assert.Zero(t, proxy.Trips()-before, name)
	}
	require.NoError(t, insert(t.Context(), db.Sessions().New(dbmodule.Autocommit()), "alone"))
	_, err := s.ExecContext(t.Context(), "INSERT INTO accounts (name, balance) VALUES ('stored', 0 + 1)")
	require.NoError(t, err)
	require.NoError(t, s.Commit(t.Context()))
	proxy.Cut() // what is in no transaction, or in one that was committed, stays
	assert.Equal(t, []string{"warm0", "warm1", "warm2", "alone", "stored"}, names(t, db))
}

// The server answers COMMIT with ROLLBACK then, and that is no success.
func TestCommitOfATransactionThatFailedUnseen(t *testing.T) {
	t.Parallel()
	db, _ := pipelined(t)
	s := db.Sessions().New()
	require.NoError(t, insert(t.Context(), s, "lost"))
	_, err := dbmodule.PgxOf(s).Exec(t.Context(), "nonsense")
	require.Error(t, err)
	require.ErrorIs(t, s.Commit(t.Context()), dbmodule.ErrPendingRollback)
	assert.Equal(t, []string{"warm0", "warm1", "warm2"}, names(t, db))
}

func TestConnectionThatWentStaleDoesNotGetABeginWithItsStatement(t *testing.T) {
	t.Parallel()
	db, proxy := pipelined(t)
	proxy.Cut()
	require.NoError(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
		return insert(ctx, s, "after the cut")
	}, dbmodule.MaxAttempts(1)))
}
