package sqlconn

import (
	"strings"

	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// changes is what the statements of the unit of work that has a connection have
// changed besides rows. What is prepared was read before that, so the rest of the
// unit runs as text.
type changes struct {
	// asText is set for all of them.
	asText bool
	// settings is set when a setting was changed for as long as the connection
	// lives. It is closed when it is given back, so that whoever comes next has the
	// settings that they expect.
	settings bool
	// unknown is set when a procedure or a function ran that may have changed
	// anything. What was prepared before is prepared again after the unit, and the engine
	// forgets settings before the next.
	unknown bool
	// schema is set once a statement was DDL, altering until that is stored or
	// undone.
	schema, altering bool
}

// preparation is what decides whether a connection's statements run prepared.
type preparation struct {
	// statements are prepared ones; nil when none are kept.
	statements *statements
	// changes are the unit of work's.
	changes changes
	// learnt is set once the session behind the connection was asked.
	learnt bool
}

// affects notes what a text that is about to run changes.
func (c *Conn) affects(query string) {
	effects := sqltext.EffectsOf(c.connector.Dialect, query)
	if effects == 0 {
		return
	}
	c.changes.asText = true
	c.changes.settings = c.changes.settings || effects.Has(sqltext.Settings)
	c.changes.unknown = c.changes.unknown || effects.Has(sqltext.Unknown)
	if effects.Has(sqltext.Schema) {
		c.changes.schema = true
		c.beginsAltering()
	}
}

func (c *Conn) beginsAltering() {
	if !c.changes.altering {
		c.changes.altering = true
		c.connector.Shapes.BeginChange()
	}
}

// altered is called when the schema that a unit of work changed is stored, or undone:
// after the statement, or at the end of the transaction.
func (c *Conn) altered() {
	if c.changes.altering {
		c.changes.altering = false
		c.connector.Shapes.EndChange()
	}
}

// affected is called when a text has run. DDL outside a transaction that this
// package knows is stored by then, or by a COMMIT as text.
func (c *Conn) affected(query string) {
	if !c.changes.schema || c.state.InTx() {
		return
	}
	if !c.changes.altering && strings.EqualFold(sqltext.FirstWord(c.connector.Dialect, query), "COMMIT") {
		c.beginsAltering()
	}
	c.altered()
}

// end ends the transaction, whatever came of it.
func (c *Conn) end() {
	c.state.End()
	c.altered()
}

// endChanges is called when the unit of work gives the connection back.
func (c *Conn) endChanges() {
	c.altered()
	if c.changes.unknown {
		c.statements.outdate()
	}
	c.changes = changes{settings: c.changes.settings, unknown: c.changes.unknown}
}
