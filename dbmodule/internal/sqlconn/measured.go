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

// measured is a statement that observers are told of once it is answered. It
// keeps what it needs by itself: rows may be closed by another goroutine, when
// the unit of work is over.
type measured struct {
	query string
	// to are those who are told, nil when there is nobody or all were told.
	to *Listeners
	// caller is the context of the statement, for the log; observers get that of the
	// unit of work, which is nil if they are not to be told.
	caller, unit context.Context
	of           *Connector
	session      uint64
	limit        *deadline.Limit // knows how long the database takes
	began        time.Time
	err          error
	// rows is how many were read or changed; counted says that this is known.
	rows    int64
	counted bool
}

// measure begins to measure a statement that is about to be sent with that limit.
func (c *Conn) measure(l *deadline.Limit, query string) measured {
	return c.measureFor(l, c.unit, query)
}

// measureFor is measure for a unit of work that may have ended; nil is none.
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
	if m.unit != nil && m.to == nil {
		m.begin(&c.connector.Listeners)
	}
	return m
}

// logFor is measureFor for what the log alone is told: that a unit of work begins
// or ends which shares its transaction with others.
func (c *Conn) logFor(l *deadline.Limit, unit *Unit, query string) measured {
	m := measured{query: query, caller: l.Caller(), of: c.connector, limit: l}
	if unit != nil {
		m.session = unit.Session
	}
	if c.connector.Log != nil {
		m.begin(&c.connector.Listeners)
	}
	return m
}

// begin takes the time, for those who are going to be told.
func (m *measured) begin(to *Listeners) {
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
	statement := observe.Statement{Engine: m.of.Engine, Session: m.session, Began: m.began, Took: time.Since(m.began), Waited: m.limit.Waited(), Err: m.err}
	if m.counted {
		statement = statement.WithRows(m.rows)
	}
	m.to.answered(m.caller, m.unit, m.of.Judge, statement, m.query)
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
func (l *Listeners) answered(caller, unit context.Context, judge engine.Judge, statement observe.Statement, query string) {
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

// raw is done with an error that has no type yet, which it returns as it is.
func (m *measured) raw(of *Connector, err error) error {
	if m.to != nil {
		_, typed := of.typed(err)
		_ = m.done(typed)
	}
	return err
}
