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
	"github.com/openhands-go/server/dbmodule/internal/txstate"
)

// longIdle is less than the second after which pgx asks the server whether it
// is still there.
const longIdle = 900 * time.Millisecond

// unrenderable starts what Bun puts into a statement in place of a value that
// it can't write there, such as a string with a NUL for PostgreSQL.
const unrenderable = "?!("

// Conn is one connection, in the hands of one user at a time. What database/sql
// calls, it serialises.
type Conn struct {
	inner     *severable
	connector *Connector

	// broken connections are not given back to the pool.
	broken bool
	// generation is its connector's when it was made.
	generation int64
	// preparation decides which statements run prepared.
	preparation
	// group is nil unless sessions commit in groups here.
	group *groupcommit.Group
	// unit is the unit of work that it is in the hands of, nil for none.
	unit *Unit
	// own is the transaction of the session that has the connection.
	own *tx
	// reading are the rows that were opened last and are not closed.
	reading *rows
	// timer keeps the time of its statements.
	timer deadline.Timer
	// state is the transaction that it is in.
	state txstate.State
}

// outdated reports whether its server has turned out to be the primary no
// longer since it was made.
func (c *Conn) outdated() bool { return c.generation != c.connector.generation.Current() }

// sent gives an error that a driver returned for a statement its type, and
// remembers what it means for the connection and its transaction.
func (c *Conn) sent(query string, err error) error {
	if err == nil {
		c.state.Succeeded(c.connector.Dialect, query)
		return nil
	}
	if errors.Is(err, driver.ErrSkip) {
		return err
	}
	verdict, err := c.typed(err)
	if strings.Contains(query, unrenderable) {
		err = c.connector.failure(dberr.ErrValue, err)
	}
	c.state.Failed(err, verdict.LosesTransaction || c.broken || c.overrules(query))
	return err
}

// answered is sent for a statement that had a limit.
func (c *Conn) answered(l *deadline.Limit, query string, err error) error {
	if err == nil {
		return c.sent(query, nil)
	}
	c.broken = c.broken || errors.Is(err, driver.ErrBadConn)
	err = explain(l, c.connector, err)
	if l.Late() {
		// The driver gave the connection up; SQLite, which has none, may have
		// rolled the transaction back.
		c.broken = c.broken || !c.inner.Valid()
		c.state.Failed(err, true)
	}
	c.abandoned(l)
	return c.sent(query, err)
}

// abandoned ends the work that the server still does for a caller who went
// away. A connection that its driver kept open was not in the middle of any.
func (c *Conn) abandoned(l *deadline.Limit) {
	if l.Context().Err() == nil || c.inner.Valid() {
		return
	}
	c.broken = true
	c.inner.Abandon(l.Caller())
}

// typed gives an error of the driver its type, and drops the connection if it is no
// good after that.
func (c *Conn) typed(err error) (engine.Verdict, error) {
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

// ofReadOnlySession tells a write that a session refused by its own nature from one
// that the database refused.
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
	c.altered()
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
	if of := c.callOf(ctx); of != nil {
		ctx = of.Caller
	}
	if err := c.admits(ctx, query); err != nil {
		return nil, err
	}
	l := c.limit(ctx)
	defer l.End()
	c.affects(query)
	inner, err := c.inner.Prepare(l.Context(), c.spared(query))
	if err != nil {
		return nil, c.answered(l, query, err)
	}
	return &stmt{Stmt: inner, conn: c, query: query}, nil
}

// ExecContext runs a statement without a result, or what a session's [Call] stands for.
func (c *Conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	of := c.callOf(ctx)
	if of != nil && of.Does != Runs {
		return driver.ResultNoRows, c.settle(of)
	}
	return c.exec(ctx, of, nil, query, args)
}

// told is the error of a session's statement. One by itself may have been stored for
// all one knows.
func (c *Conn) told(of *Call, err error) error {
	if of != nil && of.Alone {
		return c.unsettled(err)
	}
	return err
}

// exec runs a statement without a result, for a session if of is not nil: as it was
// prepared by database/sql's user if by is not nil.
func (c *Conn) exec(ctx context.Context, of *Call, by engine.Stmt, query string, args []driver.NamedValue) (driver.Result, error) {
	if of != nil {
		ctx = of.Caller
	}
	if err := c.admits(ctx, query); err != nil {
		return nil, c.told(of, err)
	}
	l := c.limit(ctx)
	defer l.End()
	m := c.measure(l, query)
	result, err := c.execAdmitted(l, of, by, query, args)
	return result, c.told(of, m.ran(result, c.answered(l, query, err)))
}

func (c *Conn) execAdmitted(l *deadline.Limit, of *Call, by engine.Stmt, query string, args []driver.NamedValue) (driver.Result, error) {
	if by != nil {
		return by.Exec(l.Context(), args)
	}
	sent := c.spared(query)
	run, err := c.plan(l.Context(), sent, madeOf(of, query, sent), len(args) > 0, true)
	if err != nil {
		return nil, err
	}
	if run.entry != nil {
		result, err := run.entry.Statement.Exec(l.Context(), run.args)
		if !c.stale(l.Context(), run.entry, err) {
			c.freed(run.entry)
			return result, err
		}
	}
	result, err := c.inner.Exec(l.Context(), sent, args)
	run.ranAsText(err)
	return result, err
}

// QueryContext runs a query. The rows are followed by the session whose [Call] it is.
func (c *Conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.query(ctx, c.callOf(ctx), nil, query, args)
}

// query is exec for a query.
func (c *Conn) query(ctx context.Context, of *Call, by engine.Stmt, query string, args []driver.NamedValue) (driver.Rows, error) {
	if of != nil {
		ctx = of.Caller
	}
	if err := c.admits(ctx, query); err != nil {
		return nil, c.told(of, err)
	}
	answer := &rows{conn: c, call: of}
	c.begins(ctx, &answer.limit)
	answer.measured = c.measure(&answer.limit, query)
	inner, from, err := c.queryAdmitted(&answer.limit, of, by, query, args)
	rows, err := answer.opened(inner, err, from)
	return rows, c.told(of, err)
}

func (c *Conn) queryAdmitted(l *deadline.Limit, of *Call, by engine.Stmt, query string, args []driver.NamedValue) (inner driver.Rows, from *entry, err error) {
	if by != nil {
		inner, err = by.Query(l.Context(), args)
		return inner, nil, err
	}
	sent := c.spared(query)
	run, err := c.plan(l.Context(), sent, madeOf(of, query, sent), len(args) > 0, false)
	if err != nil {
		return nil, nil, err
	}
	if run.entry != nil {
		inner, err := run.entry.Statement.Query(l.Context(), run.args)
		if !c.stale(l.Context(), run.entry, err) {
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

// Ping asks the server for an answer. driver.ErrBadConn says that the connection is no
// good, and another may be asked.
func (c *Conn) Ping(ctx context.Context) error {
	l := c.limit(ctx)
	defer l.End()
	err := explain(l, c.connector, c.inner.Ping(l.Context()))
	if err == nil {
		return nil
	}
	if errors.Is(err, driver.ErrBadConn) {
		c.broken = true
		return err // a ping may be repeated on another connection
	}
	_, err = c.typed(err)
	return err
}

// Ready makes the connection ready for its next user; see pool.Conn.
func (c *Conn) Ready(ctx context.Context, idle time.Duration, ask bool) error {
	if !c.sound() || c.changes.settings {
		return driver.ErrBadConn
	}
	// pgx asks the server when the connection was idle for a second; everything
	// else is done at once, and needs no limit.
	if idle > longIdle {
		l := c.limit(ctx)
		defer l.End()
		ctx = l.Context()
	}
	if err := c.inner.Reset(ctx); err != nil {
		return err
	}
	if c.changes.unknown && c.forget(ctx) != nil || (ask || c.connector.PrePing) && c.Ping(ctx) != nil {
		return driver.ErrBadConn
	}
	return nil
}

// forget ends what the unit of work before may have changed out of sight.
func (c *Conn) forget(ctx context.Context) error {
	l := c.limit(ctx)
	defer l.End()
	err := c.inner.Forget(l.Context())
	c.changes.unknown = err != nil
	return err
}

// Returned ends what its user did with the connection, and reports whether it may be
// used again; see pool.Conn.
func (c *Conn) Returned() bool {
	c.group.HandOver(!c.broken)
	c.unit, c.own, c.reading = nil, nil, nil
	c.endChanges()
	c.state.Reset()
	return c.sound() && !c.changes.settings
}

// Serves tells the connection for which unit of work it runs statements, until it is
// returned.
func (c *Conn) Serves(unit *Unit) { c.unit = unit }

// Broken reports whether the connection is lost, or not to be used again.
func (c *Conn) Broken() bool { return c.broken }

// Discard keeps the connection from being used again once it is returned.
func (c *Conn) Discard() { c.broken = true }

// LeavesGroup commits what units of work of sessions left open to share a COMMIT, for a
// user who can't join them.
func (c *Conn) LeavesGroup() { c.group.Commit() }

func (c *Conn) sound() bool {
	if c.broken || c.outdated() {
		return false
	}
	return c.inner.Valid()
}

// CheckNamedValue prepares an argument that database/sql hands to the driver.
func (c *Conn) CheckNamedValue(value *driver.NamedValue) error {
	value.Value = momentOf(value.Value)
	return c.inner.CheckValue(value)
}

// stmt is a prepared statement of a conn.
type stmt struct {
	engine.Stmt
	conn  *Conn
	query string
}

// errNoContext answers the calls without a context of an interface of
// database/sql's, which does not make them.
var errNoContext = errors.New("dbmodule: run statement: there is no context")

func (s *stmt) Exec([]driver.Value) (driver.Result, error) { return nil, errNoContext }
func (s *stmt) Query([]driver.Value) (driver.Rows, error)  { return nil, errNoContext }

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.conn.exec(ctx, s.conn.callOf(ctx), s.Stmt, s.query, args)
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.query(ctx, s.conn.callOf(ctx), s.Stmt, s.query, args)
}
