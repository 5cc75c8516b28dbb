package dependents

import (
	"strings"

	"github.com/openhands-go/server/dbmodule/migrate/internal/sqlscan"
)

// reader reads the tokens of a statement, one after the other.
type reader struct {
	tokens []sqlscan.Token
	at     int
}

// comes reads these words if they come next, and reports whether they did.
func (r *reader) comes(words ...string) bool {
	for i, word := range words {
		if r.at+i >= len(r.tokens) || !r.tokens[r.at+i].Is(word) {
			return false
		}
	}
	r.at += len(words)
	return true
}

// next reports whether one of the words comes next.
func (r *reader) next(words ...string) bool {
	return r.at < len(r.tokens) && r.tokens[r.at].Is(words...)
}

func (r *reader) symbol(text string) bool {
	if r.at >= len(r.tokens) || !r.tokens[r.at].IsSymbol(text) {
		return false
	}
	r.at++
	return true
}

// name reads one name, without its quotes.
func (r *reader) name() string {
	if r.at >= len(r.tokens) {
		return ""
	}
	r.at++
	return unquoted(r.tokens[r.at-1])
}

// table reads the name of a table, with or without its schema.
func (r *reader) table() Removal {
	name := r.name()
	if r.symbol(".") {
		return Removal{Schema: name, Table: r.name()}
	}
	return Removal{Table: name}
}

// pastComma goes on behind the comma that ends a clause, or behind a parenthesis that
// was opened before.
func (r *reader) pastComma() {
	for depth := 0; r.at < len(r.tokens); {
		token := r.tokens[r.at]
		r.at++
		switch {
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

// unquoted is the name that a token writes.
func unquoted(token sqlscan.Token) string {
	text := token.Text
	if token.Kind != sqlscan.Name || len(text) < 2 {
		return text
	}
	quote := text[:1]
	return strings.ReplaceAll(text[1:len(text)-1], quote+quote, quote)
}
