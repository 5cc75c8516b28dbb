package autogen

import (
	"fmt"
	"slices"

	"ariga.io/atlas/sql/schema"
)

// suggestRenames adds, to the warnings of tables and columns that are dropped,
// the hint that keeps their rows and values if what is added beside them is
// the same under another name. from and to are the two schemas.
func suggestRenames(e engine, warnings []Warning, from, to *schema.Realm) {
	for i := range warnings {
		w := &warnings[i]
		table, ok := tableAt(from, pathOf(w.Table))
		if !ok {
			continue
		}
		var hint Rename
		switch w.Code {
		case DropTable:
			hint, ok = likelyTable(e, table, from, to)
		case DropColumn:
			hint, ok = likelyColumn(e, table, w.Column, to)
		default:
			continue
		}
		if ok {
			w.Text += fmt.Sprintf("; if it has only got another name, draft it with --rename %s", hint)
		}
	}
}

// likelyColumn finds the added column that a dropped one may have become: one
// of the same type.
func likelyColumn(e engine, table *schema.Table, name string, to *schema.Realm) (Rename, bool) {
	now, ok := tableAt(to, nameOfTable(table))
	old, known := table.Column(name)
	if !ok || !known {
		return Rename{}, false
	}
	best, found := "", false
	for _, column := range now.Columns {
		if _, there := table.Column(column.Name); there || typeText(e.name(), column) != typeText(e.name(), old) {
			continue
		}
		if !found || likeness(name, column.Name) > likeness(name, best) {
			best, found = column.Name, true
		}
	}
	return Rename{From: nameOfTable(table).String() + "." + name, To: best}, found
}

// likelyTable finds the added table that a dropped one may have become: one
// that has most of its columns.
func likelyTable(e engine, table *schema.Table, from, to *schema.Realm) (Rename, bool) {
	var best *schema.Table
	most := 0
	for _, now := range tablesOf(to) {
		_, there := tableAt(from, nameOfTable(now))
		common := commonColumns(e, table, now)
		if there || nameOfTable(now).schema != nameOfTable(table).schema || 2*common <= max(len(table.Columns), len(now.Columns)) {
			continue
		}
		if common > most || common == most && likeness(table.Name, now.Name) > likeness(table.Name, best.Name) {
			best, most = now, common
		}
	}
	if best == nil {
		return Rename{}, false
	}
	return Rename{From: nameOfTable(table).String(), To: nameOfTable(best).String()}, true
}

// commonColumns counts the columns that two tables share by name and type.
func commonColumns(e engine, a, b *schema.Table) int {
	n := 0
	for _, column := range a.Columns {
		if other, ok := b.Column(column.Name); ok && typeText(e.name(), column) == typeText(e.name(), other) {
			n++
		}
	}
	return n
}

// likeness is how many characters two names share at their ends.
func likeness(a, b string) int {
	n, x, y := 0, []rune(a), []rune(b)
	for range 2 {
		for i := 0; i < min(len(x), len(y)) && x[i] == y[i]; i++ {
			n++
		}
		slices.Reverse(x)
		slices.Reverse(y)
	}
	return n
}
