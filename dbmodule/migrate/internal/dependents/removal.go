// Package dependents finds the views and triggers on MySQL and MariaDB that use a table
// or column which a revision removes. The servers do not check that: they keep the view or
// trigger, and it fails from then on.
//
// The package reads only the text of statements and definitions. It opens no database.
package dependents

import (
	"slices"
	"strings"

	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
)

// Removal is a table or a column that a statement drops or renames.
type Removal struct {
	// Schema is empty for the connection's database.
	Schema, Table string
	// Column is empty if the statement removes the whole table.
	Column string
}

// String returns the name of the table or column.
func (r Removal) String() string {
	if r.Column == "" {
		return "table " + r.Table
	}
	return "column " + r.Column + " of table " + r.Table
}

func (r Removal) equal(other Removal) bool {
	return strings.EqualFold(r.Schema, other.Schema) && strings.EqualFold(r.Table, other.Table) && strings.EqualFold(r.Column, other.Column)
}

// change is a table or column that a statement removes, or creates if creates is set.
type change struct {
	Removal
	creates bool
}

// Removes reports whether a statement removes a table or column. It is fast for long INSERTs and
// the like.
func Removes(statement string) bool {
	first := sqlscan.MySQL.First(statement, 1)
	return len(first) > 0 && first[0].Is("ALTER", "DROP", "RENAME") &&
		slices.ContainsFunc(changesOf(statement), func(c change) bool { return !c.creates })
}

// Removed returns the tables and columns that the i-th statement removes, without those that it
// or a later statement creates again.
func Removed(statements []string, i int) []Removal {
	changes := changesOf(statements[i])
	back := changes
	var removed []Removal
	for _, c := range changes {
		if !c.creates {
			removed = append(removed, c.Removal)
		}
	}
	if len(removed) == 0 {
		return nil
	}
	for _, sql := range statements[i+1:] {
		back = append(back, changesOf(sql)...)
	}
	var gone []Removal
	for _, r := range removed {
		if !isRestored(r, back) {
			gone = append(gone, r)
		}
	}
	return gone
}

// isRestored reports whether one of the changes creates the removed table or column again. A change
// that creates a column's table counts too, because the table's columns are not known.
func isRestored(r Removal, changes []change) bool {
	for _, c := range changes {
		if c.creates && (r.equal(c.Removal) || c.Column == "" && strings.EqualFold(c.Table, r.Table)) {
			return true
		}
	}
	return false
}

// changesOf returns the tables and columns that a statement removes and creates.
func changesOf(sql string) []change {
	r := reader{sqlscan.MySQL.Read(sql)}
	switch {
	case r.Accept("ALTER"):
		return r.alterTable()
	case r.Accept("DROP", "TABLE"):
		r.Accept("IF", "EXISTS")
		var changes []change
		for !r.Ended() {
			changes = append(changes, change{Removal: r.table()})
			if !r.Accept(",") {
				break
			}
		}
		return changes
	case r.Accept("RENAME", "TABLE"), r.Accept("RENAME", "TABLES"):
		return r.renameTables()
	case r.Accept("CREATE"):
		r.Accept("OR", "REPLACE")
		if r.Accept("TABLE") {
			r.Accept("IF", "NOT", "EXISTS")
			return []change{{r.table(), true}}
		}
	}
	return nil
}

// renameTables reads the rest of a RENAME TABLE.
func (r *reader) renameTables() []change {
	r.Accept("IF", "EXISTS")
	var changes []change
	for !r.Ended() {
		changes = append(changes, change{Removal: r.table()})
		for !r.Ended() && !r.Accept("TO") { // WAIT 5, NOWAIT
			r.At++
		}
		changes = append(changes, change{r.table(), true})
		if !r.Accept(",") {
			break
		}
	}
	return changes
}

// alterTable reads the rest of an ALTER TABLE.
func (r *reader) alterTable() []change {
	for r.Accept("ONLINE") || r.Accept("OFFLINE") || r.Accept("IGNORE") {
	}
	if !r.Accept("TABLE") {
		return nil
	}
	r.Accept("IF", "EXISTS")
	table := r.table()
	if r.Accept("WAIT") {
		r.At++
	}
	r.Accept("NOWAIT")
	var changes []change
	for !r.Ended() {
		changes = append(changes, r.clause(table)...)
		r.SkipClause()
	}
	return changes
}

// clause reads one clause of ALTER TABLE.
func (r *reader) clause(table Removal) []change {
	column := func(creates bool) change {
		r.Accept("IF", "EXISTS")
		r.Accept("IF", "NOT", "EXISTS")
		return change{Removal{table.Schema, table.Table, r.name()}, creates}
	}
	switch {
	case r.Accept("DROP"):
		if !r.Accept("COLUMN") && r.ComesOneOf("INDEX", "KEY", "PRIMARY", "FOREIGN", "CONSTRAINT", "CHECK", "PARTITION", "SYSTEM", "PERIOD") {
			return nil
		}
		return []change{column(false)}
	case r.Accept("CHANGE"):
		r.Accept("COLUMN")
		return []change{column(false), column(true)}
	case r.Accept("RENAME", "COLUMN"):
		from := column(false)
		r.Accept("TO")
		return []change{from, column(true)}
	case r.Accept("RENAME"):
		if r.ComesOneOf("INDEX", "KEY", "CONSTRAINT") {
			return nil
		}
		if !r.Accept("TO") && !r.Accept("AS") {
			r.Accept("=")
		}
		return []change{{table, false}, {r.table(), true}}
	case r.Accept("ADD"):
		r.Accept("COLUMN")
		r.Accept("IF", "NOT", "EXISTS")
		if !r.Accept("(") {
			return []change{column(true)}
		}
		// A list of columns in parentheses.
		changes := []change{column(true)}
		for r.SkipClause(); r.At > 0 && !r.Ended() && r.Tokens[r.At-1].Is(","); r.SkipClause() {
			changes = append(changes, column(true))
		}
		return changes
	}
	return nil
}
