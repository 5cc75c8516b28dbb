package rebuild

import (
	"slices"

	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
)

// findAside finds the rebuilds that drop the old table before they create the new one,
// and keep the rows in another table meanwhile: CREATE TEMP TABLE x AS SELECT … FROM t;
// DROP TABLE t; CREATE TABLE t (…); INSERT INTO t SELECT … FROM x. If no statement reads
// the rows before the DROP, the revision means to lose them, and it is no rebuild. paired
// are the rebuilds that were found already.
func (s steps) findAside(paired []Rebuild) []Rebuild {
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

// readsTable reports whether a statement has the table's name after FROM or JOIN.
func readsTable(sql, table string) bool {
	list := sqlscan.SQLite.Tokens(sql)
	for i, t := range list {
		if i > 0 && (list[i-1].Is("FROM") || list[i-1].Is("JOIN")) && isName(t) && Fold(t.Unquoted()) == table {
			return true
		}
	}
	return false
}

// first returns the index of the rebuild's first CREATE TABLE or DROP TABLE.
func (r *Rebuild) first() int { return min(r.Create, r.Drop) }

// lostAside returns the columns of the live table whose values would be lost in a rebuild with
// Aside. It leaves out columns that the revision knows and drops.
func (r *Rebuild) lostAside(live *Table) []string {
	return slices.DeleteFunc(live.storedColumns(), func(name string) bool {
		if r.to.column(name) == nil {
			return r.base != nil && r.base.column(name) != nil // the revision drops it
		}
		return slices.ContainsFunc(r.copies, func(copied copySQL) bool { return mentions(copied.sql, name) })
	})
}
