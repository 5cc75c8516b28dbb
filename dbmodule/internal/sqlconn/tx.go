package sqlconn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/internal/deadline"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/groupcommit"
)

// RollbackTimeout bounds a ROLLBACK; past it the connection is dropped, which rolls back
// as well.
const RollbackTimeout = 5 * time.Second

// tx is a transaction of a connection.
type tx struct {
	conn *Conn
	// limit bounds COMMIT and ROLLBACK; its caller is the context that BeginTx
	// was given, or for a session's own that of the statement.
	limit *deadline.Limit
	// outlives says that it is committed when its own unit of work has ended,
	// and with that the context that it was begun with.
	outlives bool
	// unit is its unit of work, if it outlives that.
	unit *Unit
}

// Commit answers nil only for a transaction that is stored whole. A
// transaction that lost statements is rolled back instead; a commit whose
// reply did not arrive is [dberr.ErrCommitUnknown], or [dberr.ErrUnavailable] when the
// transaction could not write.
func (t *tx) Commit() error {
	_, err := t.commit(false)
	return err
}

// commit is Commit for a session. Where that lets others share it, and they do, it
// returns what the session waits for. With an error that is what undo returns.
func (t *tx) commit(shares bool) (*groupcommit.Acknowledgement, error) {
	if pending := t.conn.state.Pending(); pending != nil {
		seen, err := t.undo()
		return seen, errors.Join(pending, err)
	}
	if err := t.limit.Caller().Err(); err != nil {
		seen, undoErr := t.undo()
		return seen, errors.Join(fmt.Errorf("dbmodule: commit: %w", err), undoErr)
	}
	if g := t.conn.group; g.Joined() || g != nil && shares && t.conn.inner.CommitFails() == nil {
		return t.share(g)
	}
	return nil, t.Store()
}

// share ends a unit of work that is committed together with others, or may be.
func (t *tx) share(g *groupcommit.Group) (*groupcommit.Acknowledgement, error) {
	defer t.conn.end()
	if g.Joined() {
		defer t.limit.End()
		t.limit.Start(0)
		fails := t.conn.inner.CommitFails() // for all who share it
		m := t.conn.logFor(t.limit, t.conn.unit, "COMMIT")
		if err := g.EndPart(context.WithoutCancel(t.limit.Context()), fails != nil); err != nil {
			return nil, m.done(t.conn.connector.failure(dberr.ErrConflict, err))
		}
		_, fails = t.conn.connector.typed(fails)
		if m.done(fails) != nil {
			return nil, fails
		}
	}
	return g.Add(t), nil
}

// Caller is the context of the statement that ends it, without its cancellation once it
// outlives its unit of work. A session's own has one from then on.
func (t *tx) Caller() context.Context { return t.limit.Caller() }

// Store sends COMMIT.
func (t *tx) Store() error {
	defer t.limit.End()
	t.limit.Start(0)
	err := t.send("COMMIT", t.conn.inner.Commit)
	if err == nil {
		t.conn.end()
		return nil
	}
	verdict, typed := t.conn.typed(err)
	if verdict.Answered || errors.Is(err, errSevered) { // or it was not sent
		t.conn.end()
		return typed
	}
	kind := dberr.ErrCommitUnknown
	if t.conn.state.ReadOnly {
		kind = dberr.ErrUnavailable // whatever came of it, nothing is stored
	}
	t.conn.broken = true
	t.conn.end()
	cause := engine.WithoutBadConn(err)
	if t.limit.Late() {
		cause = explain(t.limit, t.conn.connector, err)
	}
	return t.conn.connector.failure(kind, cause)
}

// send ends the transaction by a method of the engine's.
func (t *tx) send(statement string, method func(context.Context) error) error {
	m := t.conn.measureFor(t.limit, cmp.Or(t.unit, t.conn.unit), statement)
	return m.raw(t.conn.connector, method(t.limit.Context()))
}

// Rollback ends the transaction. A connection on which that fails is dropped,
// which makes the server roll back; the error is only worth telling where the
// connection seemed healthy.
func (t *tx) Rollback() error {
	_, err := t.undo()
	return err
}

// undo is Rollback for a session. If it was a part of a transaction that others share, it
// returns what tells whether what it saw of them is stored.
func (t *tx) undo() (*groupcommit.Acknowledgement, error) {
	if seen := t.conn.group.Watch(); seen != nil {
		defer t.conn.end()
		defer t.limit.End()
		m := t.conn.logFor(t.limit, t.conn.unit, "ROLLBACK")
		_ = m.raw(t.conn.connector, t.conn.group.EndPart(context.WithoutCancel(t.limit.Context()), true)) // what could not be undone is gone with the transaction
		return seen, nil
	}
	return nil, t.undoAlone()
}

// undoAlone sends ROLLBACK.
func (t *tx) undoAlone() error {
	gone := t.conn.broken
	defer t.conn.end()
	defer t.limit.End()
	t.limit.Start(RollbackTimeout)
	err := t.send("ROLLBACK", t.conn.inner.Rollback)
	if err == nil {
		return nil
	}
	gone = gone || !t.conn.sound() || t.limit.Context().Err() != nil
	t.conn.broken = true
	_, err = t.conn.connector.typed(err)
	if gone || errors.Is(err, dberr.ErrUnavailable) {
		return nil
	}
	return fmt.Errorf("dbmodule: rollback: %w", err)
}

// Outlive keeps the transaction open beyond its own unit of work.
func (t *tx) Outlive() {
	if t.outlives {
		return
	}
	t.limit.End()
	t.limit = t.conn.newLimit(context.WithoutCancel(t.limit.Caller()))
	t.limit.Stop()
	t.outlives = true
	if t.conn.unit != nil {
		unit := *t.conn.unit
		t.unit = &unit
	}
}

// Drop rolls back what the connection still has open, if anything.
func (t *tx) Drop() {
	t.limit.End()
	if t.conn.inner.Rollback(t.limit.Context()) != nil {
		t.conn.broken = true
	}
}
