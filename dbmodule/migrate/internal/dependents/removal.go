// Package dependents finds the views and triggers of MySQL and MariaDB that use a table
// or column which a revision removes. These servers check neither: the view or trigger
// stays, and fails from then on.
//
// It works on the text of statements and definitions alone and opens no database.
package dependents

import (
	"slices"
	"strings"

	"github.com/openhands-go/server/dbmodule/migrate/internal/sqlscan"
)

// Removal is a table or a column that is not there after a statement, because it was
// dropped or has another name.
type Removal struct {
	// Schema is empty for the selected one.
	Schema, Table string
	// Column is empty if the whole table goes.
	Column string
}

// String names it.
func (r Removal) String() string {
	if r.Column == "" {
		return "table " + r.Table
	}
	return "column " + r.Column + " of table " + r.Table
}

func (r Removal) same(other Removal) bool {
	return strings.EqualFold(r.Schema, other.Schema) && strings.EqualFold(r.Table, other.Table) && strings.EqualFold(r.Column, other.Column)
}

// change is what a statement does to one table or column.
type change struct {
	Removal
	brings bool
}

// Removes reports whether a statement removes something. It is cheap for statements of
// other kinds, however long they are.
func Removes(statement string) bool {
	first := sqlscan.MySQL.First(statement, 1)
	return len(first) > 0 && first[0].Is("ALTER", "DROP", "RENAME") &&
		slices.ContainsFunc(changesOf(statement), func(c change) bool { return !c.brings })
}

// Removed returns what the i-th statement removes, without what it or a later one brings
// back.
func Removed(statements []string, i int) []Removal {
	changes := changesOf(statements[i])
	back := changes
	var removed []Removal
	for _, c := range changes {
		if !c.brings {
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
		if !isBack(r, back) {
			gone = append(gone, r)
		}
	}
	return gone
}

// isBack reports whether a change brings the column, or the whole table, whose columns
// are not known then.
func isBack(r Removal, changes []change) bool {
	for _, c := range changes {
		if c.brings && (r.same(c.Removal) || c.Column == "" && strings.EqualFold(c.Table, r.Table)) {
			return true
		}
	}
	return false
}

// changesOf reads one statement.
func changesOf(sql string) []change {
	r := reader{sqlscan.Reader{Tokens: sqlscan.MySQL.Tokens(sql)}}
	switch {
	case r.Comes("ALTER"):
		return r.alter()
	case r.Comes("DROP", "TABLE"):
		r.Comes("IF", "EXISTS")
		var changes []change
		for !r.Ended() {
			changes = append(changes, change{Removal: r.table()})
			if !r.Symbol(",") {
				break
			}
		}
		return changes
	case r.Comes("RENAME", "TABLE"), r.Comes("RENAME", "TABLES"):
		return r.renames()
	case r.Comes("CREATE"):
		r.Comes("OR", "REPLACE")
		if r.Comes("TABLE") {
			r.Comes("IF", "NOT", "EXISTS")
			return []change{{r.table(), true}}
		}
	}
	return nil
}

func (r *reader) renames() []change {
	r.Comes("IF", "EXISTS")
	var changes []change
	for !r.Ended() {
		changes = append(changes, change{Removal: r.table()})
		for !r.Ended() && !r.Comes("TO") { // WAIT 5, NOWAIT
			r.At++
		}
		changes = append(changes, change{r.table(), true})
		if !r.Symbol(",") {
			break
		}
	}
	return changes
}

func (r *reader) alter() []change {
	for r.Comes("ONLINE") || r.Comes("OFFLINE") || r.Comes("IGNORE") {
	}
	if !r.Comes("TABLE") {
		return nil
	}
	r.Comes("IF", "EXISTS")
	table := r.table()
	if r.Comes("WAIT") {
		r.At++
	}
	r.Comes("NOWAIT")
	var changes []change
	for !r.Ended() {
		changes = append(changes, r.clause(table)...)
		r.pastComma()
	}
	return changes
}

// clause reads one clause of ALTER TABLE.
func (r *reader) clause(table Removal) []change {
	column := func(brings bool) change {
		r.Comes("IF", "EXISTS")
		r.Comes("IF", "NOT", "EXISTS")
		return change{Removal{table.Schema, table.Table, r.name()}, brings}
	}
	switch {
	case r.Comes("DROP"):
		if !r.Comes("COLUMN") && r.Next("INDEX", "KEY", "PRIMARY", "FOREIGN", "CONSTRAINT", "CHECK", "PARTITION", "SYSTEM", "PERIOD") {
			return nil
		}
		return []change{column(false)}
	case r.Comes("CHANGE"):
		r.Comes("COLUMN")
		return []change{column(false), column(true)}
	case r.Comes("RENAME", "COLUMN"):
		from := column(false)
		r.Comes("TO")
		return []change{from, column(true)}
	case r.Comes("RENAME"):
		if r.Next("INDEX", "KEY", "CONSTRAINT") {
			return nil
		}
		if !r.Comes("TO") && !r.Comes("AS") {
			r.Symbol("=")
		}
		return []change{{table, false}, {r.table(), true}}
	case r.Comes("ADD"):
		r.Comes("COLUMN")
		r.Comes("IF", "NOT", "EXISTS")
		if !r.Symbol("(") {
			return []change{column(true)}
		}
		// The clause goes on in its parentheses, which hold a list of columns.
		changes := []change{column(true)}
		for r.pastComma(); r.At > 0 && !r.Ended() && r.Tokens[r.At-1].IsSymbol(","); r.pastComma() {
			changes = append(changes, column(true))
		}
		return changes
	}
	return nil
}
