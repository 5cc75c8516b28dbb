package sqlconn

import (
	"context"
	"errors"
	"fmt"

	"github.com/openhands-go/server/dbmodule/dberr"
)

const (
	// rawText is the statement that the log and the observers see instead of fn.
	rawText = "RAW"
	// rawSavepoint is the savepoint around fn in a transaction.
	rawSavepoint = "openhands_raw"
)

// Raw passes the driver's own connection to fn, see engine.Conn.Native. fn has the time
// limit of one statement, and its error is treated like that of a statement.
//
// Nobody sees what fn does. So the unit of work runs as text from then on, and the
// connection is closed after it. In a transaction a savepoint around fn shows whether the
// transaction is still open and has not failed.
func (c *Conn) Raw(ctx context.Context, call *Call, fn func(ctx context.Context, conn any) error) error {
	if err := c.admits(ctx, rawText); err != nil {
		return c.orCommitUnknown(call, err)
	}
	if err := c.admitsEffect(ctx, c.group.RawEffect(c.state.Touched())); err != nil {
		return c.orCommitUnknown(call, err)
	}
	c.changes.asText, c.changes.settings, c.changes.unknown = true, true, true
	l := c.newLimit(ctx)
	defer l.End()
	m := c.measure(l, rawText)
	conn, err := c.inner.Native(l.Context())
	if err == nil {
		err = c.inSavepoint(l.Context(), func(ctx context.Context) error { return c.callNative(ctx, conn, fn) })
	}
	return c.orCommitUnknown(call, m.done(c.record(l, rawText, err)))
}

// callNative calls fn. If fn panics, nothing that it wrote can be committed, and the
// connection is not used again.
func (c *Conn) callNative(ctx context.Context, conn any, fn func(ctx context.Context, conn any) error) error {
	panics := true
	defer func() {
		if panics {
			c.broken = true
			c.state.Failed(errRawPanicked, true)
		}
	}()
	err := c.inner.call(func() error { return fn(ctx, conn) })
	panics = false
	return err
}

var errRawPanicked = errors.New("dbmodule: raw: the function panicked")

// errRawEnded is the error if fn has ended the transaction.
var errRawEnded = errors.New("the function ended the transaction on the driver's connection, or made it fail: only the session ends it")

// inSavepoint runs fn inside rawSavepoint if there is a transaction.
func (c *Conn) inSavepoint(ctx context.Context, fn func(context.Context) error) error {
	if !c.state.InTx() {
		return fn(ctx)
	}
	if err := c.inner.Control(ctx, "SAVEPOINT "+rawSavepoint); err != nil {
		return err
	}
	if err := fn(ctx); err != nil {
		return err
	}
	err := c.inner.Control(ctx, "RELEASE SAVEPOINT "+rawSavepoint)
	if err != nil && c.lacksSavepoint(err) {
		c.broken = true // a later statement would commit by itself
		err = fmt.Errorf("dbmodule: raw: %w: %w: %w", dberr.ErrPendingRollback, errRawEnded, err)
		c.state.Failed(err, true)
	}
	return err
}

// lacksSavepoint reports whether the error of RELEASE says that rawSavepoint does not exist any more,
// or that the transaction has failed. Other errors, such as that of a lost connection, say nothing
// about what the function did.
func (c *Conn) lacksSavepoint(err error) bool {
	verdict := c.connector.Judge(err)
	return verdict.Code != "" && !verdict.LosesConnection && (verdict.Kind == nil || errors.Is(verdict.Kind, dberr.ErrPendingRollback))
}
