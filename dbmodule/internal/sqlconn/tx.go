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

// RollbackTimeout limits a ROLLBACK. After it the connection is closed, which rolls back,
// too.
const RollbackTimeout = 5 * time.Second

// tx is a transaction of a connection.
type tx struct {
	conn *Conn
	// limit limits COMMIT and ROLLBACK. Its caller is the context of BeginTx, or for a
	// session the context of the statement that ends the transaction.
	limit *deadline.Limit
	// outlives is set when the transaction stays open after its unit of work has ended, for
	// others to join. unit is then a copy of that unit.
	outlives bool
	unit     *Unit
}

// Commit returns nil only if the whole transaction is stored. A transaction that lost
// statements is rolled back instead. A COMMIT that got no answer is
// [dberr.ErrCommitUnknown], or [dberr.ErrUnavailable] if the transaction was read-only.
func (t *tx) Commit() error {
	_, err := t.commit(false)
	return err
}

// commit is Commit for a session. If shares is set and others may share the COMMIT, it
// returns the acknowledgement that the session waits for. With an error it returns what undo
// returns.
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

// share ends a unit of work whose COMMIT others share, or may share.
func (t *tx) share(g *groupcommit.Group) (*groupcommit.Acknowledgement, error) {
	defer t.conn.endTx()
	if g.Joined() {
		defer t.limit.End()
		t.limit.Start(0)
		fails := t.conn.inner.CommitFails() // the shared COMMIT would fail for all members
		m := t.conn.logFor(t.limit, t.conn.unit, "COMMIT")
		if err := g.EndSavepoint(context.WithoutCancel(t.limit.Context()), fails != nil); err != nil {
			return nil, m.done(t.conn.connector.failure(dberr.ErrConflict, err))
		}
		_, fails = t.conn.connector.typed(fails)
		if m.done(fails) != nil {
			return nil, fails
		}
	}
	return g.AddMember(t), nil
}

// Caller returns the context of the statement that ends the transaction. Once the
// transaction outlives its unit of work, that context is not cancelled any more.
func (t *tx) Caller() context.Context { return t.limit.Caller() }

// Store sends COMMIT.
func (t *tx) Store() error {
	defer t.limit.End()
	t.limit.Start(0)
	err := t.send("COMMIT", t.conn.inner.Commit)
	if err == nil {
		t.conn.endTx()
		return nil
	}
	verdict, typed := t.conn.judge(err)
	if verdict.Answered || errors.Is(err, errSevered) { // errSevered: COMMIT was not sent
		t.conn.endTx()
		return typed
	}
	kind := dberr.ErrCommitUnknown
	if t.conn.state.ReadOnly {
		kind = dberr.ErrUnavailable // there was nothing to store
	}
	t.conn.broken = true
	t.conn.endTx()
	cause := engine.WithoutBadConn(err)
	if t.limit.Late() {
		cause = explain(t.limit, t.conn.connector, err)
	}
	return t.conn.connector.failure(kind, cause)
}

// send sends COMMIT or ROLLBACK by a method of the engine's connection.
func (t *tx) send(statement string, method func(context.Context) error) error {
	m := t.conn.measureFor(t.limit, cmp.Or(t.unit, t.conn.unit), statement)
	return m.doneUntyped(method(t.limit.Context()))
}

// Rollback rolls the transaction back. If ROLLBACK fails, the connection is closed, which
// makes the server roll back. The error is returned only if the connection was not lost
// before.
func (t *tx) Rollback() error {
	_, err := t.undo()
	return err
}

// undo is Rollback for a session. If the session took part in a shared transaction, undo
// returns the acknowledgement that tells whether the changes of others, which the session
// may have read, are stored.
func (t *tx) undo() (*groupcommit.Acknowledgement, error) {
	if seen := t.conn.group.Watch(); seen != nil {
		defer t.conn.endTx()
		defer t.limit.End()
		m := t.conn.logFor(t.limit, t.conn.unit, "ROLLBACK")
		_ = m.doneUntyped(t.conn.group.EndSavepoint(context.WithoutCancel(t.limit.Context()), true)) // after an error the whole transaction is rolled back
		return seen, nil
	}
	return nil, t.undoAlone()
}

// undoAlone sends ROLLBACK.
func (t *tx) undoAlone() error {
	gone := t.conn.broken
	defer t.conn.endTx()
	defer t.limit.End()
	t.limit.Start(RollbackTimeout)
	err := t.send("ROLLBACK", t.conn.inner.Rollback)
	if err == nil {
		return nil
	}
	gone = gone || !t.conn.usable() || t.limit.Context().Err() != nil
	t.conn.broken = true
	_, err = t.conn.connector.typed(err)
	if gone || errors.Is(err, dberr.ErrUnavailable) {
		return nil
	}
	return fmt.Errorf("dbmodule: rollback: %w", err)
}

// Outlive keeps the transaction open after its unit of work has ended, for others to join.
func (t *tx) Outlive() {
	if t.outlives {
		return
	}
	t.limit.End()
	t.limit = t.conn.endLimit(context.WithoutCancel(t.limit.Caller()))
	t.outlives = true
	if t.conn.unit != nil {
		unit := *t.conn.unit
		t.unit = &unit
	}
}

// Drop rolls back the transaction, if it is still open. If that fails, the connection is not
// used again.
func (t *tx) Drop() {
	t.limit.End()
	if t.conn.inner.Rollback(t.limit.Context()) != nil {
		t.conn.broken = true
	}
}
