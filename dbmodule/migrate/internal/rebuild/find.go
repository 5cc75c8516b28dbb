package rebuild

import (
	"slices"

	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
)

// Rebuild says which statements of a revision rebuild a table. Usually they create a
// new table, copy the rows, drop the old table, and rename the new one. With Aside
// they copy the rows into another table, drop the old table, create the new one, and
// copy the rows back.
type Rebuild struct {
	// Create is the index of the statement that creates the new table, and Drop of the
	// one that drops the old table. Copies are those of the statements that copy rows
	// into the new table.
	Create int
	Copies []int
	Drop   int
	// Aside says that Drop comes before Create. Copies is empty then.
	Aside bool
	// Source is the old table's name when the new one is created. Target is the new
	// table's name when the old one is dropped. Final is the new table's name in the
	// end. All are folded.
	Source, Target, Final string

	create string
	copies []copySQL
	// to is the new table as the revision defines it; nil for CREATE TABLE … AS.
	to *Table
	// base is the old table as the revision knows it; nil if that is unknown.
	base *Table
}

// copySQL is a statement that copies rows from a table.
type copySQL struct{ sql, from string }

// Find returns the rebuilds in the statements of a revision. other are the statements
// of its other direction, which says how the old table looks: the other direction
// creates it from the new one. If a statement has a comment of [Remember], that says
// it instead.
func Find(statements, other []string) []Rebuild {
	s := readSteps(statements)
	found := s.rebuilds()
	back := readSteps(other)
	backwards := back.rebuilds()
	for i := range found {
		r := &found[i]
		if r.to == nil {
			continue
		}
		if r.base = remembered(r.create); r.base == nil {
			r.base = back.apply(r.to, backwards, r.Final, len(back))
		}
		r.base = s.replay(r.base, found[:i], r.Final, r.first())
	}
	return found
}

// step is what a statement does to a table.
type step struct {
	sql   string
	kind  stepKind
	table string
	// name is the new name of a renamed table or column. column is the column that is added,
	// dropped or renamed.
	name   string
	column column
}

type stepKind int

const (
	otherStep stepKind = iota
	createTable
	dropTable
	renameTable
	addColumn
	dropColumn
	renameColumn
	insertRows
)

// readSteps parses the statements of a section.
func readSteps(statements []string) steps {
	s := make(steps, len(statements))
	for i, sql := range statements {
		s[i] = readStep(sql)
	}
	return s
}

type steps []step

// readStep parses a statement.
func readStep(sql string) step {
	p := &parser{sqlscan.SQLite.Read(sql)}
	s := step{sql: sql}
	switch {
	case p.Accept("CREATE", "TABLE"), p.Accept("CREATE", "TEMP", "TABLE"), p.Accept("CREATE", "TEMPORARY", "TABLE"):
		p.Accept("IF", "NOT", "EXISTS")
		s.kind, s.table = createTable, p.tableName()
	case p.Accept("DROP", "TABLE"):
		p.Accept("IF", "EXISTS")
		s.kind, s.table = dropTable, p.tableName()
	case p.Accept("ALTER", "TABLE"):
		s.table = p.tableName()
		p.alteration(&s)
	case p.Accept("INSERT", "INTO"), p.Accept("REPLACE", "INTO"):
		s.kind, s.table = insertRows, p.tableName()
	case p.Accept("INSERT", "OR"):
		p.At++
		p.Accept("INTO")
		s.kind, s.table = insertRows, p.tableName()
	}
	if s.table == "" {
		s.kind = otherStep
	}
	return s
}

// tableName reads a name and a schema before it. It returns the name, folded; "" if there is none.
func (p *parser) tableName() string {
	name, err := p.name()
	if err == nil && p.Accept(".") {
		name, err = p.name()
	}
	if err != nil {
		return ""
	}
	return Fold(name.Unquoted())
}

// alteration reads what follows ALTER TABLE and the table's name.
func (p *parser) alteration(s *step) {
	switch {
	case p.Accept("RENAME", "TO"):
		s.kind, s.name = renameTable, p.tableName()
	case p.Accept("RENAME"):
		p.Accept("COLUMN")
		old, err := p.name()
		if err != nil || !p.Accept("TO") {
			return
		}
		s.kind, s.column.name, s.name = renameColumn, old.Unquoted(), p.tableName()
	case p.Accept("ADD"):
		p.Accept("COLUMN")
		var t Table
		if p.element(&t) == nil && len(t.columns) == 1 {
			s.kind, s.column = addColumn, t.columns[0]
		}
	case p.Accept("DROP"):
		p.Accept("COLUMN")
		if name, err := p.name(); err == nil {
			s.kind, s.column.name = dropColumn, name.Unquoted()
		}
	}
}

// rebuilds pairs each dropped table with the new table that replaces it, and returns these
// rebuilds in the order of the statements.
func (s steps) rebuilds() []Rebuild {
	var found []Rebuild
	for drop, dropped := range s {
		if dropped.kind != dropTable {
			continue
		}
		for _, final := range []string{dropped.table, s.renamedFrom(drop, dropped.table)} {
			create := s.findCreation(drop, dropped.table, final)
			if final == "" || create < 0 {
				continue
			}
			r := Rebuild{Create: create, Drop: drop, Source: s.earlierName(drop, dropped.table, create), Target: s.laterName(create, drop), Final: final, create: s[create].sql}
			for i := create + 1; i < drop; i++ {
				if s[i].kind == insertRows && s[i].table == s.laterName(create, i) {
					r.Copies = append(r.Copies, i)
					r.copies = append(r.copies, copySQL{sql: s[i].sql, from: s.earlierName(drop, dropped.table, i)})
				}
			}
			if to, err := ParseTable(r.create); err == nil {
				r.to = to
			}
			found = append(found, r)
			break
		}
	}
	found = append(found, s.findAside(found)...)
	slices.SortFunc(found, func(a, b Rebuild) int { return a.first() - b.first() })
	return found
}

// renamedFrom returns the name from which the last statement before end renamed a table to this name; ""
// if none did.
func (s steps) renamedFrom(end int, table string) string {
	for i := end - 1; i >= 0; i-- {
		if s[i].kind == renameTable && s[i].name == table {
			return s[i].table
		}
	}
	return ""
}

// earlierName returns the name that a table has before statement at, given its name at statement end.
func (s steps) earlierName(end int, table string, at int) string {
	for i := end - 1; i >= at; i-- {
		if s[i].kind == renameTable && s[i].name == table {
			table = s[i].table
		}
	}
	return table
}

// laterName returns the name that the table which statement create creates has at a later statement.
func (s steps) laterName(create, at int) string {
	table := s[create].table
	for _, step := range s[create+1 : at] {
		if step.kind == renameTable && step.table == table {
			table = step.name
		}
	}
	return table
}

// findCreation returns the index of the statement before drop that creates another table than source,
// whose name in the end is final; -1 if there is none.
func (s steps) findCreation(drop int, source, final string) int {
	for create := drop - 1; create >= 0; create-- {
		if s[create].kind != createTable || s[create].table == source {
			continue
		}
		if s[create].table == final {
			return create
		}
		for i := create + 1; i < len(s); i++ {
			if s[i].kind == renameTable && s[i].table == s[create].table && s[i].name == final {
				return create
			}
		}
	}
	return -1
}

// apply returns the table that the statements before end make of a table. It returns nil if none of
// them changes its columns or rebuilds it, or if a rebuild can't be parsed.
func (s steps) apply(from *Table, rebuilds []Rebuild, table string, end int) *Table {
	t := *from
	t.columns = slices.Clone(t.columns)
	t.partial = true
	touched := false
	for i, step := range s[:end] {
		for _, r := range rebuilds {
			if r.Create == i && r.Final == table {
				if r.to == nil {
					return nil
				}
				t, touched = *r.to, true
				t.columns = slices.Clone(t.columns)
			}
		}
		if step.table != table {
			continue
		}
		switch step.kind {
		case addColumn:
			touched = true
			t.add(step.column)
		case dropColumn:
			touched = true
			t.drop(step.column.name)
		}
	}
	if !touched {
		return nil
	}
	return &t
}

// replay returns the table that the revision expects after its statements before end, if it expects
// base before them.
func (s steps) replay(base *Table, rebuilds []Rebuild, table string, end int) *Table {
	for i, step := range s[:end] {
		if slices.ContainsFunc(rebuilds, func(r Rebuild) bool { return r.Final == table && r.Create < i && i < r.Drop }) {
			continue
		}
		if made := slices.IndexFunc(rebuilds, func(r Rebuild) bool { return r.Final == table && r.Create == i }); made >= 0 {
			base = rebuilds[made].to
		} else if step.kind == createTable && step.table == table {
			base = nil
			if t, err := ParseTable(step.sql); err == nil {
				base = t
			}
		}
		if base == nil || step.table != table {
			continue
		}
		t := *base
		t.columns = slices.Clone(t.columns)
		switch step.kind {
		case addColumn:
			t.add(step.column)
		case dropColumn:
			t.drop(step.column.name)
		case renameColumn:
			if c := t.column(step.column.name); c != nil && t.column(step.name) == nil {
				c.name = step.name
			}
		}
		base = &t
	}
	return base
}

// add adds a column unless the table has one of its name.
func (t *Table) add(c column) {
	if t.column(c.name) == nil {
		t.columns = append(t.columns, c)
	}
}

func (t *Table) drop(name string) {
	t.columns = slices.DeleteFunc(t.columns, func(c column) bool { return Fold(c.name) == Fold(name) })
}

// TriggerColumns returns the columns of UPDATE OF in a CREATE TRIGGER.
func TriggerColumns(sql string) []string {
	p := &parser{sqlscan.SQLite.Read(sql)}
	for !p.Ended() && !p.Comes("BEGIN") && !p.Comes("UPDATE", "OF") {
		p.At++
	}
	var names []string
	if !p.Accept("UPDATE", "OF") {
		return nil
	}
	for {
		name, err := p.name()
		if err != nil {
			return names
		}
		if names = append(names, name.Unquoted()); !p.Accept(",") {
			return names
		}
	}
}

// Renames returns the table, folded, that a statement renames, or in which it renames a
// column; "" if it does neither.
func Renames(sql string) string {
	if s := readStep(sql); s.kind == renameTable || s.kind == renameColumn {
		return s.table
	}
	return ""
}

// NamesIndexOrTrigger returns the name, folded, of the index or trigger that a
// statement creates or drops; "" if it does neither.
func NamesIndexOrTrigger(sql string) string {
	p := &parser{sqlscan.SQLite.Read(sql)}
	if !p.Accept("CREATE") && !p.Accept("DROP") {
		return ""
	}
	p.Accept("UNIQUE")
	if !p.Accept("INDEX") && !p.Accept("TRIGGER") {
		return ""
	}
	_ = p.Accept("IF", "NOT", "EXISTS") || p.Accept("IF", "EXISTS")
	return p.tableName()
}
