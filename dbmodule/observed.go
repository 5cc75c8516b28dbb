package dbmodule

import (
	"context"
	"errors"
	"fmt"
	"time"

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
