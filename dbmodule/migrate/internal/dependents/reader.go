package dependents

import "github.com/openhands-go/server/dbmodule/internal/sqlscan"

// reader reads the tokens of a statement.
type reader struct{ sqlscan.Reader }

// name reads a name and returns it without quotes.
func (r *reader) name() string { return r.Any().Unquoted() }

// table reads the name of a table, with or without its schema.
func (r *reader) table() Removal {
	name := r.name()
	if r.Accept(".") {
		return Removal{Schema: name, Table: r.name()}
	}
	return Removal{Table: name}
}
