package dbmodule

import (
	"context"
	"database/sql"

	"github.com/uptrace/bun"
)

// A session's transaction is not a sql.Tx, which costs a goroutine and several
// contexts: it is begun and ended by statements on the session's connection, whose call
// says that they are the session's own. So Bun's hooks see BEGIN, COMMIT and ROLLBACK
// as they do with a bun.Tx, and each obeys the context of its own call.

// control begins or ends the session's transaction.
func (s *Session) control(of *call) error {
	_, err := s.held.conn.ExecContext(of, of.does.text())
	return err
}

// settle begins or ends the transaction of the session that has the connection.
func (c *conn) settle(of *call) (err error) {
	if of.does == begins {
		c.strict = true
		c.own, err = c.beginTx(of.caller, of.options, true)
		return err
	}
	t := c.own
	if t == nil {
		return sql.ErrTxDone
	}
	c.own = nil
	t.obey(of.caller)
	if of.does == rollsBack {
		return t.Rollback()
	}
	of.acknowledged, err = t.commit(of.shares)
	return err
}

// obey gives the transaction the context of the statement that ends it.
func (t *tx) obey(ctx context.Context) {
	if t.conn.group != nil {
		ctx = context.WithoutCancel(ctx) // others may share COMMIT, and the session waits for it by itself
	}
	t.limit = t.conn.newLimit(ctx, nil)
	t.limit.Stop()
}

// adopt returns the session's transaction as a bun.Tx, for savepoints. It is made
// once they are wanted.
func (s *Session) adopt(ctx context.Context) (bun.Tx, error) {
	if s.adopted.Tx != nil {
		return s.adopted, nil
	}
	adopted, err := s.held.conn.BeginTx(&call{caller: context.WithoutCancel(ctx), on: s.held.raw, does: adopts}, nil)
	if err == nil {
		s.adopted = adopted
	}
	return adopted, err
}

// letGo ends what adopt returned; the transaction goes on.
func (s *Session) letGo() {
	if s.adopted.Tx != nil {
		_ = s.adopted.Tx.Rollback() // of an adoptedTx
	}
	s.adopted = bun.Tx{}
}

// adoptedTx stands for a transaction that somebody else ends.
type adoptedTx struct{}

func (adoptedTx) Commit() error   { return nil }
func (adoptedTx) Rollback() error { return nil }
