package dbmodule

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/openhands-go/server/dbmodule/observe"
)

// observedUnit is a unit of work as its observers and the log know it. The zero
// value is none.
type observedUnit struct {
	UnitOfWork
	// ctx is what observers made of the first statement's; nil without observers.
	ctx     context.Context
	outcome Outcome
	err     error
}

// take begins a unit of work with a connection of a pool, and tells how long
// the wait for that was.
func (s *Session) take(ctx context.Context, from *pool) (*heldConn, error) {
	s.unit = observedUnit{outcome: OutcomeNone, UnitOfWork: s.unitOfWork(from)}
	tellSessionUsed(ctx, s.id)
	if len(from.observers) == 0 || observe.IsUnobserved(ctx) {
		return s.label(from.take(ctx, s))
	}
	s.unit.ctx = from.observers.UnitBegan(ctx, s.unit.UnitOfWork)
	began := time.Now()
	held, err := from.take(ctx, s)
	from.observers.Acquired(s.unit.ctx, Acquisition{Pool: from.name, Took: time.Since(began), Err: err})
	if err != nil {
		from.observers.UnitEnded(s.unit.ctx, UnitEnd{UnitOfWork: s.unit.UnitOfWork, Outcome: OutcomeNone, Err: err})
		s.unit = observedUnit{}
	}
	return s.label(held, err)
}

func (s *Session) unitOfWork(from *pool) UnitOfWork {
	return UnitOfWork{Engine: s.factory.engine, Pool: from.name, Session: s.id, Attempt: s.attempt, ReadOnly: s.options.readOnly}
}

// label tells a connection whose unit of work it serves.
func (s *Session) label(held *heldConn, err error) (*heldConn, error) {
	if held != nil {
		held.raw.unit = &s.unit
	}
	return held, err
}

// endUnit ends the unit of work that had a connection.
func (s *Session) endUnit(held *heldConn) {
	if s.unit.ctx != nil {
		held.pool.observers.UnitEnded(s.unit.ctx, UnitEnd{
			UnitOfWork: s.unit.UnitOfWork, Outcome: s.unit.outcome, Held: time.Since(held.since), Err: s.unit.err,
		})
	}
	s.unit = observedUnit{}
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

// measured is a statement that observers are told of once it is answered. It
// keeps what it needs by itself: rows may be closed by another goroutine, when
// the unit of work is over.
type measured struct {
	query   string
	tell    observe.Observers // nil when nobody is to be told, or was already
	ctx     context.Context
	engine  Engine
	session uint64
	began   time.Time
	err     error
}

// measure begins to measure a statement that is about to be sent, and tells the
// log which session sends it.
func (c *conn) measure(ctx context.Context, query string) measured {
	return c.measureFor(ctx, c.unit, query)
}

// measureFor is measure for a unit of work that may have ended; nil is none.
func (c *conn) measureFor(ctx context.Context, unit *observedUnit, query string) measured {
	m := measured{query: query}
	if unit != nil {
		m.session = unit.Session
		noteSession(ctx, m.session)
	}
	if len(c.connector.tell.observers) == 0 {
		return m
	}
	switch {
	case unit != nil:
		m.ctx = unit.ctx // nil when it is unobserved
	case !observe.IsUnobserved(ctx):
		m.ctx = ctx
	}
	if m.ctx != nil {
		m.tell, m.engine, m.began = c.connector.tell.observers, c.engine(), time.Now()
	}
	return m
}

// failed remembers the first error of a statement that goes on, and returns it.
func (m *measured) failed(err error) error {
	if m.err == nil {
		m.err = err
	}
	return err
}

// done tells of the statement, with the error that a driver returned in the end
// unless there was one before, and returns that of the driver.
func (m *measured) done(err error) error {
	if m.tell == nil || errors.Is(err, driver.ErrSkip) {
		return err
	}
	_ = m.failed(err)
	m.tell.Statement(m.ctx, Statement{
		Engine: m.engine, Session: m.session, Began: m.began, Took: time.Since(m.began), Err: m.err,
	}.WithQuery(m.query, judgeOf(m.engine).TextWithoutValues))
	m.tell = nil
	return err
}

// raw is done with an error that has no type yet, which it returns as it is.
func (m *measured) raw(of *connector, err error) error {
	if m.tell != nil {
		_, typed := of.typed(err)
		_ = m.done(typed)
	}
	return err
}
