package conntx_test

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/internal/conntx"
)

// each runs a test on every engine, with a connection to a database that has the table t.
func each(t *testing.T, test func(t *testing.T, db *dbmodule.Database, conn bun.Conn)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		db := dbtest.Open(t, cfg)
		_, err := db.DB().ExecContext(t.Context(), "CREATE TABLE t (a INTEGER)")
		require.NoError(t, err)
		conn, err := db.DB().Conn(t.Context())
		require.NoError(t, err)
		defer func() { _ = conn.Close() }() // a test may have closed it
		test(t, db, conn)
	})
}

// count returns the number of rows that the connection sees.
func count(t *testing.T, conn bun.Conn) (n int) {
	t.Helper()
	require.NoError(t, conn.QueryRowContext(t.Context(), "SELECT count(*) FROM t").Scan(&n))
	return n
}

func insert(ctx context.Context, tx bun.Tx) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO t VALUES (1)")
	return err
}

func TestRun(t *testing.T) {
	wrong := errors.New("wrong")
	each(t, func(t *testing.T, _ *dbmodule.Database, conn bun.Conn) {
		run := func(ctx context.Context, fn func(tx bun.Tx) error) error {
			tx, err := conntx.Begin(ctx, conn, nil)
			require.NoError(t, err)
			return tx.Run(fn)
		}
		require.NoError(t, run(t.Context(), func(tx bun.Tx) error { return insert(t.Context(), tx) }))
		assert.Equal(t, 1, count(t, conn))

		err := run(t.Context(), func(tx bun.Tx) error { return errors.Join(wrong, insert(t.Context(), tx)) })
		require.ErrorIs(t, err, wrong)
		assert.Equal(t, 1, count(t, conn))

		assert.PanicsWithError(t, "wrong", func() {
			_ = run(t.Context(), func(tx bun.Tx) error { require.NoError(t, insert(t.Context(), tx)); panic(wrong) })
		})
		assert.Equal(t, 1, count(t, conn))

		for range 50 { // the context ends before COMMIT
			ctx, cancel := context.WithCancelCause(t.Context())
			err = run(ctx, func(tx bun.Tx) error { defer cancel(wrong); return insert(ctx, tx) })
			require.ErrorIs(t, err, wrong)
			require.Equal(t, 1, count(t, conn), "the connection is used further, and its transaction is rolled back")
		}
	})
}

func TestRollback(t *testing.T) {
	each(t, func(t *testing.T, _ *dbmodule.Database, conn bun.Conn) {
		for range 50 {
			ctx, cancel := context.WithCancel(t.Context())
			tx, err := conntx.Begin(ctx, conn, nil)
			require.NoError(t, err)
			require.NoError(t, insert(ctx, tx.Tx))
			cancel()
			require.NoError(t, tx.Rollback())
			require.NoError(t, tx.Rollback(), "it has ended already")
			require.Zero(t, count(t, conn))
		}
	})
}

// The context ends before, while or after the transaction begins. A transaction that has begun can
// be used and ended; otherwise none is left open, and the connection is usable, closed or lost.
func TestBeginWhileTheContextEnds(t *testing.T) {
	each(t, func(t *testing.T, db *dbmodule.Database, conn bun.Conn) {
		for range 150 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(200))*time.Microsecond)
			tx, err := conntx.Begin(ctx, conn, &sql.TxOptions{Isolation: sql.LevelDefault})
			if err == nil {
				require.NoError(t, insert(t.Context(), tx.Tx))
				require.NoError(t, tx.Rollback())
			} else {
				require.ErrorIs(t, err, context.DeadlineExceeded)
			}
			_, err = conn.ExecContext(t.Context(), "INSERT INTO t VALUES (1)")
			if errors.Is(err, sql.ErrConnDone) || errors.Is(err, dbmodule.ErrUnavailable) { // BEGIN was cut off
				_ = conn.Close() // Begin may have closed it
				conn, err = db.DB().Conn(t.Context())
			} else if err == nil {
				_, err = conn.ExecContext(t.Context(), "DELETE FROM t")
			}
			require.NoError(t, err)
			require.Zero(t, count(t, conn))
			cancel()
		}
	})
}

// On SQLite Begin waits for other writers. It stops to wait when its context ends.
func TestBeginWaitsUntilTheContextEnds(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Config(t, dbmodule.SQLite)
	holder, waiter := dbtest.Open(t, cfg), dbtest.Open(t, cfg)
	tx, err := holder.DB().BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { assert.NoError(t, tx.Rollback()) }()
	conn, err := waiter.DB().Conn(t.Context())
	require.NoError(t, err)
	defer func() { assert.NoError(t, conn.Close()) }()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = conntx.Begin(ctx, conn, nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, conn.PingContext(t.Context()))
}
