package sqlconn

import (
	"context"
	"errors"
	"fmt"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/groupcommit"
)

// What a connection does where units of work share a COMMIT. Package groupcommit decides
// who does.

// admitsShared prepares for a statement that is about to be sent. One outside a
// transaction has nothing to do with the group's, which is committed first.
func (c *Conn) admitsShared(ctx context.Context, query string) error {
	if c.group.IsOpen() && !c.state.InTx() {
		if c.group.Commit(); c.broken {
			return c.connector.failure(dberr.ErrUnavailable, engine.ErrConnLost)
		}
	}
	if c.state.Strict {
		if err := c.group.OwnEnd(query); err != nil {
			return err
		}
	}
	return c.admitsEffect(ctx, c.group.Effect(query, c.state.Strict, c.state.Touched()))
}

// admitsEffect prepares for what may concern others who share the transaction.
func (c *Conn) admitsEffect(ctx context.Context, effect groupcommit.Effect) error {
	switch effect {
	case groupcommit.Leaves:
		return c.leaveGroup(context.WithoutCancel(ctx))
	case groupcommit.Refused:
		err := c.group.Shared()
		c.state.Failed(err, false)
		return err
	}
	return nil
}

// leaveGroup commits what others did in the transaction, and begins another for the
// unit of work that has joined it and done nothing so far.
func (c *Conn) leaveGroup(ctx context.Context) error {
	if err := c.group.EndPart(ctx, false); err != nil {
		c.state.Failed(err, true)
		return c.connector.failure(dberr.ErrConflict, err)
	}
	c.group.Commit()
	err := error(nil)
	if !c.broken {
		err = c.inner.Begin(ctx, engine.TxOptions{}) // a unit of work with options would not have joined
	}
	if c.broken || err != nil {
		c.broken = true
		err = c.connector.failure(dberr.ErrUnavailable, fmt.Errorf("begin a transaction that is not shared: %w", errors.Join(engine.ErrConnLost, err)))
		c.state.Failed(err, true)
		return err
	}
	return nil
}

// spared returns a statement as it is sent: OR ROLLBACK of a session does not undo what
// others did in the transaction.
func (c *Conn) spared(query string) string {
	if !c.state.Strict {
		return query
	}
	return c.group.Spared(query)
}

// overrules reports whether a statement that failed undoes all that its session did.
func (c *Conn) overrules(query string) bool { return c.state.Strict && c.group.Overrules(query) }
