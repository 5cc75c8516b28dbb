package dbmodule

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// BeginTx begins a transaction of a bun.Tx; a session has its own way, see control.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if c.adopting {
		return adoptedTx{}, nil
	}
	began, err := c.beginTx(ctx, opts, false)
	if err != nil {
		return nil, err
	}
	return began, nil
}

// beginTx begins a transaction. A session's own outlives ctx.
func (c *conn) beginTx(ctx context.Context, opts driver.TxOptions, own bool) (*tx, error) {
	if err := c.admitsBesideRows("BEGIN"); err != nil {
		return nil, err
	}
	c.readOnly, c.isolation = opts.ReadOnly, sql.IsolationLevel(opts.Isolation)
	if c.engine() == SQLite {
		opts.Isolation = 0 // SQLite has one level, serializable
	}
	if c.group.isOpen() {
		return c.joinTx(ctx, own)
	}
	l := c.limit(ctx)
	m := c.measure(ctx, "BEGIN")
	inner, endTx, err := c.beginInner(l.ctx, opts, own)
	_ = m.raw(err)
	if err != nil {
		defer l.end()
		if errors.Is(err, driver.ErrBadConn) {
			c.broken = true
			if l.ctx.Err() == nil {
				return nil, err // nothing has begun: database/sql may take another
			}
		}
		c.abandoned(l)
		return nil, c.typed(l.explain(c.engine(), err))
	}
	c.begin()
	c.group.begin()
	return &tx{Tx: inner, conn: c, limit: l.kept(own), endTx: endTx}, nil
}

func (c *conn) beginInner(ctx context.Context, opts driver.TxOptions, own bool) (inner driver.Tx, endTx context.CancelFunc, err error) {
	if c.controls != nil && !opts.ReadOnly {
		inner, err = c.controls.begin(ctx)
		return inner, nil, err
	}
	if own {
		return c.beginOwn(ctx, opts)
	}
	beginner, ok := c.Conn.(driver.ConnBeginTx)
	if !ok {
		return nil, nil, c.noTransactions()
	}
	inner, err = beginner.BeginTx(ctx, opts)
	return inner, nil, err
}

// joinTx begins a transaction as a part of the one that is open.
func (c *conn) joinTx(ctx context.Context, own bool) (*tx, error) {
	l := c.limit(ctx)
	if err := c.group.join(l.ctx); err != nil {
		defer l.end()
		return nil, c.typed(l.explain(c.engine(), err))
	}
	c.begin()
	c.group.begin()
	return &tx{conn: c, limit: l.kept(own), joined: true}, nil
}
