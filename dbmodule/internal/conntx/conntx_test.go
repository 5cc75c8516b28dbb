package conntx_test

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"sync/atomic"
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

// counting is a context that counts the functions which wait for its end.
type counting struct {
	context.Context
	ended   chan struct{}
	waiting atomic.Int32
}

func (c *counting) Done() <-chan struct{} { return c.ended }

// AfterFunc is called by package context.
func (c *counting) AfterFunc(func()) (stop func() bool) {
	c.waiting.Add(1)
	return func() bool { c.waiting.Add(-1); return true }
}

// A backfill runs many transactions with one context: none may leave something behind in it.
func TestEndedTransactionLeavesNothingInItsContext(t *testing.T) {
	each(t, func(t *testing.T, _ *dbmodule.Database, conn bun.Conn) {
		ctx := &counting{Context: t.Context(), ended: make(chan struct{})}
		for _, end := range []func(tx *conntx.Tx) error{
			(*conntx.Tx).Rollback,
			func(tx *conntx.Tx) error { return tx.Run(func(bun.Tx) error { return nil }) },
		} {
			tx, err := conntx.Begin(ctx, conn, nil)
			require.NoError(t, err)
			require.Positive(t, ctx.waiting.Load())
			require.NoError(t, end(tx))
			require.Zero(t, ctx.waiting.Load())
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

// A server that answers nothing any more does not hold up who wants to leave: COMMIT and ROLLBACK end
// some time after the context.
func TestServerThatHangs(t *testing.T) {
	t.Parallel()
	for _, engine := range []dbmodule.Engine{dbmodule.PostgreSQL, dbmodule.MySQL} {
		for name, end := range map[string]func(tx *conntx.Tx) error{
			"Rollback": func(tx *conntx.Tx) error { _ = tx.Rollback(); return nil }, // the lost connection is rolled back
			"Run": func(tx *conntx.Tx) error {
				if err := tx.Run(func(bun.Tx) error { return nil }); err == nil {
					return errors.New("the transaction counts as committed")
				}
				return nil
			},
		} {
			t.Run(string(engine)+"/"+name, func(t *testing.T) {
				t.Parallel()
				proxy := dbtest.StartProxy(t, dbtest.URL(t, engine))
				cfg := proxy.Config(t)
				cfg.StatementTimeout = 0 // as that of migrations
				db := dbtest.Open(t, cfg)
				conn, err := db.DB().Conn(t.Context())
				require.NoError(t, err)
				defer func() { _ = conn.Close() }()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				tx, err := conntx.Begin(ctx, conn, nil)
				require.NoError(t, err)
				_, err = tx.Tx.ExecContext(ctx, "CREATE TABLE t (a INTEGER)")
				require.NoError(t, err)
				proxy.Stall()
				defer proxy.Resume()
				leave := time.AfterFunc(10*time.Millisecond, cancel)
				defer leave.Stop()
				require.NoError(t, end(tx)) // otherwise it hangs until the test's time is over
			})
		}
	}
}
