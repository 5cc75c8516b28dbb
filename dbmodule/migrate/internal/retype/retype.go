// Package retype reads the statements by which a revision changes the type of a
// column on PostgreSQL (ALTER COLUMN … TYPE). It adds the collation that the column
// has in the database, if the revision does not know of it.
//
// The package reads only the text of statements. It opens no database.
package retype

import (
	"slices"
	"strings"

	"github.com/openhands-go/server/dbmodule/migrate/internal/sqlscan"
)

// Statement is an ALTER TABLE that changes the type of columns.
type Statement struct {
	// Table is the table's name as the statement writes it.
	Table string
	// Columns are the columns that get another type, in the order of the statement.
	Columns []Column

	sql string
}

// Column is a column that gets another type.
type Column struct {
	// Name is the column's name as PostgreSQL stores it.
	Name string
	// Type is the new type as the statement writes it.
	Type string
	// Known says that the revision decides on the collation, which With then does not
	// add: one of its directions writes COLLATE, or the other direction does not
	// change the type back, so that nothing says what the column was.
	Known bool

	end     int  // the end of the type in the statement
	collate bool // the statement writes COLLATE
}

// Find returns the statements that change the type of columns, by their index. other
// are the statements of the revision's other direction.
func Find(statements, other []string) map[int]*Statement {
	collates := map[string]bool{}
	for _, sql := range other {
		if s := parse(sql); s != nil {
			for _, c := range s.Columns {
				collates[s.key(c)] = collates[s.key(c)] || c.collate
			}
		}
	}
	found := map[int]*Statement{}
	for i, sql := range statements {
		s := parse(sql)
		if s == nil {
			continue
		}
		for n, c := range s.Columns {
			otherCollates, back := collates[s.key(c)]
			s.Columns[n].Known = c.collate || otherCollates || !back
		}
		found[i] = s
	}
	return found
}

func (s *Statement) key(c Column) string { return s.Table + "\x00" + c.Name }

// With returns the statement with COLLATE clauses for the columns whose collation the
// revision does not know. collations are by the names of columns, in the form of SQL.
func (s *Statement) With(collations map[string]string) string {
	sql := s.sql
	for _, c := range slices.Backward(s.Columns) {
		if collation := collations[c.Name]; collation != "" && !c.Known {
			sql = sql[:c.end] + " COLLATE " + collation + sql[c.end:]
		}
	}
	return sql
}

// parse parses a statement. It returns nil if the statement changes no column's type.
func parse(sql string) *Statement {
	r := reader{sqlscan.Reader{Tokens: sqlscan.PostgreSQL.Tokens(sql)}}
	if !r.Comes("ALTER", "TABLE") {
		return nil
	}
	r.Comes("IF", "EXISTS")
	r.Comes("ONLY")
	s := &Statement{sql: sql, Table: r.name()}
	if r.Symbol(".") {
		s.Table += "." + r.name()
	}
	r.Symbol("*")
	for !r.Ended() {
		if c, ok := r.column(sql); ok {
			s.Columns = append(s.Columns, c)
		}
		r.skipClause()
	}
	if len(s.Columns) == 0 {
		return nil
	}
	return s
}

// reader reads the tokens of a statement.
type reader struct{ sqlscan.Reader }

// name reads a name and returns it as the statement writes it.
func (r *reader) name() string { return r.Any().Text }

// column reads ALTER [COLUMN] name [SET DATA] TYPE type [COLLATE collation].
func (r *reader) column(sql string) (Column, bool) {
	if !r.Comes("ALTER") {
		return Column{}, false
	}
	r.Comes("COLUMN")
	c := Column{Name: storedName(r.name())}
	r.Comes("SET", "DATA")
	if !r.Comes("TYPE") || r.Ended() {
		return Column{}, false
	}
	from := r.Tokens[r.At].Pos
	for depth := 0; !r.Ended(); r.At++ {
		token := r.Tokens[r.At]
		if depth == 0 && (token.IsSymbol(",") || token.Is("COLLATE", "USING")) {
			break
		}
		depth += nesting(token)
		c.end = token.Pos + len(token.Text)
	}
	if c.end == 0 {
		return Column{}, false
	}
	c.Type = sql[from:c.end]
	c.collate = r.Comes("COLLATE")
	return c, true
}

// skipClause skips tokens up to and including the comma after the present clause.
func (r *reader) skipClause() {
	for depth := 0; !r.Ended(); {
		token := r.Any()
		if depth += nesting(token); depth == 0 && token.IsSymbol(",") {
			return
		}
	}
}

// nesting returns 1 for an opening parenthesis or bracket, -1 for a closing one, and 0 otherwise.
func nesting(token sqlscan.Token) int {
	switch {
	case token.IsSymbol("("), token.IsSymbol("["):
		return 1
	case token.IsSymbol(")"), token.IsSymbol("]"):
		return -1
	}
	return 0
}

// storedName returns a name as PostgreSQL stores it: in lower case unless it is quoted.
func storedName(name string) string {
	if len(name) > 1 && name[0] == '"' {
		return strings.ReplaceAll(name[1:len(name)-1], `""`, `"`)
	}
	return strings.ToLower(name)
}
