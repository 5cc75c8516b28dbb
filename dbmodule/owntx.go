package dbmodule

import (
	"context"
	"database/sql"
	"database/sql/driver"

	"github.com/uptrace/bun"
)

// A session's transaction is not a sql.Tx, which costs a goroutine and several
// contexts: it is begun and ended by statements on the session's connection, of
// which the driver knows that they are the session's own. So Bun's hooks see
// BEGIN, COMMIT and ROLLBACK as they do with a bun.Tx, and each obeys the context
// of its own call.

// control is what the next statement on a connection stands for.
type control int

const (
	noControl control = iota
	beginControl
	commitControl
	rollbackControl
)

func (k control) text() string {
	return [...]string{beginControl: "BEGIN", commitControl: "COMMIT", rollbackControl: "ROLLBACK"}[k]
}

// control runs a statement about the session's transaction.
func (s *Session) control(ctx context.Context, k control) error {
	raw := s.held.raw
	raw.next = k
	_, err := s.held.conn.ExecContext(ctx, k.text())
	raw.next = noControl // if it did not come that far
	return err
}

// control runs the statement that the session announced.
func (c *conn) control(ctx context.Context) (driver.Result, error) {
	k := c.next
	c.next = noControl
	if k == beginControl {
		began, err := c.beginTx(ctx, c.options, true)
		if err != nil {
			return nil, err
		}
		c.own = began
		return driver.ResultNoRows, nil
	}
	t := c.own
	if t == nil {
		return nil, sql.ErrTxDone
	}
	c.own = nil
	t.obey(ctx)
	if k == commitControl {
		return driver.ResultNoRows, t.Commit()
	}
	return driver.ResultNoRows, t.Rollback()
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
	s.held.raw.adopting = true
	adopted, err := s.held.conn.BeginTx(context.WithoutCancel(ctx), nil)
	s.held.raw.adopting = false
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
