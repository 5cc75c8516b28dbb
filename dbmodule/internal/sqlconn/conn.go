package sqlconn

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"
	"time"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/internal/deadline"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/groupcommit"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
	"github.com/openhands-go/server/dbmodule/internal/txstate"
)

// longIdle is a little less than one second. pgx pings the server when a connection was
// idle for longer than a second.
const longIdle = 900 * time.Millisecond

// unrenderable begins the text that Bun writes instead of a value that it can't write,
// such as a string with a NUL for PostgreSQL.
const unrenderable = "?!("

// Conn is one connection. It has one user at a time; database/sql serialises its calls.
type Conn struct {
	inner     *severable
	connector *Connector

	// broken is set when the connection must not be used again.
	broken bool
	// generation is the connector's generation at the time when the connection was made.
	generation int64
	preparation
	// group is nil unless sessions commit in groups on this connection.
	group *groupcommit.Group
	// unit is the unit of work that uses the connection, nil for none.
	unit *Unit
	// sessionTx is the transaction of the session that uses the connection, nil for none.
	sessionTx *tx
	// reading is the result that was opened last, nil once it is closed.
	reading *rows
	// timer limits the statements of the connection.
	timer deadline.Timer
	// state is the state of the connection's transaction.
	state txstate.State
	// implicit is what MySQL has committed of the current unit of work by itself.
	implicit implicitCommit
}

// outdated reports whether the server stopped being the primary after the connection was
// made.
func (c *Conn) outdated() bool { return c.generation != c.connector.generation.Current() }

// record notes what the result of a statement means for the connection and its
// transaction. It returns the driver's error with its type.
func (c *Conn) record(l *deadline.Limit, query string, err error) error {
	c.noteImplicitCommit(query, err)
	if err == nil {
		c.state.Succeeded(c.connector.Dialect, query)
		return nil
	}
	c.broken = c.broken || errors.Is(err, driver.ErrBadConn)
	err = explain(l, c.connector, err)
	if l.Late() {
		// The driver has closed the connection. SQLite keeps it open, but may have rolled
		// the transaction back.
		c.broken = c.broken || !c.inner.Valid()
		c.state.Failed(err, true)
	}
	c.abandon(l)
	if errors.Is(err, driver.ErrSkip) {
		return err
	}
	verdict, err := c.judge(err)
	if strings.Contains(query, unrenderable) {
		err = c.connector.failure(dberr.ErrValue, err)
	}
	c.state.Failed(err, verdict.LosesTransaction || c.broken || c.hasOrRollback(query))
	return err
}

// abandon has the server stop the statement of a caller who went away. If the driver kept
// the connection open, no statement was running.
func (c *Conn) abandon(l *deadline.Limit) {
	if l.Context().Err() == nil || c.inner.Valid() {
		return
	}
	c.broken = true
	c.inner.Abandon(l.Caller())
}

// judge gives an error of the driver its type. If the error costs the connection, judge
// marks the connection as broken and tells the pool.
func (c *Conn) judge(err error) (engine.Verdict, error) {
	verdict, err := c.connector.typed(err)
	refused := errors.Is(verdict.Kind, dberr.ErrReadOnly)
	if refused && (c.state.ReadOnly || c.connector.Standby) {
		verdict.LosesConnection = false
		return verdict, ofReadOnlySession(err)
	}
	if verdict.LosesConnection {
		c.broken = true
		c.connector.lost()
		if refused {
			c.connector.generation.Turn()
		}
	}
	return verdict, err
}

// ofReadOnlySession changes the kind of an error from ErrReadOnly to ErrReadOnlySession:
// the session is read-only, the database accepts writes.
func ofReadOnlySession(err error) error {
	typed := (*dberr.Error)(nil)
	if !errors.As(err, &typed) {
		return err
	}
	refused := *typed
	refused.Kind = dberr.ErrReadOnlySession
	return &refused
}

// Close closes the connection.
func (c *Conn) Close() error {
	c.group.Close(c.broken)
	defer c.connector.Live.remove(c)
	defer c.timer.Close()
	c.endSchemaChange()
	_, err := c.connector.typed(c.inner.Close())
	return err
}

// Begin makes it a driver.Conn; database/sql calls BeginTx.
func (c *Conn) Begin() (driver.Tx, error) { return c.BeginTx(context.Background(), driver.TxOptions{}) } //nolint:forbidigo // the interface has no context

// Prepare makes it a driver.Conn; database/sql calls PrepareContext.
func (c *Conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query) //nolint:forbidigo // the interface has no context
}

// PrepareContext prepares a statement for database/sql.
func (c *Conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if call := c.callOf(ctx); call != nil {
		ctx = call.Caller
	}
	if err := c.admits(ctx, query); err != nil {
		return nil, err
	}
	l := c.newLimit(ctx)
	defer l.End()
	c.noteEffects(query)
	inner, err := c.inner.Prepare(l.Context(), c.withoutOrRollback(query))
	if err != nil {
		return nil, c.record(l, query, err)
	}
	return &stmt{Stmt: inner, conn: c, query: query}, nil
}

// ExecContext runs a statement without a result, or what a session's [Call] stands for.
func (c *Conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	call := c.callOf(ctx)
	if call != nil && call.Does != Runs {
		return driver.ResultNoRows, c.beginOrEnd(call)
	}
	return c.exec(ctx, call, nil, query, args)
}

// orCommitUnknown returns the error of a statement. If the statement commits by itself and
// got no answer, the error is [dberr.ErrCommitUnknown].
func (c *Conn) orCommitUnknown(call *Call, err error) error {
	if err == nil || call == nil || !call.Autocommit || !c.broken || c.connector.Judge(err).Answered {
		return err
	}
	return c.connector.failure(dberr.ErrCommitUnknown, err)
}

// orInDoubt is orCommitUnknown for a statement that was sent. ended is set if the statement commits
// by itself and its context ended while it ran. SQLite's driver then returns the context's error,
// even if the statement had committed before.
func (c *Conn) orInDoubt(call *Call, ended bool, query string, err error) error {
	if err == nil || !ended || c.connector.Judge(err).Answered || sqltext.PlainSelect(c.connector.Dialect, query) {
		return c.orCommitUnknown(call, err)
	}
	return c.connector.failure(dberr.ErrCommitUnknown, err)
}

// exec runs a statement without a result. call is nil for a statement that no session
// sends. st is nil unless a user of database/sql prepared the statement.
func (c *Conn) exec(ctx context.Context, call *Call, st engine.Stmt, query string, args []driver.NamedValue) (driver.Result, error) {
	if call != nil {
		ctx = call.Caller
	}
	if err := c.admits(ctx, query); err != nil {
		return nil, c.orCommitUnknown(call, err)
	}
	l := c.newLimit(ctx)
	defer l.End()
	m, autocommits := c.measure(l, query), call.autocommits()
	result, err := c.execAdmitted(l, call, st, query, args)
	ended := autocommits && l.Context().Err() != nil
	return result, c.orInDoubt(call, ended, query, m.ran(result, c.record(l, query, err)))
}

func (c *Conn) execAdmitted(l *deadline.Limit, call *Call, st engine.Stmt, query string, args []driver.NamedValue) (driver.Result, error) {
	if st != nil {
		return st.Exec(l.Context(), args)
	}
	sent := c.withoutOrRollback(query)
	run, err := c.plan(l.Context(), sent, originOf(call, query, sent), len(args) > 0, true)
	if err != nil {
		return nil, err
	}
	if run.entry != nil {
		result, err := run.entry.Statement.Exec(l.Context(), run.args)
		if !c.runsAgainAsText(l.Context(), run.entry, err) {
			c.freeStatement(run.entry)
			return result, err
		}
	}
	result, err := c.inner.Exec(l.Context(), sent, args)
	run.ranAsText(err)
	return result, err
}

// QueryContext runs a query. If a session sends it, [Call.Result] follows its rows.
func (c *Conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.query(ctx, c.callOf(ctx), nil, query, args)
}

// query is exec for a query.
func (c *Conn) query(ctx context.Context, call *Call, st engine.Stmt, query string, args []driver.NamedValue) (driver.Rows, error) {
	if call != nil {
		ctx = call.Caller
	}
	if err := c.admits(ctx, query); err != nil {
		return nil, c.orCommitUnknown(call, err)
	}
	result := &rows{conn: c, call: call}
	c.startLimit(ctx, &result.limit)
	result.measured = c.measure(&result.limit, query)
	autocommits := call.autocommits()
	inner, statement, err := c.queryAdmitted(&result.limit, call, st, query, args)
	ended := autocommits && result.limit.Context().Err() != nil
	opened, err := result.opened(inner, err, statement)
	return opened, c.orInDoubt(call, ended, query, err)
}

// queryAdmitted returns the driver's rows, and the prepared statement of this package that
// gives them, nil for a query that ran as text.
func (c *Conn) queryAdmitted(l *deadline.Limit, call *Call, st engine.Stmt, query string, args []driver.NamedValue) (inner driver.Rows, statement *entry, err error) {
	if st != nil {
		inner, err = st.Query(l.Context(), args)
		return inner, nil, err
	}
	sent := c.withoutOrRollback(query)
	run, err := c.plan(l.Context(), sent, originOf(call, query, sent), len(args) > 0, false)
	if err != nil {
		return nil, nil, err
	}
	if run.entry != nil {
		inner, err := run.entry.Statement.Query(l.Context(), run.args)
		if !c.runsAgainAsText(l.Context(), run.entry, err) {
			return inner, run.entry, err
		}
	}
	queryText := c.inner.Query
	if c.changes.asText {
		queryText = c.inner.QueryAnySettings
	}
	inner, err = queryText(l.Context(), sent, args)
	run.ranAsText(err)
	return inner, nil, err
}

// Ping asks the server for an answer. driver.ErrBadConn means that this connection is
// broken and that the caller may ping another one.
func (c *Conn) Ping(ctx context.Context) error {
	l := c.newLimit(ctx)
	defer l.End()
	err := explain(l, c.connector, c.inner.Ping(l.Context()))
	if err == nil {
		return nil
	}
	if errors.Is(err, driver.ErrBadConn) {
		c.broken = true
		return err
	}
	_, err = c.judge(err)
	return err
}

// Checkout makes the connection ready for its next user; see pool.Conn.
func (c *Conn) Checkout(ctx context.Context, idle time.Duration, ping bool) error {
	if !c.usable() || c.changes.settings {
		return driver.ErrBadConn
	}
	// Only pgx, and only after a long idle time, waits for the server in Reset.
	if idle > longIdle {
		l := c.newLimit(ctx)
		defer l.End()
		ctx = l.Context()
	}
	if err := c.inner.Reset(ctx); err != nil {
		return err
	}
	if c.changes.unknown && c.forget(ctx) != nil || (ping || c.connector.PrePing) && c.Ping(ctx) != nil {
		return driver.ErrBadConn
	}
	return nil
}

// forget resets the settings that a function or procedure of the previous unit of work may
// have changed.
func (c *Conn) forget(ctx context.Context) error {
	l := c.newLimit(ctx)
	defer l.End()
	err := c.inner.Forget(l.Context())
	c.changes.unknown = err != nil
	return err
}

// Checkin ends the connection's use, and reports whether it may be used again; see
// pool.Conn.
func (c *Conn) Checkin() bool {
	c.group.HandOver(!c.broken)
	c.unit, c.sessionTx, c.reading = nil, nil, nil
	c.endChanges()
	c.state.Reset()
	c.implicit = implicitCommit{}
	return c.usable() && !c.changes.settings
}

// Serves sets the unit of work whose statements the connection runs until Checkin.
func (c *Conn) Serves(unit *Unit) { c.unit = unit }

// Broken reports whether the connection is lost or must not be used again.
func (c *Conn) Broken() bool { return c.broken }

// Step is how many statements ran in the transaction so far, for Undid.
func (c *Conn) Step() int { return c.state.Step() }

// Undid reports whether what was done at a step of the transaction was rolled back to a
// savepoint since.
func (c *Conn) Undid(step int) bool { return c.state.Undid(step) }

// Discard has Checkin refuse the connection.
func (c *Conn) Discard() { c.broken = true }

// CommitGroup commits the transaction that sessions left open to share its COMMIT. Users
// who are no sessions can't join it.
func (c *Conn) CommitGroup() { c.group.Commit() }

func (c *Conn) usable() bool {
	if c.broken || c.outdated() {
		return false
	}
	return c.inner.Valid()
}

// CheckNamedValue prepares an argument that database/sql hands to the driver.
func (c *Conn) CheckNamedValue(value *driver.NamedValue) error {
	value.Value = inUTC(value.Value)
	return c.inner.CheckValue(value)
}

// stmt is a statement that a user of database/sql prepared.
type stmt struct {
	engine.Stmt
	conn  *Conn
	query string
}

// errNoContext is the error of the methods without a context that driver.Stmt requires.
// database/sql does not call them.
var errNoContext = errors.New("dbmodule: run statement: there is no context")

func (s *stmt) Exec([]driver.Value) (driver.Result, error) { return nil, errNoContext }
func (s *stmt) Query([]driver.Value) (driver.Rows, error)  { return nil, errNoContext }

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.conn.exec(ctx, s.conn.callOf(ctx), s.Stmt, s.query, args)
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.query(ctx, s.conn.callOf(ctx), s.Stmt, s.query, args)
}
