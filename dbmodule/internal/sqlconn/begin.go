package sqlconn

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"github.com/openhands-go/server/dbmodule/internal/deadline"
	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// BeginTx begins the transaction of a bun.Tx. A session begins its transaction by a
// statement instead, see beginOrEnd.
func (c *Conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if call := c.callOf(ctx); call != nil && call.Does == Adopts {
		return adoptedTx{}, nil
	}
	began, err := c.beginTx(ctx, engine.TxOptions{Isolation: sql.IsolationLevel(opts.Isolation), ReadOnly: opts.ReadOnly}, false)
	if err != nil {
		return nil, err
	}
	return began, nil
}

// beginTx begins a transaction. session is set for a session's, which goes on after ctx
// has ended.
func (c *Conn) beginTx(ctx context.Context, opts engine.TxOptions, session bool) (*tx, error) {
	if err := c.admitsBesideRows("BEGIN"); err != nil {
		return nil, err
	}
	c.state.ReadOnly = opts.ReadOnly
	if c.group.IsOpen() {
		return c.joinTx(ctx, session)
	}
	l := c.newLimit(ctx)
	m := c.measure(l, "BEGIN")
	err := m.doneUntyped(c.inner.Begin(l.Context(), opts))
	if err != nil {
		defer l.End()
		if errors.Is(err, driver.ErrBadConn) {
			c.broken = true
			if l.Context().Err() == nil && !session {
				return nil, err // nothing has begun: database/sql may use another connection
			}
		}
		c.abandon(l)
		_, err = c.judge(explain(l, c.connector, err))
		return nil, err
	}
	return c.begun(l, session), nil
}

// joinTx begins a transaction as a savepoint inside the open transaction of a group.
func (c *Conn) joinTx(ctx context.Context, session bool) (*tx, error) {
	l := c.newLimit(ctx)
	m := c.logFor(l, c.unit, "BEGIN")
	if err := m.doneUntyped(c.group.Join(l.Context())); err != nil {
		defer l.End()
		_, err = c.judge(explain(l, c.connector, err))
		return nil, err
	}
	return c.begun(l, session), nil
}

// begun returns the transaction that BEGIN, with the limit l, has begun. The transaction of
// a bun.Tx keeps the limit for COMMIT and ROLLBACK. The statement that ends a session's
// transaction brings a context, and gets a limit of its own.
func (c *Conn) begun(l *deadline.Limit, session bool) *tx {
	c.state.Begin()
	c.group.Begin()
	if session {
		l.End()
		return &tx{conn: c}
	}
	l.Stop()
	return &tx{conn: c, limit: l}
}
