package sqlconn

import (
	"context"
	"database/sql"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/internal/deadline"
)

// settle begins or ends the transaction of the session that has the connection.
func (c *Conn) settle(of *Call) (err error) {
	if of.Does == Begins {
		c.state.Strict = true
		c.own, err = c.beginTx(of.Caller, of.Options, true)
		return err
	}
	t := c.own
	if t == nil {
		return sql.ErrTxDone
	}
	c.own = nil
	t.obey(of.Caller)
	if of.Does == RollsBack {
		of.Acknowledged, err = t.undo()
		return err
	}
	of.Acknowledged, err = t.commit(of.Shares)
	return err
}

// obey gives the transaction the context of the statement that ends it.
func (t *tx) obey(ctx context.Context) {
	after := t.conn.statementTimeout(ctx)
	if t.conn.group != nil {
		ctx = context.WithoutCancel(ctx) // others may share COMMIT, and the session waits for it by itself
	}
	t.limit = deadline.New(ctx, nil, after, &t.conn.timer)
	t.limit.Stop()
}

// adoptedTx stands for a transaction that somebody else ends.
type adoptedTx struct{}

func (adoptedTx) Commit() error   { return nil }
func (adoptedTx) Rollback() error { return nil }

// unsettled marks the error of a statement outside a transaction that may have
// been stored for all one knows.
func (c *Conn) unsettled(err error) error {
	if err == nil || !c.broken || c.connector.Judge(err).Answered {
		return err
	}
	return c.connector.failure(dberr.ErrCommitUnknown, err)
}
