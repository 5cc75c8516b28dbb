package sqlconn

import (
	"context"
	"database/sql"
)

// beginOrEnd begins or ends the transaction of the session that uses the connection.
func (c *Conn) beginOrEnd(call *Call) (err error) {
	if call.Does == Begins {
		c.state.Strict = true
		c.implicit = implicitCommit{begins: call.Options}
		c.sessionTx, err = c.beginTx(call.Caller, call.Options, true)
		return err
	}
	t := c.sessionTx
	if t == nil {
		return sql.ErrTxDone
	}
	c.sessionTx = nil
	ctx := call.Caller
	if c.group != nil {
		ctx = context.WithoutCancel(ctx) // others may share COMMIT, and the session itself obeys its caller's context
	}
	t.limit = c.endLimit(ctx)
	if call.Does == RollsBack {
		call.Acknowledged, err = t.undo()
		return err
	}
	call.Acknowledged, err = t.commit(call.Shares)
	return err
}

// adoptedTx is the driver's part of a bun.Tx that stands for a session's transaction: the
// session ends the transaction.
type adoptedTx struct{}

func (adoptedTx) Commit() error   { return nil }
func (adoptedTx) Rollback() error { return nil }
