package dbmodule

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"
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
	open    openerFunc
	prePing bool
	tell    listeners
	// connectTimeout bounds an attempt to connect, statementTimeout a wait for
	// an answer; 0 does not.
	connectTimeout, statementTimeout time.Duration
	// opened, if not nil, returns what ends the work that the server still
	// does for a connection which its driver has closed.
	opened func(ctx context.Context, inner driver.Conn) (abandon func(ctx context.Context), err error)
	// generation is turned when the server is found to be the primary no
	// longer; standby says that it never was, and takes no writes as it should.
	generation generation
	standby    bool
	// binder, if not nil, has statements prepared, as many as statementCache
	// for each connection.
	binder         *binder
	statementCache int
	// queue is set for a writer whose sessions commit in groups.
	queue *commitQueue
	// controlled is set for SQLite's writer to a file.
	controlled bool
}

func newConnector(cfg Config, tell listeners, open openerFunc) *connector {
	return &connector{
		engine: cfg.URL.Engine(), open: open, prePing: cfg.PoolPrePing, tell: tell,
		connectTimeout: cfg.URL.connectTimeout(cfg.ConnectTimeout), statementTimeout: cfg.StatementTimeout,
		binder: newBinder(cfg.URL.Engine()), statementCache: cfg.URL.statementCache(cfg.StatementCache),
	}
}

// callerKey is the context's key for the context of who waits in the pool.
type callerKey struct{}

// Connect makes a connection within the connect timeout. How long its caller
// would wait for one that is in use does not count here.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	if caller, ok := ctx.Value(callerKey{}).(context.Context); ok {
		ctx = caller
	}
	if c.connectTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.connectTimeout)
		defer cancel()
	}
	generation := c.generation.number.Load()
	inner, err := c.open(ctx)
	if err != nil {
		return nil, c.unconnected(err)
	}
	made := &conn{
		Conn: inner, connector: c, generation: generation,
		statements: newStatements(c.binder, c.statementCache), pipeline: pipelineOf(inner),
	}
	if c.controlled {
		made.controls = newControls(inner)
	}
	if c.queue != nil {
		made.group = &commitGroup{queue: c.queue, conn: made}
	}
	if c.opened != nil {
		if made.abandon, err = c.opened(ctx, inner); err != nil {
			return nil, errors.Join(c.unconnected(err), made.Close())
		}
	}
	return made, nil
}

// unconnected types the error of an attempt to connect. One that ran out of
// time found the server unavailable, whoever set the time.
func (c *connector) unconnected(err error) error {
	err = classify(c.engine, err)
	var typed *Error
	if !errors.As(err, &typed) && errors.Is(err, context.DeadlineExceeded) {
		return newError(ErrUnavailable, c.engine, fmt.Errorf("no connection in time: %w", err))
	}
	return err
}

// Driver satisfies driver.Connector; connections are made by Connect alone.
func (c *connector) Driver() driver.Driver { return refusingDriver{} }

type refusingDriver struct{}

func (refusingDriver) Open(string) (driver.Conn, error) {
	return nil, errors.New("dbmodule: connections are opened by their connector")
}

// errConnLost stands in for driver.ErrBadConn once a statement was handed to
// the driver: with the original, database/sql would send it again.
var errConnLost = errors.New("the connection was lost")

// longIdle is less than the second after which pgx asks the server whether it
// is still there.
const longIdle = 900 * time.Millisecond

// unrenderable starts what Bun puts into a statement in place of a value that
// it can't write there, such as a string with a NUL for PostgreSQL.
const unrenderable = "?!("

// conn is one connection. database/sql serialises its use.
type conn struct {
	driver.Conn
	connector *connector

	// reused is set once the connection came out of the pool a second time:
	// it may have gone stale there, which a new one can't have.
	reused bool
	// broken connections are not given back to the pool.
	broken bool
	// abandon, if not nil, ends what the server still does for it.
	abandon func(ctx context.Context)
	// generation is its connector's when it was made.
	generation int64
	// taken is when the connection last came out of the pool.
	taken time.Time
	// statements are prepared ones; nil when none are kept.
	statements *statements
	// controls are nil unless BEGIN and COMMIT are prepared too.
	controls *controls
	// group is nil unless sessions commit in groups here. shares is set by a
	// session that will wait for the acknowledgement that its commit leaves.
	group        *commitGroup
	shares       bool
	acknowledged *acknowledgement
	// unit is the unit of work that it is in the hands of, nil for none;
	// lone is set if that is a statement by itself.
	unit *observedUnit
	lone *lone
	// next is what the session's next statement stands for, own its
	// transaction with these options. adopting is set while that is made a sql.Tx.
	next     control
	own      *tx
	options  driver.TxOptions
	adopting bool
	// pipeline is nil unless BEGIN can be sent with a statement; waiting is the
	// transaction whose BEGIN was not sent so far.
	pipeline *pipeline
	waiting  *pgTx
	// following is what follows the result of the session's next query.
	following *openRows
	// reading are the rows that were opened last and are not closed.
	reading *rows
	// watch keeps the time of its statements.
	watch stopwatch
	txState
}

// outdated reports whether its server has turned out to be the primary no
// longer since it was made.
func (c *conn) outdated() bool { return c.generation != c.connector.generation.number.Load() }

func (c *conn) engine() Engine { return c.connector.engine }

// sent gives an error that a driver returned for a statement its type, and
// remembers what it means for the connection and its transaction.
func (c *conn) sent(query string, err error) error {
	if err == nil {
		c.succeeded(query)
		return nil
	}
	if errors.Is(err, driver.ErrSkip) {
		return err
	}
	err = c.typed(err)
	if strings.Contains(query, unrenderable) {
		err = newError(ErrValue, c.engine(), err)
	}
	c.failed(err, endsTransaction(c.engine(), err) || c.broken)
	return err
}

// answered is sent for a statement that had a limit.
func (c *conn) answered(l *limit, query string, err error) error {
	if err == nil {
		return c.sent(query, nil)
	}
	c.broken = c.broken || errors.Is(err, driver.ErrBadConn)
	err = l.explain(c.engine(), err)
	if l.late() {
		// The driver gave the connection up; SQLite, which has none, may have
		// rolled the transaction back.
		c.broken = c.broken || c.engine() != SQLite
		c.failed(err, true)
	}
	c.abandoned(l)
	return c.sent(query, err)
}

// abandoned ends the work that the server still does for a caller who went
// away. A connection that its driver kept open was not in the middle of any.
func (c *conn) abandoned(l *limit) {
	if c.abandon == nil || l.ctx.Err() == nil {
		return
	}
	if validator, ok := c.Conn.(driver.Validator); ok && validator.IsValid() {
		return
	}
	c.broken = true
	c.abandon(l.caller)
	c.abandon = nil // once is enough
}

func (c *conn) limit(ctx context.Context) *limit {
	if c.group.isOpen() && ctx.Done() != nil {
		return newLimit(ctx, gracefully, c.connector.statementTimeout, &c.watch)
	}
	return newLimit(ctx, nil, c.connector.statementTimeout, &c.watch)
}

func (c *conn) typed(err error) error {
	if errors.Is(err, driver.ErrBadConn) {
		c.broken = true
		return newError(ErrUnavailable, c.engine(), errConnLost)
	}
	err = classify(c.engine(), err)
	refused := errors.Is(err, ErrReadOnly)
	if discardsConn(c.engine(), err) && !(refused && (c.readOnly || c.connector.standby)) {
		c.broken = true
		if refused {
			c.connector.generation.turn()
		}
	}
	return err
}

// Close closes the connection. A server is told so as a courtesy: that it
// could not be told, since it was gone already, is not worth an error.
func (c *conn) Close() error {
	c.endLone()
	c.group.closing(c.broken)
	defer c.watch.close()
	if c.statements != nil && c.engine() == SQLite { // which stays open otherwise; servers know by themselves
		c.statements.clear()
	}
	c.controls.close()
	err := c.Conn.Close()
	if err == nil || c.engine() != SQLite {
		return nil
	}
	return classify(c.engine(), err)
}

func (c *conn) Prepare(query string) (driver.Stmt, error) {
	if err := c.admits(query); err != nil {
		return nil, err
	}
	inner, err := c.Conn.Prepare(query)
	if err != nil {
		return nil, c.sent(query, err)
	}
	return &stmt{Stmt: inner, conn: c, query: query}, nil
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	switch of := ctx.(type) {
	case *lone:
		ctx = of.got(c)
	case *followed:
		ctx = of.caller
	}
	preparer, ok := c.Conn.(driver.ConnPrepareContext)
	if !ok {
		return c.Prepare(query)
	}
	if err := c.admits(query); err != nil {
		return nil, err
	}
	l := c.limit(ctx)
	defer l.end()
	if err := c.beginAhead(l.ctx); err != nil {
		return nil, c.answered(l, query, err)
	}
	inner, err := preparer.PrepareContext(l.ctx, query)
	if err != nil {
		return nil, c.answered(l, query, err)
	}
	return &stmt{Stmt: inner, conn: c, query: query}, nil
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	one, ok := ctx.(*lone)
	if !ok {
		if c.next != noControl {
			return c.control(ctx)
		}
		return c.exec(ctx, query, args)
	}
	result, err := c.exec(one.got(c), query, args)
	return result, one.answered(c, err)
}

func (c *conn) exec(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	execer, ok := c.Conn.(driver.ExecerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	if err := c.admits(query); err != nil {
		return nil, err
	}
	l := c.limit(ctx)
	defer l.end()
	m := c.measure(ctx, query)
	var fresh *scanner
	if len(args) == 0 {
		st, bound, unseen, err := c.bind(l.ctx, query, true)
		if err != nil {
			return nil, m.done(c.answered(l, query, err))
		}
		if st != nil {
			result, err := withBegin(c, func() (driver.Result, error) { return st.exec(l.ctx, bound) })
			if !c.staleStatement(l.ctx, st, err) {
				return result, m.done(c.answered(l, query, err))
			}
		}
		fresh = unseen
	}
	if err := c.beginAhead(l.ctx); err != nil {
		return nil, m.done(c.answered(l, query, err))
	}
	result, err := execer.ExecContext(l.ctx, query, args)
	c.ran(fresh, err)
	return result, m.done(c.answered(l, query, err))
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	switch of := ctx.(type) {
	case *lone:
		answer, err := c.query(of.got(c), query, args)
		if result, ok := answer.(*rows); ok && of.kind == aloneRows && !of.writes { // what was stored is told
			result.obeys = true
		}
		return answer, of.answered(c, err)
	case *followed:
		answer, err := c.query(of.caller, query, args)
		if result, ok := answer.(*rows); ok {
			result.obeys = true
		}
		return answer, err
	default:
		return c.query(ctx, query, args)
	}
}

func (c *conn) query(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	queryer, ok := c.Conn.(driver.QueryerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	if err := c.admits(query); err != nil {
		return nil, err
	}
	l := c.limit(c.obeyed(ctx))
	m := c.measure(ctx, query)
	var fresh *scanner
	if len(args) == 0 {
		st, bound, unseen, err := c.bind(l.ctx, query, false)
		if err != nil {
			return c.result(l, m, nil, err, nil)
		}
		if st != nil {
			inner, err := withBegin(c, func() (driver.Rows, error) { return st.query(l.ctx, bound) })
			if !c.staleStatement(l.ctx, st, err) {
				return c.result(l, m, inner, err, st)
			}
		}
		fresh = unseen
	}
	if err := c.beginAhead(l.ctx); err != nil {
		return c.result(l, m, nil, err, nil)
	}
	inner, err := queryer.QueryContext(l.ctx, query, args)
	c.ran(fresh, err)
	return c.result(l, m, inner, err, nil)
}

func (c *conn) Ping(ctx context.Context) error {
	pinger, ok := c.Conn.(driver.Pinger)
	if !ok {
		return nil
	}
	l := c.limit(ctx)
	defer l.end()
	err := l.explain(c.engine(), pinger.Ping(l.ctx))
	if err == nil {
		return nil
	}
	if errors.Is(err, driver.ErrBadConn) {
		c.broken = true
		return err // a ping may be repeated on another connection
	}
	return c.typed(err)
}

// ResetSession runs when the connection is taken from the pool again.
func (c *conn) ResetSession(ctx context.Context) error {
	if c.broken || c.outdated() {
		return driver.ErrBadConn
	}
	if _, session := ctx.Value(callerKey{}).(context.Context); c.group.isOpen() && !session {
		c.group.commit() // only sessions know how to join
		if c.broken {
			return driver.ErrBadConn
		}
	}
	c.reused = true
	c.txState, c.shares, c.acknowledged = txState{levels: c.levels[:0]}, false, nil
	c.next, c.own, c.adopting, c.following = noControl, nil, false, nil
	if resetter, ok := c.Conn.(driver.SessionResetter); ok {
		// pgx asks the server when the connection was idle for a second;
		// everything else is done here at once, and needs no limit.
		now := time.Now()
		if idle := now.Sub(c.taken); c.engine() == PostgreSQL && idle > longIdle {
			l := c.limit(ctx)
			defer l.end()
			ctx = l.ctx
		}
		c.taken = now
		if err := resetter.ResetSession(ctx); err != nil {
			return err
		}
	}
	if c.connector.prePing && c.Ping(ctx) != nil {
		return driver.ErrBadConn
	}
	return nil
}

// IsValid keeps broken connections out of the pool. database/sql asks when the
// last that used the connection has ended, and before the next gets it.
func (c *conn) IsValid() bool {
	c.group.handOver()
	c.endLone()
	c.unit = nil
	return c.sound()
}

// endLone ends a statement by itself, if it was one that had the connection.
func (c *conn) endLone() {
	if one := c.lone; one != nil {
		c.lone = nil
		one.givenBack()
	}
}

func (c *conn) sound() bool {
	if c.broken || c.outdated() {
		return false
	}
	if validator, ok := c.Conn.(driver.Validator); ok {
		return validator.IsValid()
	}
	return true
}

func (c *conn) CheckNamedValue(value *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(value)
	}
	return driver.ErrSkip // database/sql's default conversion
}

// stmt is a prepared statement of a conn.
type stmt struct {
	driver.Stmt
	conn  *conn
	query string
}

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	execer, ok := s.Stmt.(driver.StmtExecContext)
	if !ok {
		return nil, fmt.Errorf("dbmodule: exec: the %s driver takes no context", s.conn.engine())
	}
	if err := s.conn.admits(s.query); err != nil {
		return nil, err
	}
	l := s.conn.limit(ctx)
	defer l.end()
	m := s.conn.measure(ctx, s.query)
	result, err := execer.ExecContext(l.ctx, args)
	return result, m.done(s.conn.answered(l, s.query, err))
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	switch of := ctx.(type) {
	case *lone:
		ctx = of.caller
	case *followed:
		ctx = of.caller
	}
	queryer, ok := s.Stmt.(driver.StmtQueryContext)
	if !ok {
		return nil, fmt.Errorf("dbmodule: query: the %s driver takes no context", s.conn.engine())
	}
	if err := s.conn.admits(s.query); err != nil {
		return nil, err
	}
	l := s.conn.limit(s.conn.obeyed(ctx))
	m := s.conn.measure(ctx, s.query)
	inner, err := queryer.QueryContext(l.ctx, args)
	return s.conn.result(l, m, inner, err, nil)
}
