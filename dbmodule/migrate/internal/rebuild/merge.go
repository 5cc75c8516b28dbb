package rebuild

import (
	"fmt"
	"slices"
	"strings"
)

// merge returns the live table with the changes of the revision, which are the
// differences between base and to. It compares each property of a column (type, default
// and so on) and each constraint by itself. All that the revision does not change stays
// as in live.
//
// If base is nil, it is unknown what the revision changes. Then merge returns to, and
// the caller decides about columns of live that to lacks.
func merge(base, to, live *Table) (*Table, error) {
	if base == nil {
		return to, nil
	}
	m := merger{base: base, to: to, live: live, merged: &Table{Name: to.Name}}
	if base.partial && strings.TrimSuffix(live.primaryKey(), autoincrement) != strings.TrimSuffix(to.primaryKey(), autoincrement) {
		return nil, m.errUnknownBase("the primary key")
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
			m.merged.columns = append(m.merged.columns, m.keptColumn(c))
		}
	}
	for _, constraint := range live.rules {
		if m.keepsConstraint(constraint) {
			m.merged.rules = append(m.merged.rules, constraint)
		}
	}
	for _, constraint := range to.rules {
		if m.addsConstraint(constraint) {
			m.merged.rules = append(m.merged.rules, m.keepDeferred(constraint))
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

// column merges a column of the revision's new table.
func (m *merger) column(to column) (column, error) {
	live := m.live.column(to.name)
	if live == nil {
		return m.addedColumn(to), nil
	}
	base := m.base.column(to.name)
	if base == nil {
		return column{}, fmt.Errorf("the revision adds column %s, and table %s has one already: drop or rename that first", to.name, m.live.Name)
	}
	if m.base.partial && live.typeKey != to.typeKey {
		return column{}, m.errUnknownBase("the type of column " + to.name)
	}
	merged := column{name: live.name, written: to.written, declared: live.declared, typeKey: live.typeKey}
	if base.typeKey != to.typeKey {
		merged.declared, merged.typeKey = to.declared, to.typeKey
	}
	for _, kind := range []string{notNull, isDefault, collate, generated} {
		from := live
		if base.keyOf(kind) != to.keyOf(kind) || m.base.partial && to.keyOf(kind) != "" {
			from = &to
		}
		merged.clauses = append(merged.clauses, from.of(kind)...)
	}
	for _, c := range live.clauses {
		if c.constraint() && m.keepsConstraint(c) {
			merged.clauses = append(merged.clauses, c)
		}
	}
	for _, c := range to.clauses {
		if c.constraint() && m.addsConstraint(c) {
			merged.clauses = append(merged.clauses, m.keepDeferred(c))
		}
	}
	return merged, nil
}

// errUnknownBase returns the error for a property in which the live table differs from to, if base does not
// say whether the revision changes it.
func (m *merger) errUnknownBase(what string) error {
	return fmt.Errorf("%s in the database differs from the revision, and the revision's other direction does not say whether to change it: "+
		"rebuild the table in both sections of the revision", what)
}

// addedColumn returns a column that the live table lacks. It leaves out constraints that the merged table
// does not get from the revision.
func (m *merger) addedColumn(c column) column {
	c.clauses = slices.DeleteFunc(slices.Clone(c.clauses), func(c clause) bool { return c.constraint() && !m.addsConstraint(c) })
	return c
}

// keptColumn returns a column of the live table that the revision does not know. It leaves out constraints
// that the revision drops.
func (m *merger) keptColumn(c column) column {
	c.clauses = slices.DeleteFunc(slices.Clone(c.clauses), func(c clause) bool { return c.constraint() && !m.keepsConstraint(c) })
	return c
}

// keepsConstraint reports whether the merged table keeps a constraint of the live table.
func (m *merger) keepsConstraint(c clause) bool {
	if c.kind == primaryKey {
		return !m.newPrimaryKey()
	}
	gone := m.base.find(c)
	return gone == nil || m.to.has(*gone) || m.to.has(c)
}

// keepDeferred returns a foreign key of the revision. If it replaces one that is deferred in the live
// table and not in base, for example to change an action, the new one is deferred too.
func (m *merger) keepDeferred(c clause) clause {
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

// refers returns the key of a foreign key without its actions.
func (c clause) refers() string {
	key := c.key
	for _, action := range []string{" on delete ", " on update "} {
		key, _, _ = strings.Cut(key, action)
	}
	return key
}

// addsConstraint reports whether the merged table gets a constraint from to.
func (m *merger) addsConstraint(c clause) bool {
	if c.kind == primaryKey {
		return m.newPrimaryKey()
	}
	if m.base.partial {
		return m.live.find(c) == nil
	}
	return !m.base.has(c) && !m.live.has(c)
}

// newPrimaryKey reports whether the revision changes the primary key.
func (m *merger) newPrimaryKey() bool { return m.base.primaryKey() != m.to.primaryKey() }

func (c clause) constraint() bool {
	return c.kind == primaryKey || c.kind == unique || c.kind == check || c.kind == foreignKey
}

// constraints returns the constraints of the columns, and then those of the table.
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

// has reports whether the table has an equal constraint with the same name.
func (t *Table) has(c clause) bool {
	return slices.ContainsFunc(t.constraints(), func(other clause) bool {
		return other.key == c.key && other.name == c.name && other.deferred == c.deferred
	})
}

// find returns a constraint with the same key, whatever its name, or nil. If there are several, it
// prefers one with the same name.
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

// of returns the column's clauses of a kind.
func (c *column) of(kind string) []clause {
	var found []clause
	for _, clause := range c.clauses {
		if clause.kind == kind {
			found = append(found, clause)
		}
	}
	return found
}

// keyOf returns the keys of the column's clauses of a kind.
func (c *column) keyOf(kind string) string {
	var keys []string
	for _, clause := range c.of(kind) {
		keys = append(keys, clause.key)
	}
	return strings.Join(keys, ", ")
}

// equal reports whether two tables are equal except for their names.
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

// create returns a CREATE TABLE for the table. name is quoted.
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
	for _, constraint := range t.rules {
		elements = append(elements, constraint.text)
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

// autoincrement is the end of the key of a primary key with AUTOINCREMENT.
const autoincrement = " autoincrement"

// isAutoincrement reports whether the table is AUTOINCREMENT.
func (t *Table) isAutoincrement() bool { return strings.HasSuffix(t.primaryKey(), autoincrement) }

// hasRowid reports whether the rows have a rowid that no column holds.
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

// rowidName returns a name of the rowid that is no column of the tables; "" if all names are columns.
func rowidName(tables ...*Table) string {
	for _, name := range []string{"rowid", "_rowid_", "oid"} {
		if !slices.ContainsFunc(tables, func(t *Table) bool { return t.column(name) != nil }) {
			return name
		}
	}
	return ""
}

// storedColumns returns the names of the columns that are not generated.
func (t *Table) storedColumns() []string {
	var names []string
	for i := range t.columns {
		if len(t.columns[i].of(generated)) == 0 {
			names = append(names, t.columns[i].name)
		}
	}
	return names
}
