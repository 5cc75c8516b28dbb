package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// conn is a connection to a PostgreSQL server.
//
// BEGIN waits for the first statement of its transaction and travels with it if
// that is a prepared one: see pipeline. So a unit of work that is one statement
// takes two trips to the server instead of three.
type conn struct {
	engine.DriverConn
	pg *pgx.Conn
	// pipeline is nil unless BEGIN can be sent with a statement.
	pipeline *pipeline
	// opened is the BEGIN of the transaction, "" outside of one; waiting is set
	// while the server has not heard of it.
	opened  string
	waiting bool
	// session is the server session behind the connection.
	session session
}

var _ engine.Conn = (*conn)(nil)

// newConn wraps a driver's connection. BEGIN travels with prepared statements if
// pipelined is set.
func newConn(inner driver.Conn, pipelined bool) (engine.Conn, error) {
	base, err := engine.NewDriverConn(inner)
	if err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	std, ok := inner.(*stdlib.Conn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("dbmodule: connect: %T is no connection of pgx", inner), inner.Close())
	}
	c := &conn{DriverConn: base, pg: std.Conn()}
	if pipelined {
		c.pipeline = pipelineOf(c.pg)
	}
	return c, nil
}

// Begin implements engine.Conn. Where the connection is seen to be well, BEGIN
// waits for the first statement; a connection that went stale in the pool is found
// out by sending it. The BEGIN of a read-only transaction is always sent: by its
// error the caller learns that a replica does not answer, and takes another.
func (c *conn) Begin(ctx context.Context, opts engine.TxOptions) error {
	if c.pg.IsClosed() {
		return driver.ErrBadConn
	}
	text, err := beginText(opts)
	if err != nil {
		return err
	}
	c.opened = text
	if opts.MayWait && c.pipeline != nil && !opts.ReadOnly && c.pipeline.idle() {
		c.waiting = true
		return nil
	}
	return c.send(ctx, text)
}

// beginText is PostgreSQL's BEGIN.
func beginText(opts engine.TxOptions) (string, error) {
	text := "begin"
	switch opts.Isolation {
	case sql.LevelDefault:
	case sql.LevelReadUncommitted:
		text += " isolation level read uncommitted"
	case sql.LevelReadCommitted:
		text += " isolation level read committed"
	case sql.LevelRepeatableRead, sql.LevelSnapshot: // by PostgreSQL's name
		text += " isolation level repeatable read"
	case sql.LevelSerializable:
		text += " isolation level serializable"
	default:
		return "", fmt.Errorf("dbmodule: begin: PostgreSQL has no isolation level %s", opts.Isolation)
	}
	if opts.ReadOnly {
		text += " read only"
	}
	return text, nil
}

// Commit implements engine.Conn. The server answers ROLLBACK to the COMMIT of a
// transaction that had failed: that is pgx.ErrTxCommitRollback. A transaction of
// which the server never heard has nothing to end.
func (c *conn) Commit(ctx context.Context) error {
	if c.unheard() {
		return nil
	}
	tag, err := c.pg.Exec(ctx, "commit")
	if err == nil && tag.String() == "ROLLBACK" {
		return pgx.ErrTxCommitRollback
	}
	return err
}

// Rollback implements engine.Conn.
func (c *conn) Rollback(ctx context.Context) error {
	if c.unheard() {
		return nil
	}
	return c.send(ctx, "rollback")
}

// unheard ends a transaction whose BEGIN was never sent.
func (c *conn) unheard() bool {
	waited := c.waiting
	c.waiting = false
	return waited
}

func (c *conn) send(ctx context.Context, statement string) error {
	_, err := c.pg.Exec(ctx, statement)
	return err
}

// sendBegin sends a BEGIN that waits: what follows is not prepared.
func (c *conn) sendBegin(ctx context.Context) error {
	if !c.waiting {
		return nil
	}
	c.waiting = false
	return c.send(ctx, c.opened)
}

// Exec implements engine.Conn.
func (c *conn) Exec(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.sendBegin(ctx); err != nil {
		return nil, err
	}
	return c.DriverConn.Exec(ctx, query, args)
}

// Query implements engine.Conn.
func (c *conn) Query(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.session.unusual() {
		return c.QueryAnySettings(ctx, query, args)
	}
	if err := c.sendBegin(ctx); err != nil {
		return nil, err
	}
	return c.DriverConn.Query(ctx, query, args)
}

// Prepare implements engine.Conn.
func (c *conn) Prepare(ctx context.Context, query string) (engine.Stmt, error) {
	if err := c.sendBegin(ctx); err != nil {
		return nil, err
	}
	inner, err := c.DriverConn.Prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	return &stmt{Stmt: inner, conn: c}, nil
}

// stmt is a prepared statement. A BEGIN that waits travels with it.
type stmt struct {
	engine.Stmt
	conn *conn
}

func (s *stmt) Exec(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return withBegin(s.conn, func() (driver.Result, error) { return s.Stmt.Exec(ctx, args) })
}

func (s *stmt) Query(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return withBegin(s.conn, func() (driver.Rows, error) { return s.Stmt.Query(ctx, args) })
}

// withBegin runs a prepared statement, and has BEGIN sent with it if that waits.
func withBegin[T any](c *conn, run func() (T, error)) (result T, err error) {
	if !c.waiting {
		return run()
	}
	if err := c.pipeline.put(c.opened); err != nil {
		return result, fmt.Errorf("dbmodule: begin: %w", err)
	}
	result, err = run()
	if c.pipeline.took() {
		c.waiting = false
	}
	return result, err
}

// Native implements engine.Conn: a *pgx.Conn.
func (c *conn) Native(ctx context.Context) (any, error) {
	if err := c.sendBegin(ctx); err != nil {
		return nil, err
	}
	return c.pg, nil
}

// Valid implements engine.Conn: pgx closes a connection whose statement was not waited for.
func (c *conn) Valid() bool { return !c.pg.IsClosed() }

// AbortsOnError implements engine.Conn.
func (c *conn) AbortsOnError() bool { return true }

// Close implements engine.Conn. The server is told so as a courtesy: that it could
// not be told, since it was gone already, is not worth an error.
func (c *conn) Close() error {
	_ = c.DriverConn.Close()
	return nil
}

// Restart implements engine.Conn.
func (c *conn) Restart(ctx context.Context) error {
	if err := c.send(ctx, "rollback"); err != nil {
		return err
	}
	return c.send(ctx, c.opened)
}
