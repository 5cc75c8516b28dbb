// Package retype reads the statements by which a revision changes the type of a
// column on PostgreSQL (ALTER COLUMN … TYPE). It adds the collation that the column
// has in the database, if the revision does not know of it.
//
// The package reads only the text of statements. It opens no database.
package retype

import (
	"slices"

	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
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
	r := reader{sqlscan.PostgreSQL.Read(sql)}
	if !r.Accept("ALTER", "TABLE") {
		return nil
	}
	r.Accept("IF", "EXISTS")
	r.Accept("ONLY")
	if r.Ended() {
		return nil
	}
	from := r.At
	r.Any()
	if r.Accept(".") {
		r.Any()
	}
	s := &Statement{sql: sql, Table: r.TextFrom(from)}
	r.Accept("*")
	for !r.Ended() {
		if c, ok := r.column(); ok {
			s.Columns = append(s.Columns, c)
		}
		r.SkipClause()
	}
	if len(s.Columns) == 0 {
		return nil
	}
	return s
}

// reader reads the tokens of a statement.
type reader struct{ sqlscan.Reader }

// column reads ALTER [COLUMN] name [SET DATA] TYPE type [COLLATE collation].
func (r *reader) column() (Column, bool) {
	if !r.Accept("ALTER") {
		return Column{}, false
	}
	r.Accept("COLUMN")
	c := Column{Name: r.Any().PostgresName()}
	r.Accept("SET", "DATA")
	if !r.Accept("TYPE") {
		return Column{}, false
	}
	from := r.At
	for depth := 0; !r.Ended() && (depth > 0 || !r.ComesOneOf(",", "COLLATE", "USING")); {
		depth += r.Any().Nesting()
	}
	if r.At == from {
		return Column{}, false
	}
	c.Type, c.end = r.TextFrom(from), r.Tokens[r.At-1].End()
	c.collate = r.Accept("COLLATE")
	return c, true
}
