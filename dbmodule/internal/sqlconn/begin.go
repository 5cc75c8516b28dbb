package sqlconn

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// BeginTx begins a transaction of a bun.Tx; a session has its own way, see settle.
func (c *Conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if of := c.callOf(ctx); of != nil && of.Does == Adopts {
		return adoptedTx{}, nil
	}
	began, err := c.beginTx(ctx, engine.TxOptions{Isolation: sql.IsolationLevel(opts.Isolation), ReadOnly: opts.ReadOnly}, false)
	if err != nil {
		return nil, err
	}
	return began, nil
}

// beginTx begins a transaction. A session's own outlives ctx.
func (c *Conn) beginTx(ctx context.Context, opts engine.TxOptions, own bool) (*tx, error) {
	if err := c.admitsBesideRows("BEGIN"); err != nil {
		return nil, err
	}
	c.state.ReadOnly = opts.ReadOnly
	if c.group.IsOpen() {
		return c.joinTx(ctx, own)
	}
	l := c.limit(ctx)
	m := c.measure(l, "BEGIN")
	err := m.raw(c.connector, c.inner.Begin(l.Context(), opts))
	if err != nil {
		defer l.End()
		if errors.Is(err, driver.ErrBadConn) {
			c.broken = true
			if l.Context().Err() == nil {
				return nil, err // nothing has begun: database/sql may take another
			}
		}
		c.abandoned(l)
		_, err = c.typed(explain(l, c.connector, err))
		return nil, err
	}
	c.state.Begin()
	c.group.Begin()
	return &tx{conn: c, limit: kept(l, own)}, nil
}

// joinTx begins a transaction as a part of the one that is open.
func (c *Conn) joinTx(ctx context.Context, own bool) (*tx, error) {
	l := c.limit(ctx)
	m := c.logFor(l, c.unit, "BEGIN")
	if err := m.raw(c.connector, c.group.Join(l.Context())); err != nil {
		defer l.End()
		_, err = c.typed(explain(l, c.connector, err))
		return nil, err
	}
	c.state.Begin()
	c.group.Begin()
	return &tx{conn: c, limit: kept(l, own)}, nil
}
