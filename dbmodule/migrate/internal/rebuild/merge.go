package rebuild

import (
	"fmt"
	"slices"
	"strings"
)

// merge brings to a live table what a revision changes: what makes base into
// to. All else stays as it is in live. A column's type, default and the like
// count each by itself, and so does each constraint.
//
// A nil base says that nobody knows what the revision changes. The table
// becomes to then, and columns that to lacks are the caller's to judge.
func merge(base, to, live *Table) (*Table, error) {
	if base == nil {
		return to, nil
	}
	m := merger{base: base, to: to, live: live, merged: &Table{Name: to.Name}}
	if base.sketch && strings.TrimSuffix(live.primaryKey(), numbers) != strings.TrimSuffix(to.primaryKey(), numbers) {
		return nil, m.doubt("the primary key")
	}
	for _, c := range to.columns {
		merged, err := m.column(c)
		if err != nil {
			return nil, err
		}
		m.merged.columns = append(m.merged.columns, merged)
	}
	for _, c := range live.columns {
		if to.column(c.name) == nil && base.column(c.name) == nil {
			m.merged.columns = append(m.merged.columns, m.kept(c))
		}
	}
	for _, rule := range live.rules {
		if m.keeps(rule) {
			m.merged.rules = append(m.merged.rules, rule)
		}
	}
	for _, rule := range to.rules {
		if m.adds(rule) {
			m.merged.rules = append(m.merged.rules, m.stillDeferred(rule))
		}
	}
	m.merged.strict, m.merged.withoutRowid = live.strict, live.withoutRowid
	if base.strict != to.strict {
		m.merged.strict = to.strict
	}
	if base.withoutRowid != to.withoutRowid {
		m.merged.withoutRowid = to.withoutRowid
	}
	return m.merged, nil
}

type merger struct{ base, to, live, merged *Table }

// column merges one that the revision wants.
func (m *merger) column(to column) (column, error) {
	live := m.live.column(to.name)
	if live == nil {
		return m.added(to), nil
	}
	base := m.base.column(to.name)
	if base == nil {
		return column{}, fmt.Errorf("the revision adds column %s, and table %s has one already: drop or rename that first", to.name, m.live.Name)
	}
	if m.base.sketch && live.typeKey != to.typeKey {
		return column{}, m.doubt("the type of column " + to.name)
	}
	merged := column{name: live.name, written: to.written, declared: live.declared, typeKey: live.typeKey}
	if base.typeKey != to.typeKey {
		merged.declared, merged.typeKey = to.declared, to.typeKey
	}
	for _, kind := range []string{notNull, isDefault, collate, generated} {
		from := live
		if base.keyOf(kind) != to.keyOf(kind) || m.base.sketch && to.keyOf(kind) != "" {
			from = &to
		}
		merged.clauses = append(merged.clauses, from.of(kind)...)
	}
	for _, c := range live.clauses {
		if c.constraint() && m.keeps(c) {
			merged.clauses = append(merged.clauses, c)
		}
	}
	for _, c := range to.clauses {
		if c.constraint() && m.adds(c) {
			merged.clauses = append(merged.clauses, m.stillDeferred(c))
		}
	}
	return merged, nil
}

// doubt says that the revision wants a thing otherwise than it is, and does not
// say whether it knew how it is.
func (m *merger) doubt(what string) error {
	return fmt.Errorf("%s in the database differs from the revision, and the revision's other direction does not say whether to change it: "+
		"rebuild the table in both sections of the revision", what)
}

// added is a column that the live table lacks, with what is not there yet.
func (m *merger) added(c column) column {
	c.clauses = slices.DeleteFunc(slices.Clone(c.clauses), func(c clause) bool { return c.constraint() && !m.adds(c) })
	return c
}

// kept is a column that the revision does not know.
func (m *merger) kept(c column) column {
	c.clauses = slices.DeleteFunc(slices.Clone(c.clauses), func(c clause) bool { return c.constraint() && !m.keeps(c) })
	return c
}

// keeps says that a constraint of the live table stays.
func (m *merger) keeps(c clause) bool {
	if c.kind == primaryKey {
		return !m.newPrimaryKey()
	}
	gone := m.base.find(c)
	return gone == nil || m.to.has(*gone) || m.to.has(c)
}

// stillDeferred defers a foreign key that takes the place of a deferred one, such as
// one with another action, if the revision does not know of that.
func (m *merger) stillDeferred(c clause) clause {
	if c.kind != foreignKey || c.deferred {
		return c
	}
	for _, old := range m.base.constraints() {
		if old.kind != foreignKey || old.refers() != c.refers() || old.deferred || m.to.has(old) {
			continue
		}
		if live := m.live.find(old); live != nil && live.deferred {
			c.deferred = true
			c.text += " DEFERRABLE INITIALLY DEFERRED"
			return c
		}
	}
	return c
}

// refers is what a foreign key means without its actions.
func (c clause) refers() string {
	key := c.key
	for _, action := range []string{" on delete ", " on update "} {
		key, _, _ = strings.Cut(key, action)
	}
	return key
}

// adds says that a constraint of the wanted table is new to the live one.
func (m *merger) adds(c clause) bool {
	if c.kind == primaryKey {
		return m.newPrimaryKey()
	}
	if m.base.sketch {
		return m.live.find(c) == nil
	}
	return !m.base.has(c) && !m.live.has(c)
}

func (m *merger) newPrimaryKey() bool { return m.base.primaryKey() != m.to.primaryKey() }

func (c clause) constraint() bool {
	return c.kind == primaryKey || c.kind == unique || c.kind == check || c.kind == foreignKey
}

// constraints are those of the columns and those behind them.
func (t *Table) constraints() []clause {
	var all []clause
	for _, c := range t.columns {
		for _, clause := range c.clauses {
			if clause.constraint() {
				all = append(all, clause)
			}
		}
	}
	return append(all, t.rules...)
}

// has says that the table has the constraint under the same name.
func (t *Table) has(c clause) bool {
	return slices.ContainsFunc(t.constraints(), func(other clause) bool {
		return other.key == c.key && other.name == c.name && other.deferred == c.deferred
	})
}

// find returns the constraint that is the same one, whatever its name; that of
// the same name if there are several.
func (t *Table) find(c clause) *clause {
	var found *clause
	for _, other := range t.constraints() {
		if other.key == c.key && (found == nil || other.name == c.name) {
			found = &other
		}
	}
	return found
}

func (t *Table) primaryKey() string {
	for _, c := range t.constraints() {
		if c.kind == primaryKey {
			return c.key
		}
	}
	return ""
}

func (t *Table) column(name string) *column {
	for i := range t.columns {
		if Fold(t.columns[i].name) == Fold(name) {
			return &t.columns[i]
		}
	}
	return nil
}

// of returns the clauses of a kind.
func (c *column) of(kind string) []clause {
	var found []clause
	for _, clause := range c.clauses {
		if clause.kind == kind {
			found = append(found, clause)
		}
	}
	return found
}

// keyOf is what the column's clauses of a kind mean.
func (c *column) keyOf(kind string) string {
	var keys []string
	for _, clause := range c.of(kind) {
		keys = append(keys, clause.key)
	}
	return strings.Join(keys, ", ")
}

// equal says that two tables mean the same, but for their names.
func equal(a, b *Table) bool {
	if len(a.columns) != len(b.columns) || a.strict != b.strict || a.withoutRowid != b.withoutRowid {
		return false
	}
	for i := range a.columns {
		c, d := &a.columns[i], &b.columns[i]
		if Fold(c.name) != Fold(d.name) || c.typeKey != d.typeKey {
			return false
		}
		for _, kind := range []string{notNull, isDefault, collate, generated} {
			if c.keyOf(kind) != d.keyOf(kind) {
				return false
			}
		}
	}
	within := func(a, b *Table) bool {
		return !slices.ContainsFunc(a.constraints(), func(c clause) bool { return !b.has(c) })
	}
	return within(a, b) && within(b, a)
}

// create renders the table under a name that is quoted already.
func (t *Table) create(name string) string {
	var elements []string
	for _, c := range t.columns {
		parts := []string{c.written}
		if c.declared != "" {
			parts = append(parts, c.declared)
		}
		for _, clause := range c.clauses {
			parts = append(parts, clause.text)
		}
		elements = append(elements, strings.Join(parts, " "))
	}
	for _, rule := range t.rules {
		elements = append(elements, rule.text)
	}
	var options []string
	if t.withoutRowid {
		options = append(options, "WITHOUT ROWID")
	}
	if t.strict {
		options = append(options, "STRICT")
	}
	sql := "CREATE TABLE " + name + " (" + strings.Join(elements, ", ") + ")"
	if len(options) > 0 {
		sql += " " + strings.Join(options, ", ")
	}
	return sql
}

// numbers is the end of the key of an AUTOINCREMENT.
const numbers = " autoincrement"

// numbered says that the table never gives a number twice.
func (t *Table) numbered() bool { return strings.HasSuffix(t.primaryKey(), numbers) }

// hasRowid says that rows have a number of SQLite's own that no column holds.
func (t *Table) hasRowid() bool {
	if t.withoutRowid {
		return false
	}
	for i := range t.columns {
		c := &t.columns[i]
		key := "primary key ( " + Fold(c.name) + " )"
		if rest, ok := strings.CutPrefix(t.primaryKey(), key); ok && c.typeKey == "integer" && !strings.Contains(rest, "desc") {
			return false
		}
	}
	return true
}

// rowidName is a name by which no column hides the number of a row; "" if
// there is none.
func rowidName(tables ...*Table) string {
	for _, name := range []string{"rowid", "_rowid_", "oid"} {
		if !slices.ContainsFunc(tables, func(t *Table) bool { return t.column(name) != nil }) {
			return name
		}
	}
	return ""
}

// stored are the names of the columns that hold values of their own.
func (t *Table) stored() []string {
	var names []string
	for i := range t.columns {
		if len(t.columns[i].of(generated)) == 0 {
			names = append(names, t.columns[i].name)
		}
	}
	return names
}
