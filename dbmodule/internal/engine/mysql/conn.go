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
	// thread is what the server calls the connection; nil for a server or proxy
	// that does not tell.
	thread *thread
}

var _ engine.Conn = (*conn)(nil)

// newConn wraps a driver's connection. It asks the server for the connection's
// number, by which killer ends what a caller leaves behind.
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

// Begin implements engine.Conn. The driver forgets the context of BEGIN.
func (c *conn) Begin(ctx context.Context, opts engine.TxOptions) error {
	_, err := c.beginner.BeginTx(ctx, driver.TxOptions{Isolation: driver.IsolationLevel(opts.Isolation), ReadOnly: opts.ReadOnly})
	return err
}

// Commit implements engine.Conn. The driver's own way takes no context, so a
// stalled server would hold it for ever.
func (c *conn) Commit(ctx context.Context) error {
	_, err := c.Exec(ctx, "COMMIT", nil)
	return err
}

// Rollback implements engine.Conn, with a context as Commit.
func (c *conn) Rollback(ctx context.Context) error {
	_, err := c.Exec(ctx, "ROLLBACK", nil)
	return err
}

// Close implements engine.Conn. The server is told so as a courtesy: that it could
// not be told, since it was gone already, is not worth an error.
func (c *conn) Close() error {
	_ = c.DriverConn.Close()
	return nil
}

// Abandon implements engine.Conn: the driver only closes the connection, which the
// server notices when it wants to answer.
func (c *conn) Abandon(ctx context.Context) {
	if c.thread != nil {
		c.killer.kill(ctx, *c.thread)
		c.thread = nil // once is enough
	}
}
