package dbmodule

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/openhands-go/server/dbmodule/internal/deadline"
	"github.com/openhands-go/server/dbmodule/internal/pool"
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

// takeFrom begins a unit of work with a connection of a pool, and tells how long the
// wait for that was.
func (s *Session) takeFrom(ctx context.Context, from *connPool, unit *observedUnit, user fmt.Stringer, held *heldConn) error {
	*unit = observedUnit{outcome: OutcomeNone, UnitOfWork: UnitOfWork{
		Engine: s.factory.engine, Pool: from.name, Session: s.id, Attempt: s.attempt, ReadOnly: s.options.readOnly,
	}}
	tellSessionUsed(ctx, s.id)
	observed := len(from.observers) > 0 && !observe.IsUnobserved(ctx)
	var began time.Time
	if observed {
		unit.ctx = from.observers.UnitBegan(ctx, unit.UnitOfWork)
		began = time.Now()
	}
	err := from.take(ctx, pool.User{Session: s.id, Name: user}, held)
	if observed {
		from.observers.Acquired(unit.ctx, Acquisition{Pool: from.name, Took: time.Since(began), Err: err})
	}
	if err == nil {
		held.raw.serves(unit)
		return nil
	}
	if observed {
		from.observers.UnitEnded(unit.ctx, UnitEnd{UnitOfWork: unit.UnitOfWork, Outcome: OutcomeNone, Err: err})
	}
	*unit = observedUnit{}
	return err
}

// endUnit ends the unit of work that had a connection.
func (s *Session) endUnit(held *heldConn, unit *observedUnit) {
	if unit.ctx != nil {
		held.pool.observers.UnitEnded(unit.ctx, UnitEnd{
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

// measured is a statement that observers are told of once it is answered. It
// keeps what it needs by itself: rows may be closed by another goroutine, when
// the unit of work is over.
type measured struct {
	query string
	// to are those who are told, nil when there is nobody or all were told.
	to *listeners
	// caller is the context of the statement, for the log; observers get that of the
	// unit of work, which is nil if they are not to be told.
	caller, unit context.Context
	engine       Engine
	session      uint64
	limit        *deadline.Limit // knows how long the database takes
	began        time.Time
	err          error
	// rows is how many were read or changed; counted says that this is known.
	rows    int64
	counted bool
}

// measure begins to measure a statement that is about to be sent with that limit.
func (c *conn) measure(l *deadline.Limit, query string) measured {
	return c.measureFor(l, c.unit, query)
}

// measureFor is measure for a unit of work that may have ended; nil is none.
func (c *conn) measureFor(l *deadline.Limit, unit *observedUnit, query string) measured {
	m := c.logFor(l, unit, query)
	if len(c.connector.tell.observers) == 0 {
		return m
	}
	switch {
	case unit != nil:
		m.unit = unit.ctx // nil when it is unobserved
	case !observe.IsUnobserved(l.Caller()):
		m.unit = l.Caller()
	}
	if m.unit != nil && m.to == nil {
		m.begin(&c.connector.tell)
	}
	return m
}

// logFor is measureFor for what the log alone is told: that a unit of work begins
// or ends which shares its transaction with others.
func (c *conn) logFor(l *deadline.Limit, unit *observedUnit, query string) measured {
	m := measured{query: query, caller: l.Caller(), engine: c.engine(), limit: l}
	if unit != nil {
		m.session = unit.Session
	}
	if c.connector.tell.log != nil {
		m.begin(&c.connector.tell)
	}
	return m
}

// begin takes the time, for those who are going to be told.
func (m *measured) begin(to *listeners) {
	m.to, m.began = to, time.Now()
	m.limit.Measure()
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
	if m.to == nil || errors.Is(err, driver.ErrSkip) {
		return err
	}
	_ = m.failed(err)
	statement := Statement{Engine: m.engine, Session: m.session, Began: m.began, Took: time.Since(m.began), Waited: m.limit.Waited(), Err: m.err}
	if m.counted {
		statement = statement.WithRows(m.rows)
	}
	m.to.answered(m.caller, m.unit, statement, m.query)
	m.to = nil
	return err
}

// ran is done for a statement that returns no rows.
func (m *measured) ran(result driver.Result, err error) error {
	if m.to != nil && err == nil && result != nil {
		n, unknown := result.RowsAffected()
		m.rows, m.counted = n, unknown == nil
	}
	return m.done(err)
}

// answered tells of a statement: the log with the statement's context, and with its
// values if it may show them; the observers with their unit of work's context, unless
// that is nil, and without values.
func (l *listeners) answered(caller, unit context.Context, statement Statement, query string) {
	var errorText func(error) string
	if statement.Err != nil {
		errorText = judgeOf(statement.Engine).TextWithoutValues
	}
	hidden := statement.WithQuery(query, errorText)
	switch {
	case l.log == nil:
	case l.showsValues:
		l.log.Statement(caller, statement.WithShownQuery(query))
	default:
		l.log.Statement(caller, hidden)
	}
	if unit != nil {
		l.observers.Statement(unit, hidden)
	}
}

// raw is done with an error that has no type yet, which it returns as it is.
func (m *measured) raw(of *connector, err error) error {
	if m.to != nil {
		_, typed := of.typed(err)
		_ = m.done(typed)
	}
	return err
}
