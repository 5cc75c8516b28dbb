package sqlconn

import (
	"context"
	"errors"
	"fmt"

	"github.com/openhands-go/server/dbmodule/dberr"
)

const (
	// rawText stands in logs and for observers for what is done on the driver's own
	// connection.
	rawText = "RAW"
	// guard is the savepoint around it in a transaction.
	guard = "openhands_raw"
)

// Raw hands the driver's own connection to fn, as its users know it: see engine.Conn.
// fn has the time of one statement, and its error counts as that of one.
//
// What fn does is not seen. So the connection is not used again after the unit of work,
// which runs as text from then on. In a transaction a savepoint around fn tells whether
// the transaction is still there and in order.
func (c *Conn) Raw(ctx context.Context, of *Call, fn func(ctx context.Context, conn any) error) error {
	if err := c.admits(ctx, rawText); err != nil {
		return c.told(of, err)
	}
	if err := c.admitsEffect(ctx, c.group.Unseen(c.state.Touched())); err != nil {
		return c.told(of, err)
	}
	c.changes.asText, c.changes.settings, c.changes.unknown = true, true, true
	l := c.limit(ctx)
	defer l.End()
	m := c.measure(l, rawText)
	conn, err := c.inner.Native(l.Context())
	if err == nil {
		err = c.guarded(l.Context(), func(ctx context.Context) error {
			return c.inner.call(func() error { return fn(ctx, conn) })
		})
	}
	return c.told(of, m.done(c.answered(l, rawText, err)))
}

// errRawEnded is told when fn has ended the transaction.
var errRawEnded = errors.New("the function ended the transaction on the driver's connection, or made it fail: only the session ends it")

// guarded runs fn with a savepoint around it, if there is a transaction.
func (c *Conn) guarded(ctx context.Context, fn func(context.Context) error) error {
	if !c.state.InTx() {
		return fn(ctx)
	}
	if err := c.inner.Control(ctx, "SAVEPOINT "+guard); err != nil {
		return err
	}
	if err := fn(ctx); err != nil {
		return err
	}
	if err := c.inner.Control(ctx, "RELEASE SAVEPOINT "+guard); err != nil {
		c.broken = true // what is sent on it would be stored by itself
		err = fmt.Errorf("dbmodule: raw: %w: %w: %w", dberr.ErrPendingRollback, errRawEnded, err)
		c.state.Failed(err, true)
		return err
	}
	return nil
}
