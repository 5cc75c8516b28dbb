package sqlconn

import (
	"context"
	"errors"
	"fmt"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/groupcommit"
)

// What a connection does when units of work share a COMMIT. Package groupcommit decides
// which units share one.

// admitsShared prepares for a statement that is about to be sent. Before a statement
// outside a transaction, the group's open transaction is committed.
func (c *Conn) admitsShared(ctx context.Context, query string) error {
	if c.group.IsOpen() && !c.state.InTx() {
		if c.group.Commit(); c.broken {
			return c.connector.failure(dberr.ErrUnavailable, engine.ErrConnLost)
		}
	}
	return c.admitsEffect(ctx, c.group.Effect(query, c.state.Strict, c.state.Touched()))
}

// admitsEffect prepares for a statement that may affect other members of the group.
func (c *Conn) admitsEffect(ctx context.Context, effect groupcommit.Effect) error {
	switch effect {
	case groupcommit.Leaves:
		return c.leaveGroup(context.WithoutCancel(ctx))
	case groupcommit.Refused:
		err := c.group.RefusedError()
		c.state.Failed(err, false)
		return err
	}
	return nil
}

// leaveGroup is for a unit of work that has joined a group and done nothing so far. It
// commits the group's transaction, and begins another one for this unit alone.
func (c *Conn) leaveGroup(ctx context.Context) error {
	if err := c.group.EndSavepoint(ctx, false); err != nil {
		c.state.Failed(err, true)
		return c.connector.failure(dberr.ErrConflict, err)
	}
	mode := c.state.Mode
	c.group.Commit()
	// The COMMIT has ended what the connection knew of a transaction. This unit has one from here on.
	c.state.Begin()
	c.state.Mode = mode
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

// withoutOrRollback returns a statement as it is sent. In a session's statement OR ROLLBACK
// is replaced, because SQLite would roll back the changes of others, too.
func (c *Conn) withoutOrRollback(query string) string {
	if !c.state.Strict {
		return query
	}
	return c.group.WithoutOrRollback(query)
}

// hasOrRollback reports whether a failure of the statement rolls back its whole unit of
// work.
func (c *Conn) hasOrRollback(query string) bool {
	return c.state.Strict && c.group.HasOrRollback(query)
}
