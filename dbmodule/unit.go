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

// observedUnit is a unit of work of a session. The zero value is none.
type observedUnit struct {
	sqlconn.Unit
	outcome Outcome
	err     error
}

// takeFrom begins a unit of work with a connection of a pool, and tells how long the
// wait for that was.
func (s *Session) takeFrom(ctx context.Context, from *connPool, unit *observedUnit, user fmt.Stringer, held *heldConn) error {
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
	err := from.take(ctx, pool.User{Session: s.id, Name: user}, held)
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

// endUnit ends the unit of work that had a connection.
func (s *Session) endUnit(held *heldConn, unit *observedUnit) {
	if unit.Observed != nil {
		held.pool.observers.UnitEnded(unit.Observed, UnitEnd{
			UnitOfWork: unit.UnitOfWork, Outcome: unit.outcome, Held: time.Since(held.lease.Since()), Err: unit.err,
		})
	}
	*unit = observedUnit{}
}

// settledBy notes what COMMIT returned.
func (u *observedUnit) settledBy(err error) {
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

// hold makes sure that the session has a connection.
func (s *Session) hold(ctx context.Context) error {
	if s.held != nil {
		return nil
	}
	held := new(heldConn)
	if err := s.take(ctx, &s.unit, s.options.owner, held); err != nil {
		return err
	}
	s.held = held
	return nil
}

// take acquires a connection for a unit of work.
func (s *Session) take(ctx context.Context, unit *observedUnit, user fmt.Stringer, held *heldConn) error {
	for {
		from := s.factory.serving(ctx, s)
		if !s.options.ungated {
			if err := from.gate.pass(); err != nil {
				return err
			}
		}
		if err := from.refusesOuter(ctx, s); err != nil {
			return err
		}
		err := s.takeFrom(ctx, from, unit, user, held)
		if err == nil || !s.unreached(ctx, from, err) {
			return err
		}
		*held = heldConn{}
	}
}

// A session's transaction is not a sql.Tx, which costs a goroutine and several
// contexts: it is begun and ended by statements on the session's connection, whose call
// says that they are the session's own. So Bun's hooks see BEGIN, COMMIT and ROLLBACK
// as they do with a bun.Tx, and each obeys the context of its own call.

// control begins or ends the session's transaction.
func (s *Session) control(of *sqlconn.Call) error {
	_, err := s.held.conn.ExecContext(of, of.Does.Text())
	return err
}

// adopt returns the session's transaction as a bun.Tx, for savepoints. It is made
// once they are wanted.
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

// letGo ends what adopt returned; the transaction goes on.
func (s *Session) letGo() {
	if s.adopted.Tx != nil {
		_ = s.adopted.Tx.Rollback() // of an adoptedTx
	}
	s.adopted = bun.Tx{}
}

// settle closes what stands in the way of the transaction's end.
func (s *Session) settle() {
	s.results.close()
	s.letGo()
}

// await gives the connection back, so that others can share the transaction's
// COMMIT, and waits for that.
func (s *Session) await(ctx context.Context, shared *groupcommit.Acknowledgement) error {
	held := s.held
	_ = held.giveBack() // who waits for the COMMIT learns what matters
	s.forget()
	err := shared.Wait(ctx)
	s.unit.settledBy(err)
	s.endUnit(held, &s.unit)
	return err
}

// isStored waits until it is known whether what a session saw of others is stored, with
// whom it shared a transaction and whose COMMIT was still to come. The session itself is
// undone, and has given its connection back. Where the others' work is not stored, or not
// known to be, what the session saw may never have been: that is [ErrConflict], and the
// unit of work may run again. seen is nil for a session that saw what was stored.
func isStored(ctx context.Context, seen *groupcommit.Acknowledgement) error {
	if seen == nil {
		return nil
	}
	err := seen.Wait(ctx)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("dbmodule: rollback: wait for what others store: %w", context.Cause(ctx))
	default: // the others' error is not this one's: of this one nothing is stored
		return fmt.Errorf("dbmodule: rollback: %w: it may have seen what others failed to store: %v", ErrConflict, err) //nolint:errorlint // see above
	}
}

// release gives the connection back and forgets the transaction.
func (s *Session) release() error {
	s.results.close()
	held := s.forget()
	if held == nil {
		return nil
	}
	err := held.giveBack()
	s.endUnit(held, &s.unit) // only now has the last ended that may look at the unit
	return err
}

// forget returns the connection, nil for none, that the session had.
func (s *Session) forget() *heldConn {
	s.letGo()
	s.inTx, s.last = false, nil
	held := s.held
	s.held = nil
	return held
}
