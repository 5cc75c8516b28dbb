package dbmodule

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/openhands-go/server/dbmodule/internal/cluster"
	"github.com/openhands-go/server/dbmodule/internal/deadline"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/prepared"
)

// Between database/sql and each engine's driver stands a connection of ours.
// It is the one place that sees every statement of every path (sessions,
// bun.DB, bun.Tx, rows), so it is where
//
//   - errors get their type,
//   - a statement that reached the driver is never repeated behind the
//     caller's back (database/sql repeats on driver.ErrBadConn, and pgx
//     answers that for statements the server may have run),
//   - a transaction that lost statements can't be committed,
//   - a commit whose outcome is unknown is told apart from a failed one,
//   - connections to a server that is gone or turned read-only are dropped,
//   - no answer is waited for without a limit (see limit),
//   - a statement whose caller went away ends on the server too (see killer).

type connector struct {
	engine  Engine
	judge   engine.Judge
	open    engine.OpenFunc
	prePing bool
	tell    listeners
	// connectTimeout bounds an attempt to connect, statementTimeout a wait for
	// an answer; 0 does not.
	connectTimeout, statementTimeout time.Duration
	// generation is turned when the server is found to be the primary no
	// longer; standby says that it never was, and takes no writes as it should.
	generation cluster.Generation
	standby    bool
	// shapes are the statements of the database; each connection keeps as many as
	// statementCache of them prepared.
	shapes         *prepared.Shapes
	statementCache int
	// queue is set for a writer whose sessions commit in groups.
	queue *commitQueue
	// suspect is told that a connection has lost its server.
	suspect func()
}

func newConnector(cfg Config, tell listeners, judge engine.Judge, open engine.OpenFunc) *connector {
	shapes := tell.shapes
	if shapes == nil {
		shapes = prepared.NewShapes()
	}
	return &connector{
		engine: cfg.URL.Engine(), judge: judge, open: open, prePing: cfg.PoolPrePing, tell: tell,
		connectTimeout: cfg.URL.ConnectTimeout(cfg.ConnectTimeout), statementTimeout: cfg.StatementTimeout,
		shapes: shapes, statementCache: cfg.URL.StatementCache(cfg.StatementCache), suspect: func() {},
	}
}

// connect makes a connection within the connect timeout. How long its caller
// would wait for one that is in use does not count here.
func (c *connector) connect(ctx context.Context) (*conn, error) {
	if c.connectTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.connectTimeout)
		defer cancel()
	}
	generation := c.generation.Current()
	inner, err := c.open(ctx)
	if err != nil {
		return nil, c.unconnected(err)
	}
	made := &conn{
		inner: &severable{Conn: inner}, connector: c, generation: generation,
		statements: newStatements(c.shapes, c.statementCache, inner.ClosesLate()),
	}
	if c.queue != nil {
		made.group = &commitGroup{queue: c.queue, conn: made}
	}
	if err := c.tell.open.add(made); err != nil {
		return nil, errors.Join(err, made.Close())
	}
	return made, nil
}

// unconnected types the error of an attempt to connect. One that ran out of
// time found the server unavailable, whoever set the time.
func (c *connector) unconnected(err error) error {
	_, err = c.typed(err)
	var typed *Error
	if !errors.As(err, &typed) && errors.Is(err, context.DeadlineExceeded) {
		return c.failure(ErrUnavailable, fmt.Errorf("no connection in time: %w", err))
	}
	return err
}

// typed gives an error of the driver its type, and says what else it means.
func (c *connector) typed(err error) (engine.Verdict, error) { return c.judge.Typed(c.engine, err) }

// failure is an error of that kind, caused by err.
func (c *connector) failure(kind, err error) *Error { return c.judge.Error(c.engine, kind, err) }

// longIdle is less than the second after which pgx asks the server whether it
// is still there.
const longIdle = 900 * time.Millisecond

// unrenderable starts what Bun puts into a statement in place of a value that
// it can't write there, such as a string with a NUL for PostgreSQL.
const unrenderable = "?!("

// conn is one connection, in the hands of one user at a time. What database/sql
// calls, it serialises.
type conn struct {
	inner     *severable
	connector *connector

	// broken connections are not given back to the pool.
	broken bool
	// generation is its connector's when it was made.
	generation int64
	// statements are prepared ones; nil when none are kept.
	statements *statements
	// changes are the unit of work's; learnt is set once the session behind the
	// connection was asked.
	changes changes
	learnt  bool
	// group is nil unless sessions commit in groups here.
	group *commitGroup
	// unit is the unit of work that it is in the hands of, nil for none.
	unit *observedUnit
	// own is the transaction of the session that has the connection.
	own *tx
	// reading are the rows that were opened last and are not closed.
	reading *rows
	// timer keeps the time of its statements.
	timer deadline.Timer
	txState
}

// outdated reports whether its server has turned out to be the primary no
// longer since it was made.
func (c *conn) outdated() bool { return c.generation != c.connector.generation.Current() }

func (c *conn) engine() Engine { return c.connector.engine }

// sent gives an error that a driver returned for a statement its type, and
// remembers what it means for the connection and its transaction.
func (c *conn) sent(query string, err error) error {
	if err == nil {
		c.succeeded(dialectOf(c.engine()), query)
		return nil
	}
	if errors.Is(err, driver.ErrSkip) {
		return err
	}
	verdict, err := c.typed(err)
	if strings.Contains(query, unrenderable) {
		err = c.connector.failure(ErrValue, err)
	}
	c.failed(err, verdict.LosesTransaction || c.broken)
	return err
}

// answered is sent for a statement that had a limit.
func (c *conn) answered(l *deadline.Limit, query string, err error) error {
	if err == nil {
		return c.sent(query, nil)
	}
	c.broken = c.broken || errors.Is(err, driver.ErrBadConn)
	err = explain(l, c.connector, err)
	if l.Late() {
		// The driver gave the connection up; SQLite, which has none, may have
		// rolled the transaction back.
		c.broken = c.broken || !c.inner.Valid()
		c.failed(err, true)
	}
	c.abandoned(l)
	return c.sent(query, err)
}

// abandoned ends the work that the server still does for a caller who went
// away. A connection that its driver kept open was not in the middle of any.
func (c *conn) abandoned(l *deadline.Limit) {
	if l.Context().Err() == nil || c.inner.Valid() {
		return
	}
	c.broken = true
	c.inner.Abandon(l.Caller())
}

func (c *conn) limit(ctx context.Context) *deadline.Limit {
	if c.group.isOpen() && ctx.Done() != nil {
		return c.newLimit(ctx, gracefully)
	}
	return c.newLimit(ctx, nil)
}

// typed gives an error of the driver its type, and drops the connection if it is no
// good after that.
func (c *conn) typed(err error) (engine.Verdict, error) {
	verdict, err := c.connector.typed(err)
	refused := verdict.Kind == ErrReadOnly
	if refused && (c.readOnly || c.connector.standby) {
		verdict.LosesConnection = false
		return verdict, ofReadOnlySession(err)
	}
	if verdict.LosesConnection {
		c.broken = true
		c.connector.suspect()
		if refused {
			c.connector.generation.Turn()
		}
	}
	return verdict, err
}

// ofReadOnlySession tells a write that a session refused by its own nature from one
// that the database refused.
func ofReadOnlySession(err error) error {
	typed := (*Error)(nil)
	if !errors.As(err, &typed) {
		return err
	}
	refused := *typed
	refused.Kind = ErrReadOnlySession
	return &refused
}

// Close closes the connection.
func (c *conn) Close() error {
	c.group.closing(c.broken)
	defer c.connector.tell.open.remove(c)
	defer c.timer.Close()
	c.altered()
	_, err := c.connector.typed(c.inner.Close())
	return err
}

// Begin makes it a driver.Conn; database/sql calls BeginTx.
func (c *conn) Begin() (driver.Tx, error) { return c.BeginTx(context.Background(), driver.TxOptions{}) } //nolint:forbidigo // the interface has no context

// Prepare makes it a driver.Conn; database/sql calls PrepareContext.
func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query) //nolint:forbidigo // the interface has no context
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if of := c.callOf(ctx); of != nil {
		ctx = of.caller
	}
	if err := c.admits(query); err != nil {
		return nil, err
	}
	l := c.limit(ctx)
	defer l.End()
	c.affects(query)
	sent, overrules := c.group.spares(query)
	inner, err := c.inner.Prepare(l.Context(), sent)
	if err != nil {
		return nil, c.answered(l, query, err)
	}
	return &stmt{Stmt: inner, conn: c, query: query, overrules: overrules}, nil
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	of := c.callOf(ctx)
	if of == nil {
		return c.execSpared(ctx, query, args)
	}
	if of.does != runs {
		return driver.ResultNoRows, c.settle(of)
	}
	result, err := c.execSpared(of.caller, query, args)
	return result, c.told(of, err)
}

// told is the error of a session's statement. One by itself may have been stored for
// all one knows.
func (c *conn) told(of *call, err error) error {
	if of != nil && of.alone {
		return c.unsettled(err)
	}
	return err
}

func (c *conn) exec(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.admits(query); err != nil {
		return nil, err
	}
	l := c.limit(ctx)
	defer l.End()
	m := c.measure(l, query)
	run, err := c.plan(l.Context(), query, len(args) > 0, true)
	if err != nil {
		return nil, m.done(c.answered(l, query, err))
	}
	if run.entry != nil {
		result, err := run.entry.Statement.Exec(l.Context(), run.args)
		if !c.stale(l.Context(), run.entry, err) {
			c.freed(run.entry)
			return result, m.ran(result, c.answered(l, query, err))
		}
	}
	result, err := c.inner.Exec(l.Context(), query, args)
	run.ranAsText(err)
	return result, m.ran(result, c.answered(l, query, err))
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	of := c.callOf(ctx)
	if of != nil {
		ctx = of.caller
	}
	sent, overrules := c.group.spares(query)
	result, err := c.query(ctx, of, sent, args)
	return result, c.told(of, c.overruled(overrules, err))
}

// query runs a query, for a session if of is not nil.
func (c *conn) query(ctx context.Context, of *call, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.admits(query); err != nil {
		return nil, err
	}
	l := c.limit(ctx)
	m := c.measure(l, query)
	run, err := c.plan(l.Context(), query, len(args) > 0, false)
	if err != nil {
		return c.result(l, m, of, nil, err, nil)
	}
	if run.entry != nil {
		inner, err := run.entry.Statement.Query(l.Context(), run.args)
		if !c.stale(l.Context(), run.entry, err) {
			return c.result(l, m, of, inner, err, run.entry)
		}
	}
	queryText := c.inner.Query
	if c.changes.asText {
		queryText = c.inner.QueryAnySettings
	}
	inner, err := queryText(l.Context(), query, args)
	run.ranAsText(err)
	return c.result(l, m, of, inner, err, nil)
}

func (c *conn) Ping(ctx context.Context) error {
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
func (c *conn) Ready(ctx context.Context, idle time.Duration, ask bool) error {
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
	if (ask || c.connector.prePing) && c.Ping(ctx) != nil {
		return driver.ErrBadConn
	}
	return nil
}

// Returned ends what its user did with the connection, and reports whether it may be
// used again; see pool.Conn.
func (c *conn) Returned() bool {
	c.group.handOver()
	c.unit, c.own, c.reading = nil, nil, nil
	c.endChanges()
	c.txState = txState{levels: c.levels[:0]}
	return c.sound() && !c.changes.settings
}

// serves tells the connection for which unit of work it runs statements.
func (c *conn) serves(unit *observedUnit) { c.unit = unit }

func (c *conn) sound() bool {
	if c.broken || c.outdated() {
		return false
	}
	return c.inner.Valid()
}

// CheckNamedValue prepares an argument that database/sql hands to the driver.
func (c *conn) CheckNamedValue(value *driver.NamedValue) error {
	value.Value = momentOf(value.Value)
	return c.inner.CheckValue(value)
}

// stmt is a prepared statement of a conn.
type stmt struct {
	engine.Stmt
	conn  *conn
	query string
	// overrules is set if it undoes the whole transaction when it fails, see spares.
	overrules bool
}

// errNoContext answers the calls without a context of an interface of
// database/sql's, which does not make them.
var errNoContext = errors.New("dbmodule: run statement: there is no context")

func (s *stmt) Exec([]driver.Value) (driver.Result, error) { return nil, errNoContext }
func (s *stmt) Query([]driver.Value) (driver.Rows, error)  { return nil, errNoContext }

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	of := s.conn.callOf(ctx)
	if of != nil {
		ctx = of.caller
	}
	if err := s.conn.admits(s.query); err != nil {
		return nil, err
	}
	l := s.conn.limit(ctx)
	defer l.End()
	m := s.conn.measure(l, s.query)
	result, err := s.Stmt.Exec(l.Context(), args)
	return result, s.conn.told(of, s.conn.overruled(s.overrules, m.ran(result, s.conn.answered(l, s.query, err))))
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	of := s.conn.callOf(ctx)
	if of != nil {
		ctx = of.caller
	}
	if err := s.conn.admits(s.query); err != nil {
		return nil, err
	}
	l := s.conn.limit(ctx)
	m := s.conn.measure(l, s.query)
	inner, err := s.Stmt.Query(l.Context(), args)
	result, err := s.conn.result(l, m, of, inner, err, nil)
	return result, s.conn.told(of, s.conn.overruled(s.overrules, err))
}
