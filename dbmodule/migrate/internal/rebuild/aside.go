package rebuild

import "slices"

// asides pairs the tables whose rows are put aside, and that go before they are
// made again under their name: CREATE TEMP TABLE x AS SELECT … FROM t; DROP
// TABLE t; CREATE TABLE t (…); INSERT INTO t SELECT … FROM x. A table whose
// rows nobody reads before it goes is meant to be empty.
func (s steps) asides(paired []Rebuild) []Rebuild {
	var found []Rebuild
	for drop, dropped := range s {
		if dropped.kind != dropTable || slices.ContainsFunc(paired, func(r Rebuild) bool { return r.Drop == drop }) {
			continue
		}
		r := Rebuild{Drop: drop, Source: dropped.table, Target: dropped.table, Final: dropped.table, Aside: true}
		for _, step := range s[:drop] {
			if (step.kind == insertRows || step.kind == createTable) && step.table != dropped.table && readsTable(step.sql, dropped.table) {
				r.copies = append(r.copies, copySQL{sql: step.sql, from: dropped.table})
			}
		}
		again := slices.IndexFunc(s[drop:], func(step step) bool { return step.kind == createTable && step.table == dropped.table })
		if again < 0 || len(r.copies) == 0 {
			continue
		}
		r.Create = drop + again
		r.create = s[r.Create].sql
		if to, err := ParseTable(r.create); err == nil {
			r.to = to
		}
		found = append(found, r)
	}
	return found
}

// readsTable says that FROM or JOIN stands before the table's name.
func readsTable(sql, table string) bool {
	list := tokens(sql)
	for i, t := range list {
		if i > 0 && (list[i-1].is("FROM") || list[i-1].is("JOIN")) && t.isName() && Fold(t.name()) == table {
			return true
		}
	}
	return false
}

// begins is the first statement that changes the old table or makes the new one.
func (r *Rebuild) begins() int { return min(r.Create, r.Drop) }

// lostAside are the columns of the live table whose values are not in the new
// one, unless the revision knows that they go.
func (r *Rebuild) lostAside(live *Table) []string {
	return slices.DeleteFunc(live.stored(), func(name string) bool {
		if r.to.column(name) == nil {
			return r.base != nil && r.base.column(name) != nil // it is dropped
		}
		return slices.ContainsFunc(r.copies, func(copied copySQL) bool { return mentions(copied.sql, name) })
	})
}
