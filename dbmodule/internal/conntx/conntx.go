// Package conntx runs transactions on a connection that is used further after them.
//
// When the context of a transaction ends, database/sql rolls the transaction back and closes its
// connection. It does so in a goroutine of its own, and nothing tells when that is done. A statement
// that its user sends on the connection meanwhile may still run inside the transaction, or panics.
// So a transaction of this package is not tied to the context of its caller. The caller rolls it
// back, and can use the connection after that.
package conntx

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"
)

// grace is how long COMMIT or ROLLBACK may take after the caller's context has ended. Then the
// connection is closed, which rolls back, too.
const grace = 5 * time.Second

// Tx is a transaction on a connection. Whoever begins it calls Run or Rollback, also when the context
// has ended.
type Tx struct {
	// Tx runs the transaction's statements. Its Commit and Rollback are not called.
	Tx  bun.Tx
	ctx context.Context //nolint:containedctx // sql.Tx has one, too
	// end releases what the transaction's own context holds.
	end func()
}

// Begin begins a transaction. It waits for a lock until ctx ends. The statements of the transaction
// have contexts of their own. If ctx ends while the transaction begins, conn may be lost, and Begin
// may have closed it.
func Begin(ctx context.Context, conn bun.Conn, opts *sql.TxOptions) (*Tx, error) {
	own, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, end)
	tx, err := conn.BeginTx(own, opts)
	began := stop()
	switch {
	case err != nil:
		end()
		if errors.Is(err, context.Canceled) && ctx.Err() != nil {
			return nil, context.Cause(ctx) // it tells a deadline from a cancellation
		}
		return nil, err
	case !began:
		// database/sql rolls back at this moment. Close waits for it.
		if err = conn.Close(); errors.Is(err, sql.ErrConnDone) {
			err = nil
		}
		return nil, errors.Join(context.Cause(ctx), err)
	}
	stop = context.AfterFunc(ctx, func() { time.AfterFunc(grace, end) })
	return &Tx{Tx: tx, ctx: ctx, end: func() { stop(); end() }}, nil
}

// Run runs fn in the transaction. It commits if fn returns nil. If fn returns an error or panics, or
// the context of Begin has ended, Run rolls back.
func (t *Tx) Run(fn func(tx bun.Tx) error) (err error) {
	committed := false
	defer func() {
		if !committed {
			err = errors.Join(err, t.Rollback())
		}
	}()
	if err := fn(t.Tx); err != nil {
		return err
	}
	if t.ctx.Err() != nil {
		return fmt.Errorf("commit: %w", context.Cause(t.ctx))
	}
	committed = true
	defer t.end()
	if err := t.Tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// Rollback rolls back. It returns nil if the transaction has ended already.
func (t *Tx) Rollback() error {
	defer t.end()
	if err := t.Tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}
