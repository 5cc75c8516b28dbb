package sqlconn

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/openhands-go/server/dbmodule/internal/deadline"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/observe"
)

// measured is a statement whose time is measured, and which the log and the observers are
// told of when it is done. It does not refer to the unit of work: another goroutine may
// close the rows after the unit has ended.
type measured struct {
	query string
	// listeners is nil if nobody listens, or once they were told.
	listeners *Listeners
	// caller is the statement's context, for the log. unit is the context of the unit of
	// work, for the observers; nil if they are not told.
	caller, unit context.Context
	connector    *Connector
	session      uint64
	limit        *deadline.Limit // knows how long the database takes
	began        time.Time
	err          error
	// rows is how many rows were read or changed. It is known if counted is set.
	rows    int64
	counted bool
}

// measure starts to measure a statement that is about to be sent with that limit.
func (c *Conn) measure(l *deadline.Limit, query string) measured {
	return c.measureFor(l, c.unit, query)
}

// measureFor is measure for a unit of work that may have ended by now; nil is no unit.
func (c *Conn) measureFor(l *deadline.Limit, unit *Unit, query string) measured {
	m := c.logFor(l, unit, query)
	if len(c.connector.Observers) == 0 {
		return m
	}
	switch {
	case unit != nil:
		m.unit = unit.Observed // nil when it is unobserved
	case !observe.IsUnobserved(l.Caller()):
		m.unit = l.Caller()
	}
	if m.unit != nil && m.listeners == nil {
		m.begin(&c.connector.Listeners)
	}
	return m
}

// logFor is measureFor for what only the log is told: the BEGIN and the end of a unit of
// work that shares its transaction with others.
func (c *Conn) logFor(l *deadline.Limit, unit *Unit, query string) measured {
	m := measured{query: query, caller: l.Caller(), connector: c.connector, limit: l}
	if unit != nil {
		m.session = unit.Session
	}
	if c.connector.Log != nil {
		m.begin(&c.connector.Listeners)
	}
	return m
}

// begin starts the clock.
func (m *measured) begin(listeners *Listeners) {
	m.listeners, m.began = listeners, time.Now()
	m.limit.Measure()
}

// failed remembers the statement's first error, and returns err.
func (m *measured) failed(err error) error {
	if m.err == nil {
		m.err = err
	}
	return err
}

// done tells the listeners about the statement and its first error: err, unless there was
// one before. It returns err.
func (m *measured) done(err error) error {
	if m.listeners == nil || errors.Is(err, driver.ErrSkip) {
		return err
	}
	_ = m.failed(err)
	statement := observe.Statement{
		Engine: m.connector.Engine, Session: m.session, Began: m.began, Took: time.Since(m.began), Waited: m.limit.Waited(), Err: m.err,
	}
	if m.counted {
		statement = statement.WithRows(m.rows)
	}
	m.listeners.tell(m.caller, m.unit, m.connector.Judge, statement, m.query)
	m.listeners = nil
	return err
}

// ran is done for a statement that returns no rows.
func (m *measured) ran(result driver.Result, err error) error {
	if m.listeners != nil && err == nil && result != nil {
		n, unknown := result.RowsAffected()
		m.rows, m.counted = n, unknown == nil
	}
	return m.done(err)
}

// tell tells the log and the observers about a statement. The log gets the statement's
// context, and the values if it may show them. The observers get the context of their unit
// of work, and no values; nil tells them nothing.
func (l *Listeners) tell(caller, unit context.Context, judge engine.Judge, statement observe.Statement, query string) {
	var errorText func(error) string
	if statement.Err != nil {
		errorText = judge.TextWithoutValues
	}
	hidden := statement.WithQuery(query, errorText)
	switch {
	case l.Log == nil:
	case l.ShowsValues:
		l.Log.Statement(caller, statement.WithShownQuery(query))
	default:
		l.Log.Statement(caller, hidden)
	}
	if unit != nil {
		l.Observers.Statement(unit, hidden)
	}
}

// doneUntyped is done for an error that has no type yet. The listeners get the error with
// its type.
func (m *measured) doneUntyped(err error) error {
	if m.listeners != nil {
		_, typed := m.connector.typed(err)
		_ = m.done(typed)
	}
	return err
}
