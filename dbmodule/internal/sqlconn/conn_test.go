package sqlconn_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/engine/mysql"
	"github.com/openhands-go/server/dbmodule/internal/engine/postgres"
	"github.com/openhands-go/server/dbmodule/internal/engine/sqlite"
	"github.com/openhands-go/server/dbmodule/internal/retry"
	"github.com/openhands-go/server/dbmodule/internal/sqlconn"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// fakeDriver plays a driver whose connections break on cue: no real server breaks at
// an exact statement.
type fakeDriver struct {
	execs, commits int
	execErr        error
	beginErr       error
	interrupt      func() // what happens meanwhile, nil for nothing
	commitErr      error
	queryErr       error
	// keepsErr has cost the connection.
	keepsErr error
	// askErr is the error of a connection that lives on when it is asked for a pooler.
	askErr   error
	prepares int
	// last is the connection that was made last.
	last *sqlconn.Conn
}

// engines are what a connection is told of each engine.
var engines = map[dburl.Engine]sqlconn.Settings{
	dburl.PostgreSQL: {Engine: dburl.PostgreSQL, Dialect: sqltext.PostgreSQL, Judge: postgres.Judge},
	dburl.MySQL:      {Engine: dburl.MySQL, Dialect: sqltext.MySQL, Judge: mysql.Judge},
	dburl.SQLite:     {Engine: dburl.SQLite, Dialect: sqltext.SQLite, Judge: sqlite.Judge},
}

func (f *fakeDriver) connector(of dburl.Engine) *sqlconn.Connector {
	settings := engines[of]
	settings.Open = func(context.Context) (engine.Conn, error) { return &fakeConn{f: f}, nil }
	return sqlconn.NewConnector(settings)
}

// open returns a database/sql whose connections stay open until they are no good.
func (f *fakeDriver) open(t *testing.T, of dburl.Engine) *sql.DB {
	t.Helper()
	db := sql.OpenDB(opener{f.connector(of), f})
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	return db
}

// opener is a driver.Connector.
type opener struct {
	*sqlconn.Connector
	f *fakeDriver
}

func (o opener) Connect(ctx context.Context) (driver.Conn, error) {
	made, err := o.Connector.Connect(ctx)
	o.f.last = made
	return made, err
}

func (opener) Driver() driver.Driver { return nil }

// fakeConn has what the tests use; anything else is nil, and panics.
type fakeConn struct {
	engine.Conn
	f *fakeDriver
}

func (c *fakeConn) Close() error                { return nil }
func (c *fakeConn) Valid() bool                 { return c.f.keepsErr == nil }
func (c *fakeConn) Reset(context.Context) error { return nil }
func (c *fakeConn) Abandon(context.Context)     {}
func (c *fakeConn) ClosesLate() bool            { return false }
func (c *fakeConn) DiscardsRows() bool          { return false }
func (c *fakeConn) OneResult() bool             { return true }
func (c *fakeConn) SettingsChanged() bool       { return false }
func (c *fakeConn) KeepsStatements(context.Context) (bool, error) {
	return true, errors.Join(c.f.keepsErr, c.f.askErr)
}

func (c *fakeConn) PrepareOwn(context.Context, string) (engine.Stmt, []uint32, error) {
	c.f.prepares++
	return nil, nil, &pgconn.PgError{Code: "42P01"}
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
	for _, of := range []dburl.Engine{dburl.PostgreSQL, dburl.MySQL} {
		f := &fakeDriver{execErr: driver.ErrBadConn}
		db := f.open(t, of)
		_, err := db.ExecContext(t.Context(), "INSERT INTO t VALUES (1)")
		require.ErrorIs(t, err, dberr.ErrUnavailable)
		require.NotErrorIs(t, err, driver.ErrBadConn)
		assert.Equal(t, 1, f.execs)
		assert.False(t, f.last.Checkin(), "nobody gets the connection again")
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
			db := f.open(t, dburl.MySQL)
			conn, err := db.Conn(ctx)
			require.NoError(t, err)
			err = use(ctx, conn)
			require.ErrorIs(t, err, context.Canceled)
			require.NotErrorIs(t, err, dberr.ErrUnavailable)
			_ = conn.Close()
			assert.False(t, f.last.Checkin(), "nobody gets the connection again")
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
			for _, of := range []dburl.Engine{dburl.PostgreSQL, dburl.MySQL} {
				if pg := (*pgconn.PgError)(nil); errors.As(test.err, &pg) && of == dburl.MySQL {
					continue // no error of that engine's
				}
				f := &fakeDriver{commitErr: test.err}
				db := f.open(t, of)
				tx, err := db.BeginTx(t.Context(), nil)
				require.NoError(t, err)
				err = tx.Commit()
				require.Error(t, err)
				assert.Equal(t, test.unknown, errors.Is(err, dberr.ErrCommitUnknown))
				assert.False(t, test.unknown && retry.Retryable(err), "an unknown commit is never repeated")
				assert.NotErrorIs(t, err, driver.ErrBadConn)
				assert.Equal(t, 1, f.commits)
				if test.unknown {
					assert.False(t, f.last.Checkin(), "nobody gets the connection again")
				}
			}
		})
	}
}

func TestErrorsWhileReadingRowsAreTyped(t *testing.T) {
	t.Parallel()
	f := &fakeDriver{queryErr: &pgconn.PgError{Code: "40001"}}
	db := f.open(t, dburl.PostgreSQL)
	rows, err := db.QueryContext(t.Context(), "SELECT n FROM t")
	require.NoError(t, err)
	assert.False(t, rows.Next())
	require.ErrorIs(t, rows.Err(), dberr.ErrConflict)
	require.NoError(t, rows.Close())
}

func TestServerSideRollbackStopsThePlainTransactionToo(t *testing.T) {
	t.Parallel()
	f := &fakeDriver{}
	db := f.open(t, dburl.SQLite)
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	f.execErr = driver.ErrBadConn
	_, err = tx.ExecContext(t.Context(), "INSERT INTO t VALUES (1)")
	require.Error(t, err)
	f.execErr = nil
	_, err = tx.ExecContext(t.Context(), "INSERT INTO t VALUES (2)")
	require.ErrorIs(t, err, dberr.ErrPendingRollback)
	assert.Equal(t, 1, f.execs, "the second statement must not be sent")
	require.ErrorIs(t, tx.Commit(), dberr.ErrPendingRollback)
	assert.Zero(t, f.commits)
}

// session runs what a session does with its connection.
type session struct {
	t    *testing.T
	conn *sqlconn.Conn
}

func (f *fakeDriver) session(t *testing.T, of dburl.Engine) session {
	t.Helper()
	made, err := f.connector(of).Connect(t.Context())
	require.NoError(t, err)
	return session{t, made}
}

func (s session) call(does sqlconn.Purpose) error {
	_, err := s.conn.ExecContext(&sqlconn.Call{Caller: s.t.Context(), On: s.conn, Does: does}, does.Text(), nil)
	return err
}

func (s session) run(ctx context.Context) error {
	_, err := s.conn.ExecContext(ctx, "INSERT INTO t VALUES (1)", nil)
	return err
}

func TestCallsBeginAndEndTransactions(t *testing.T) {
	t.Parallel()
	f := new(fakeDriver)
	s := f.session(t, dburl.PostgreSQL)
	require.ErrorIs(t, s.call(sqlconn.Commits), sql.ErrTxDone, "there is none")
	require.NoError(t, s.call(sqlconn.Begins))
	require.NoError(t, s.run(t.Context()))
	require.NoError(t, s.call(sqlconn.Commits))
	assert.Equal(t, 1, f.commits)
	require.ErrorIs(t, s.call(sqlconn.RollsBack), sql.ErrTxDone, "it has ended")

	require.NoError(t, s.call(sqlconn.Begins))
	f.execErr = &pgconn.PgError{Code: "23505"}
	require.ErrorIs(t, s.run(t.Context()), dberr.ErrUnique)
	f.execErr = nil
	require.ErrorIs(t, s.run(t.Context()), dberr.ErrPendingRollback, "a session's transaction ends with its first error")
	require.ErrorIs(t, s.call(sqlconn.Commits), dberr.ErrPendingRollback)
	assert.Equal(t, 1, f.commits)
	assert.True(t, s.conn.Checkin())
	require.NoError(t, s.run(t.Context()), "the next user has nothing to do with it")
}

// A hook of Bun's may use the context that it gets for a statement elsewhere.
func TestACallForAnotherConnectionIsAnyContext(t *testing.T) {
	t.Parallel()
	f := new(fakeDriver)
	one, other := f.session(t, dburl.PostgreSQL), f.session(t, dburl.PostgreSQL)
	begin := &sqlconn.Call{Caller: t.Context(), On: one.conn, Does: sqlconn.Begins}
	require.NoError(t, other.run(begin))
	assert.Equal(t, 1, f.execs, "the statement ran")
	require.ErrorIs(t, other.call(sqlconn.Commits), sql.ErrTxDone, "and began nothing")

	type key struct{}
	_, err := one.conn.ExecContext(context.WithValue(begin, key{}, "of a hook"), "BEGIN", nil)
	require.NoError(t, err)
	require.NoError(t, one.call(sqlconn.Commits), "a context around a call is the call")
}

func TestAutocommittedStatementsThatMayBeStoredSaySo(t *testing.T) {
	t.Parallel()
	for autocommit, want := range map[bool]error{true: dberr.ErrCommitUnknown, false: dberr.ErrUnavailable} {
		f := &fakeDriver{execErr: io.ErrUnexpectedEOF}
		s := f.session(t, dburl.PostgreSQL)
		require.ErrorIs(t, s.run(&sqlconn.Call{Caller: t.Context(), On: s.conn, Autocommit: autocommit}), want)
	}
}

// The rows of a query are followed, and obey the caller's context by themselves.
func TestFollowedRows(t *testing.T) {
	t.Parallel()
	f := new(fakeDriver)
	s := f.session(t, dburl.PostgreSQL)
	ctx, leave := context.WithCancel(t.Context())
	closed := 0
	result := &sqlconn.Result{User: resultUser(func() { closed++ })}
	of := &sqlconn.Call{Caller: ctx, On: s.conn, Result: result}
	assert.Nil(t, of.Done(), "database/sql keeps no goroutine for it")
	rows, err := s.conn.QueryContext(of, "SELECT n FROM t", nil)
	require.NoError(t, err)
	assert.True(t, result.IsOpen())
	s.conn.Serves(&sqlconn.Unit{})
	require.ErrorIs(t, s.run(t.Context()), dberr.ErrRowsOpen)
	require.NoError(t, rows.Next(make([]driver.Value, 1)))
	leave()
	require.ErrorIs(t, rows.Next(make([]driver.Value, 1)), context.Canceled)
	require.NoError(t, rows.Close())
	require.NoError(t, rows.Close(), "a second time does nothing")
	assert.False(t, result.IsOpen())
	assert.Equal(t, 1, closed)
	require.NoError(t, s.run(t.Context()))
}

func TestEndSeversWhatIsInUse(t *testing.T) {
	t.Parallel()
	f := new(fakeDriver)
	live := sqlconn.NewLive()
	settings := engines[dburl.PostgreSQL]
	settings.Live, settings.Open = live, func(context.Context) (engine.Conn, error) { return &fakeConn{f: f}, nil }
	c := sqlconn.NewConnector(settings)
	one, err := c.Connect(t.Context())
	require.NoError(t, err)
	other, err := c.Connect(t.Context())
	require.NoError(t, err)
	require.NoError(t, other.Close())
	assert.Equal(t, 1, live.End(t.Context(), time.Nanosecond))
	require.ErrorIs(t, session{t, one}.run(t.Context()), dberr.ErrDatabaseClosed)
	_, err = c.Connect(t.Context())
	require.ErrorIs(t, err, dberr.ErrDatabaseClosed)
}

// resultUser is told that a result is closed.
type resultUser func()

func (u resultUser) ResultClosed() { u() }

// MySQL's driver says of a connection that it closed for an ended context only that it is closed.
func TestCallerWhoLeavesWhileAConnectionIsMade(t *testing.T) {
	t.Parallel()
	ctx, leave := context.WithCancel(t.Context())
	settings := engines[dburl.MySQL]
	settings.ConnectTimeout = time.Minute
	settings.Open = func(context.Context) (engine.Conn, error) {
		leave()
		return nil, driver.ErrBadConn
	}
	_, err := sqlconn.NewConnector(settings).Connect(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, dberr.ErrUnavailable)
}

// database/sql takes another connection then; a session that has a new one can't.
func TestSessionsBeginOnALostConnection(t *testing.T) {
	t.Parallel()
	f := &fakeDriver{beginErr: driver.ErrBadConn, interrupt: func() {}}
	conn, err := f.connector(dburl.MySQL).Connect(t.Context())
	require.NoError(t, err)
	_, err = conn.ExecContext(&sqlconn.Call{Caller: t.Context(), On: conn, Does: sqlconn.Begins}, "BEGIN", nil)
	require.ErrorIs(t, err, dberr.ErrUnavailable)
	require.NotErrorIs(t, err, driver.ErrBadConn)
	assert.True(t, conn.Broken())
}

// What comes after it says no more than that the connection is closed.
func TestCallerWhoLeavesBeforeTheFirstQuery(t *testing.T) {
	t.Parallel()
	f := &fakeDriver{keepsErr: context.Canceled, queryErr: pgconn.ErrConnClosed}
	conn, err := f.connector(dburl.PostgreSQL).Connect(t.Context())
	require.NoError(t, err)
	_, err = conn.QueryContext(t.Context(), "SELECT 1", nil)
	require.ErrorIs(t, err, context.Canceled)
}
