package dbmodule

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule/internal/groupcommit"
	"github.com/openhands-go/server/dbmodule/internal/pool"
	"github.com/openhands-go/server/dbmodule/internal/sqlconn"
	"github.com/openhands-go/server/dbmodule/observe"
)

// observedUnit is the session's present unit of work. The zero value is none.
type observedUnit struct {
	sqlconn.Unit
	outcome Outcome
	err     error
}

// acquireFrom begins a unit of work with a connection of a pool, and tells the observers.
func (s *Session) acquireFrom(ctx context.Context, from *connPool, unit *observedUnit, user fmt.Stringer, held *heldConn) error {
	*unit = observedUnit{outcome: OutcomeNone, Unit: sqlconn.Unit{UnitOfWork: UnitOfWork{
		Engine: s.factory.engine, Pool: from.name, Session: s.id, Attempt: s.attempt, ReadOnly: s.options.readOnly,
	}}}
	tellSessionUsed(ctx, s.id)
	observed := len(from.observers) > 0 && !observe.IsUnobserved(ctx)
	var began time.Time
	if observed {
		unit.Observed = from.observers.UnitBegan(ctx, unit.UnitOfWork)
		began = time.Now()
	}
	err := from.acquire(ctx, pool.User{Session: s.id, Name: user}, held)
	if observed {
		from.observers.Acquired(unit.Observed, Acquisition{Pool: from.name, Took: time.Since(began), Err: err})
	}
	if err == nil {
		held.raw.Serves(&unit.Unit)
		return nil
	}
	if observed {
		from.observers.UnitEnded(unit.Observed, UnitEnd{UnitOfWork: unit.UnitOfWork, Outcome: OutcomeNone, Err: err})
	}
	*unit = observedUnit{}
	return err
}

// endUnit ends a unit of work, whose connection is released, and tells the observers.
func (s *Session) endUnit(held *heldConn, unit *observedUnit) {
	if unit.Observed != nil {
		held.pool.observers.UnitEnded(unit.Observed, UnitEnd{
			UnitOfWork: unit.UnitOfWork, Outcome: unit.outcome, Held: time.Since(held.lease.Since()), Err: unit.err,
		})
	}
	*unit = observedUnit{}
}

// setOutcome notes the outcome of a transaction by the error of COMMIT.
func (u *observedUnit) setOutcome(err error) {
	u.err = err
	switch {
	case err == nil:
		u.outcome = OutcomeCommit
	case errors.Is(err, ErrCommitUnknown):
		u.outcome = OutcomeUnknown
	case errors.Is(err, ErrPendingRollback), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		u.outcome = OutcomeRollback // COMMIT was not sent
	default:
		u.outcome = OutcomeFailed
	}
}

// ensureConn acquires a connection for the session, unless it has one.
func (s *Session) ensureConn(ctx context.Context) error {
	if s.held != nil {
		return nil
	}
	held := new(heldConn)
	if err := s.acquire(ctx, &s.unit, s.options.owner, held); err != nil {
		return err
	}
	s.held = held
	return nil
}

// acquire acquires a connection for a unit of work, from the pool that serves the session.
func (s *Session) acquire(ctx context.Context, unit *observedUnit, user fmt.Stringer, held *heldConn) error {
	for {
		from := s.factory.poolFor(ctx, s)
		if !s.options.ungated {
			if err := from.gate.pass(); err != nil {
				return err
			}
		}
		if err := from.refusesOuter(ctx, s); err != nil {
			return err
		}
		err := s.acquireFrom(ctx, from, unit, user, held)
		if err == nil || !s.acquiresFromPrimary(ctx, from, err) {
			return err
		}
		*held = heldConn{}
	}
}

// A session's transaction is not a sql.Tx, which costs a goroutine and several contexts.
// Statements on the session's connection begin and end it: their sqlconn.Call says so. So
// Bun's hooks see BEGIN, COMMIT and ROLLBACK, as they do with a bun.Tx, and each obeys the
// context of its own call.

// control begins or ends the session's transaction.
func (s *Session) control(call *sqlconn.Call) error {
	_, err := s.held.conn.ExecContext(call, call.Does.Text())
	return err
}

// adopt returns the session's transaction as a bun.Tx, which savepoints need. It makes the
// bun.Tx at the first call.
func (s *Session) adopt(ctx context.Context) (bun.Tx, error) {
	if s.adopted.Tx != nil {
		return s.adopted, nil
	}
	adopted, err := s.held.conn.BeginTx(&sqlconn.Call{Caller: context.WithoutCancel(ctx), On: s.held.raw, Does: sqlconn.Adopts}, nil)
	if err == nil {
		s.adopted = adopted
	}
	return adopted, err
}

// endAdopted ends the bun.Tx that adopt returned. The session's transaction goes on.
func (s *Session) endAdopted() {
	if s.adopted.Tx != nil {
		_ = s.adopted.Tx.Rollback() // does nothing in the database
	}
	s.adopted = bun.Tx{}
}

// closeForEnd closes open results and the adopted bun.Tx, before COMMIT or ROLLBACK.
func (s *Session) closeForEnd() {
	s.results.close()
	s.endAdopted()
}

// awaitCommit releases the connection, so that others can share the transaction's COMMIT,
// and waits for that COMMIT.
func (s *Session) awaitCommit(ctx context.Context, shared *groupcommit.Acknowledgement) error {
	held := s.held
	_ = held.release() // what matters is the result of COMMIT
	s.detach()
	err := shared.Wait(ctx)
	s.unit.setOutcome(err)
	s.endUnit(held, &s.unit)
	return err
}

// awaitSeen is called after a session that shared a transaction with others has rolled back.
// The session may have read changes of the others before their COMMIT. awaitSeen waits for
// that COMMIT. If the changes are not stored, or nobody knows, what the session has read may
// never have been true: that is [ErrConflict], and the unit of work may run again. seen is
// nil for a session that shared nothing.
func awaitSeen(ctx context.Context, seen *groupcommit.Acknowledgement) error {
	if seen == nil {
		return nil
	}
	err := seen.Wait(ctx)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("dbmodule: rollback: wait for what others store: %w", context.Cause(ctx))
	default: // errors.Is must not find the others' error: nothing of this session is stored
		return fmt.Errorf("dbmodule: rollback: %w: it may have seen what others failed to store: %v", ErrConflict, err) //nolint:errorlint // see above
	}
}

// release releases the connection, and with it the transaction.
func (s *Session) release() error {
	s.results.close()
	held := s.detach()
	if held == nil {
		return nil
	}
	if held.raw.StoredInPart() {
		s.commits++ // so that InTx does not repeat it
	}
	err := held.release()
	s.endUnit(held, &s.unit) // the connection may use the unit until it is released
	return err
}

// detach returns the session's connection, nil for none. The session has none after that.
func (s *Session) detach() *heldConn {
	s.endAdopted()
	s.inTx, s.last = false, nil
	held := s.held
	s.held = nil
	return held
}
