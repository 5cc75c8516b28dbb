package dbmodule

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/retry"
	"github.com/openhands-go/server/dbmodule/internal/sqlconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakeDriver plays a driver whose connections break on cue. These tests stand
// inside the package since no real server breaks at an exact statement.
type fakeDriver struct {
	execs, commits int
	execErr        error
	beginErr       error
	interrupt      func() // what happens meanwhile, nil for nothing
	commitErr      error
	queryErr       error
}

func (f *fakeDriver) pool(of Engine) *sql.DB {
	cfg := DefaultConfig()
	settings := cfg.connSettings(shared{}, judgeOf(of), func(context.Context) (engine.Conn, error) { return &fakeConn{f: f}, nil })
	settings.Engine, settings.Dialect = of, dialectOf(of)
	c := sqlconn.NewConnector(settings)
	return openDB(newConnPool(PoolWriter, c, limitsOf(cfg)))
}

// fakeConn has what the tests use; anything else is nil, and panics.
type fakeConn struct {
	engine.Conn
	f *fakeDriver
}

func (c *fakeConn) Close() error                { return nil }
func (c *fakeConn) Valid() bool                 { return true }
func (c *fakeConn) Reset(context.Context) error { return nil }
func (c *fakeConn) Abandon(context.Context)     {}
func (c *fakeConn) ClosesLate() bool            { return false }
func (c *fakeConn) DiscardsRows() bool          { return false }
func (c *fakeConn) OneResult() bool             { return true }
func (c *fakeConn) SettingsChanged() bool       { return false }
func (c *fakeConn) KeepsStatements(context.Context) (bool, error) {
	return true, nil
}

func (c *fakeConn) Begin(context.Context, engine.TxOptions) error {
	if c.f.beginErr != nil {
		c.f.interrupt()
	}
	return c.f.beginErr
}
func (c *fakeConn) Commit(context.Context) error   { c.f.commits++; return c.f.commitErr }
func (c *fakeConn) Rollback(context.Context) error { return nil }

func (c *fakeConn) Exec(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	c.f.execs++
	if c.f.interrupt != nil {
		c.f.interrupt()
	}
	return driver.RowsAffected(1), c.f.execErr
}

func (c *fakeConn) Query(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return &fakeRows{c.f}, nil
}

type fakeRows struct{ f *fakeDriver }

func (r *fakeRows) Columns() []string         { return []string{"n"} }
func (r *fakeRows) Close() error              { return nil }
func (r *fakeRows) Next([]driver.Value) error { return r.f.queryErr }

func TestStatementsAreNeverRepeatedBehindTheCallersBack(t *testing.T) {
	t.Parallel()
	for _, engine := range []Engine{PostgreSQL, MySQL} {
		f := &fakeDriver{execErr: driver.ErrBadConn}
		db := f.pool(engine)
		_, err := db.ExecContext(t.Context(), "INSERT INTO t VALUES (1)")
		require.ErrorIs(t, err, ErrUnavailable)
		require.NotErrorIs(t, err, driver.ErrBadConn)
		assert.Equal(t, 1, f.execs)
		assert.Zero(t, db.Stats().Idle, "the connection is dropped")
		require.NoError(t, db.Close())
	}
}

// MySQL's driver closes the connection of a caller who goes away, and where that
// comes just before it would write, all it says is that the connection is closed.
func TestWhoWentAwayIsNotToldThatTheDatabaseIsGone(t *testing.T) {
	t.Parallel()
	for name, use := range map[string]func(ctx context.Context, conn *sql.Conn) error{
		"statement": func(ctx context.Context, conn *sql.Conn) error {
			_, err := conn.ExecContext(ctx, "INSERT INTO t VALUES (1)")
			return err
		},
		"begin": func(ctx context.Context, conn *sql.Conn) error {
			_, err := conn.BeginTx(ctx, nil)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, leave := context.WithCancel(t.Context())
			f := &fakeDriver{execErr: driver.ErrBadConn, beginErr: driver.ErrBadConn, interrupt: leave}
			db := f.pool(MySQL)
			conn, err := db.Conn(ctx)
			require.NoError(t, err)
			err = use(ctx, conn)
			require.ErrorIs(t, err, context.Canceled)
			require.NotErrorIs(t, err, ErrUnavailable)
			_ = conn.Close()
			assert.Zero(t, db.Stats().Idle, "the connection is dropped")
			require.NoError(t, db.Close())
		})
	}
}

func TestCommitOutcomes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err     error
		unknown bool
	}{
		"connection lost":          {io.ErrUnexpectedEOF, true},
		"driver says safe":         {driver.ErrBadConn, true},
		"deadline":                 {context.DeadlineExceeded, true},
		"server shut down":         {&pgconn.PgError{Code: "57P01"}, true},
		"completion unknown":       {&pgconn.PgError{Code: "40003"}, true},
		"serialization failure":    {&pgconn.PgError{Code: "40001"}, false},
		"deferred unique violated": {&pgconn.PgError{Code: "23505"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, of := range []Engine{PostgreSQL, MySQL} {
				if pg := (*pgconn.PgError)(nil); errors.As(test.err, &pg) && of == MySQL {
					continue // no error of that engine's
				}
				f := &fakeDriver{commitErr: test.err}
				db := f.pool(of)
				tx, err := db.BeginTx(t.Context(), nil)
				require.NoError(t, err)
				err = tx.Commit()
				require.Error(t, err)
				assert.Equal(t, test.unknown, errors.Is(err, ErrCommitUnknown))
				assert.False(t, test.unknown && retry.Retryable(err), "an unknown commit is never repeated")
				assert.NotErrorIs(t, err, driver.ErrBadConn)
				assert.Equal(t, 1, f.commits)
				if test.unknown {
					assert.Zero(t, db.Stats().Idle, "the connection is dropped")
				}
				require.NoError(t, db.Close())
			}
		})
	}
}

func TestErrorsWhileReadingRowsAreTyped(t *testing.T) {
	t.Parallel()
	f := &fakeDriver{queryErr: &pgconn.PgError{Code: "40001"}}
	db := f.pool(PostgreSQL)
	defer func() { require.NoError(t, db.Close()) }()
	rows, err := db.QueryContext(t.Context(), "SELECT n FROM t")
	require.NoError(t, err)
	assert.False(t, rows.Next())
	require.ErrorIs(t, rows.Err(), ErrConflict)
	require.NoError(t, rows.Close())
}

func TestServerSideRollbackStopsThePlainTransactionToo(t *testing.T) {
	t.Parallel()
	f := &fakeDriver{}
	db := f.pool(SQLite)
	defer func() { require.NoError(t, db.Close()) }()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	f.execErr = driver.ErrBadConn
	_, err = tx.ExecContext(t.Context(), "INSERT INTO t VALUES (1)")
	require.Error(t, err)
	f.execErr = nil
	_, err = tx.ExecContext(t.Context(), "INSERT INTO t VALUES (2)")
	require.ErrorIs(t, err, ErrPendingRollback)
	assert.Equal(t, 1, f.execs, "the second statement must not be sent")
	require.ErrorIs(t, tx.Commit(), ErrPendingRollback)
	assert.Zero(t, f.commits)
}
