package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// conn is a connection to a MySQL or MariaDB server.
type conn struct {
	engine.DriverConn
	beginner driver.ConnBeginTx
	killer   *killer
	// thread is the connection as the server knows it, nil if the server or a proxy does not
	// tell.
	thread *thread
}

var _ engine.Conn = (*conn)(nil)

// newConn wraps a driver's connection. It asks the server for the connection's number, which
// killer needs.
func newConn(ctx context.Context, inner driver.Conn, k *killer) (engine.Conn, error) {
	c, err := wrap(ctx, inner, k)
	if err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	return c, nil
}

func wrap(ctx context.Context, inner driver.Conn, k *killer) (*conn, error) {
	base, err := engine.NewDriverConn(inner)
	if err != nil {
		return nil, err
	}
	beginner, ok := inner.(driver.ConnBeginTx)
	if !ok {
		return nil, fmt.Errorf("dbmodule: connect: the driver's %T has no transactions", inner)
	}
	c := &conn{DriverConn: base, beginner: beginner, killer: k}
	c.thread, err = k.threadOf(ctx, inner)
	return c, err
}

// Begin implements engine.Conn. The transaction does not end with ctx.
func (c *conn) Begin(ctx context.Context, opts engine.TxOptions) error {
	_, err := c.beginner.BeginTx(ctx, driver.TxOptions{Isolation: driver.IsolationLevel(opts.Isolation), ReadOnly: opts.ReadOnly})
	return err
}

// Commit implements engine.Conn. It sends COMMIT as a statement: the driver's own Commit has no
// context, and would wait forever for a server that hangs.
func (c *conn) Commit(ctx context.Context) error {
	_, err := c.Exec(ctx, "COMMIT", nil)
	return err
}

// Rollback implements engine.Conn. Like Commit, it sends a statement.
func (c *conn) Rollback(ctx context.Context) error {
	_, err := c.Exec(ctx, "ROLLBACK", nil)
	return err
}

// Close implements engine.Conn. It ignores the error of a server that is gone.
func (c *conn) Close() error {
	_ = c.DriverConn.Close()
	return nil
}

// Abandon implements engine.Conn; see killer.
func (c *conn) Abandon(ctx context.Context) {
	if c.thread != nil {
		c.killer.kill(ctx, *c.thread)
		c.thread = nil // once is enough
	}
}
