package sqlconn

import (
	"strings"

	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// changes says what the statements of the current unit of work have changed besides rows.
// Statements were prepared before these changes, so the rest of the unit runs as text.
type changes struct {
	// asText is set after any of these changes.
	asText bool
	// settings is set when a setting was changed for the rest of the connection's life. The
	// connection is closed after the unit, so that its next user gets the usual settings.
	settings bool
	// unknown is set when a procedure or a function ran that may have changed anything. After
	// the unit, all statements are prepared again and the engine resets settings.
	unknown bool
	// schema is set once a statement was DDL. altering is set from then on until the change
	// is stored or rolled back.
	schema, altering bool
}

// preparation decides whether a connection's statements run prepared.
type preparation struct {
	// statements are the prepared statements, nil if the connection keeps none.
	statements *statements
	// changes are those of the current unit of work.
	changes changes
	// poolerChecked is set once it is known whether a pooler stands before the server.
	poolerChecked bool
}

// noteEffects notes what a text that is about to run changes.
func (c *Conn) noteEffects(query string) {
	effects := sqltext.EffectsOf(c.connector.Dialect, query)
	if effects == 0 {
		return
	}
	c.changes.asText = true
	c.changes.settings = c.changes.settings || effects.Has(sqltext.Settings)
	c.changes.unknown = c.changes.unknown || effects.Has(sqltext.Unknown)
	if effects.Has(sqltext.Schema) {
		c.changes.schema = true
		c.beginSchemaChange()
	}
}

func (c *Conn) beginSchemaChange() {
	if !c.changes.altering {
		c.changes.altering = true
		c.connector.Shapes.BeginChange()
	}
}

// endSchemaChange is called when a change of the schema is stored or rolled back: after
// the statement, or at the end of the transaction.
func (c *Conn) endSchemaChange() {
	if c.changes.altering {
		c.changes.altering = false
		c.connector.Shapes.EndChange()
	}
}

// noteRan is called after a text has run. Outside a transaction DDL is stored by then. A
// user of database/sql may also have sent BEGIN as text: then COMMIT as text stores the DDL.
func (c *Conn) noteRan(query string) {
	if !c.changes.schema || c.state.InTx() {
		return
	}
	if !c.changes.altering && strings.EqualFold(sqltext.FirstWord(c.connector.Dialect, query), "COMMIT") {
		c.beginSchemaChange()
	}
	c.endSchemaChange()
}

// endTx notes that the transaction has ended, by COMMIT, ROLLBACK or a lost connection.
func (c *Conn) endTx() {
	c.state.End()
	c.endSchemaChange()
}

// endChanges is called when the unit of work releases the connection.
func (c *Conn) endChanges() {
	c.endSchemaChange()
	if c.changes.unknown {
		c.statements.prepareAllAgain()
	}
	c.changes = changes{settings: c.changes.settings, unknown: c.changes.unknown}
}
