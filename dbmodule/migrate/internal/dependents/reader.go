package dependents

import (
	"strings"

	"github.com/openhands-go/server/dbmodule/migrate/internal/sqlscan"
)

// reader reads the tokens of a statement.
type reader struct{ sqlscan.Reader }

// name reads a name and returns it without quotes.
func (r *reader) name() string { return unquoted(r.Any()) }

// table reads the name of a table, with or without its schema.
func (r *reader) table() Removal {
	name := r.name()
	if r.Symbol(".") {
		return Removal{Schema: name, Table: r.name()}
	}
	return Removal{Table: name}
}

// skipClause skips tokens up to and including the comma after the present clause, or the parenthesis
// that closes the list around it.
func (r *reader) skipClause() {
	for depth := 0; !r.Ended(); {
		switch token := r.Any(); {
		case token.IsSymbol("("):
			depth++
		case token.IsSymbol(")"):
			if depth--; depth < 0 {
				return
			}
		case token.IsSymbol(",") && depth == 0:
			return
		}
	}
}

// unquoted returns the name that a token writes, without its quotes.
func unquoted(token sqlscan.Token) string {
	text := token.Text
	if token.Kind != sqlscan.Name || len(text) < 2 {
		return text
	}
	quote := text[:1]
	return strings.ReplaceAll(text[1:len(text)-1], quote+quote, quote)
}
