package rebuild

import "slices"

// Rebuild is how a revision rebuilds a table: it creates a new table, copies the
// rows, drops the old table, and renames the new one. Or it puts the rows aside, and
// drops the old table before it creates the new one.
type Rebuild struct {
	// Create, Copies and Drop are the indexes of the statements.
	Create int
	Copies []int
	Drop   int
	// Aside says that Drop comes before Create: the rows are kept elsewhere
	// meanwhile. Copies is empty then.
	Aside bool
	// Source is the old table's name when the new one is created, Target the
	// new one's when the old one is dropped, and Final the one that it ends up
	// with. All are folded.
	Source, Target, Final string

	create string
	copies []copySQL
	// to is what the new table is to be; nil for CREATE TABLE … AS.
	to *Table
	// base is what the revision takes the old table for; nil if nobody knows.
	base *Table
}

// copySQL is a statement that copies rows from a table.
type copySQL struct{ sql, from string }

// Find looks for tables that a revision rebuilds. other are the statements
// of its other direction: what that makes of a table is what this one takes it
// for. Where there are none, a comment in the statement may say it (see
// [Remember]).
func Find(statements, other []string) []Rebuild {
	s := section(statements)
	found := s.rebuilds()
	back := section(other)
	backwards := back.rebuilds()
	for i := range found {
		r := &found[i]
		if r.to == nil {
			continue
		}
		if r.base = remembered(r.create); r.base == nil {
			r.base = back.apply(r.to, backwards, r.Final, len(back))
		}
		r.base = s.replay(r.base, found[:i], r.Final, r.begins())
	}
	return found
}

// step is what a statement does, as far as it matters here.
type step struct {
	sql   string
	kind  stepKind
	table string
	// name is what a table or column is called after it, and column the one
	// that goes or comes.
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

func section(statements []string) steps {
	s := make(steps, len(statements))
	for i, sql := range statements {
		s[i] = readStep(sql)
	}
	return s
}

type steps []step

func readStep(sql string) step {
	p := &parser{sql: sql, list: tokens(sql)}
	s := step{sql: sql}
	switch {
	case p.accept("CREATE", "TABLE"), p.accept("CREATE", "TEMP", "TABLE"), p.accept("CREATE", "TEMPORARY", "TABLE"):
		p.accept("IF", "NOT", "EXISTS")
		s.kind, s.table = createTable, p.tableName()
	case p.accept("DROP", "TABLE"):
		p.accept("IF", "EXISTS")
		s.kind, s.table = dropTable, p.tableName()
	case p.accept("ALTER", "TABLE"):
		s.table = p.tableName()
		p.alteration(&s)
	case p.accept("INSERT", "INTO"), p.accept("REPLACE", "INTO"):
		s.kind, s.table = insertRows, p.tableName()
	case p.accept("INSERT", "OR"):
		p.at++
		p.accept("INTO")
		s.kind, s.table = insertRows, p.tableName()
	}
	if s.table == "" {
		s.kind = otherStep
	}
	return s
}

// tableName reads a name, with its schema before it; folded.
func (p *parser) tableName() string {
	name, err := p.name()
	if err == nil && p.accept(".") {
		name, err = p.name()
	}
	if err != nil {
		return ""
	}
	return Fold(name.name())
}

func (p *parser) alteration(s *step) {
	switch {
	case p.accept("RENAME", "TO"):
		s.kind, s.name = renameTable, p.tableName()
	case p.accept("RENAME"):
		p.accept("COLUMN")
		old, err := p.name()
		if err != nil || !p.accept("TO") {
			return
		}
		s.kind, s.column.name, s.name = renameColumn, old.name(), p.tableName()
	case p.accept("ADD"):
		p.accept("COLUMN")
		var t Table
		if p.element(&t) == nil && len(t.columns) == 1 {
			s.kind, s.column = addColumn, t.columns[0]
		}
	case p.accept("DROP"):
		p.accept("COLUMN")
		if name, err := p.name(); err == nil {
			s.kind, s.column.name = dropColumn, name.name()
		}
	}
}

// rebuilds pairs the tables that go with those that take their place.
func (s steps) rebuilds() []Rebuild {
	var found []Rebuild
	for drop, dropped := range s {
		if dropped.kind != dropTable {
			continue
		}
		for _, final := range []string{dropped.table, s.before(drop, dropped.table)} {
			create := s.creation(drop, dropped.table, final)
			if final == "" || create < 0 {
				continue
			}
			r := Rebuild{Create: create, Drop: drop, Source: s.earlier(drop, dropped.table, create), Target: s.later(create, drop), Final: final, create: s[create].sql}
			for i := create + 1; i < drop; i++ {
				if s[i].kind == insertRows && s[i].table == s.later(create, i) {
					r.Copies = append(r.Copies, i)
					r.copies = append(r.copies, copySQL{sql: s[i].sql, from: s.earlier(drop, dropped.table, i)})
				}
			}
			if to, err := ParseTable(r.create); err == nil {
				r.to = to
			}
			found = append(found, r)
			break
		}
	}
	found = append(found, s.asides(found)...)
	slices.SortFunc(found, func(a, b Rebuild) int { return a.begins() - b.begins() })
	return found
}

// before is the name that a table had before it got this one; "" if the
// statements don't rename it.
func (s steps) before(end int, table string) string {
	for i := end - 1; i >= 0; i-- {
		if s[i].kind == renameTable && s[i].name == table {
			return s[i].table
		}
	}
	return ""
}

// earlier is the name that the table of a later statement has at an earlier one.
func (s steps) earlier(end int, table string, at int) string {
	for i := end - 1; i >= at; i-- {
		if s[i].kind == renameTable && s[i].name == table {
			table = s[i].table
		}
	}
	return table
}

// later is the name that a table which is created has at a later statement.
func (s steps) later(create, at int) string {
	table := s[create].table
	for _, step := range s[create+1 : at] {
		if step.kind == renameTable && step.table == table {
			table = step.name
		}
	}
	return table
}

// creation finds the table that is made while source is there and ends up with
// the name final; -1 if there is none.
func (s steps) creation(drop int, source, final string) int {
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

// apply returns what the first statements make of a table; nil if none of them
// changes it, or one does so in a way that can't be read.
func (s steps) apply(from *Table, rebuilds []Rebuild, table string, end int) *Table {
	t := *from
	t.columns = slices.Clone(t.columns)
	t.sketch = true
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

// replay brings what a revision takes a table for to where it is after the
// statements before end.
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

func (t *Table) add(c column) {
	if t.column(c.name) == nil {
		t.columns = append(t.columns, c)
	}
}

func (t *Table) drop(name string) {
	t.columns = slices.DeleteFunc(t.columns, func(c column) bool { return Fold(c.name) == Fold(name) })
}

// TriggerColumns are the columns of UPDATE OF in a CREATE TRIGGER.
func TriggerColumns(sql string) []string {
	p := &parser{sql: sql, list: tokens(sql)}
	for p.more() && !p.comes("BEGIN") && !p.comes("UPDATE", "OF") {
		p.at++
	}
	var names []string
	if !p.accept("UPDATE", "OF") {
		return nil
	}
	for {
		name, err := p.name()
		if err != nil {
			return names
		}
		if names = append(names, name.name()); !p.accept(",") {
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

// NamesIndexOrTrigger returns the name of the index or trigger that a statement
// makes or drops, folded; "" if it does neither.
func NamesIndexOrTrigger(sql string) string {
	p := &parser{sql: sql, list: tokens(sql)}
	if !p.accept("CREATE") && !p.accept("DROP") {
		return ""
	}
	p.accept("UNIQUE")
	if !p.accept("INDEX") && !p.accept("TRIGGER") {
		return ""
	}
	_ = p.accept("IF", "NOT", "EXISTS") || p.accept("IF", "EXISTS")
	return p.tableName()
}
