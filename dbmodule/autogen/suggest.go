package autogen

import (
	"fmt"
	"slices"

	"ariga.io/atlas/sql/schema"
)

// suggestRenames adds a rename hint to the warning of a dropped table or column if an
// added one is probably the same under another name. from and to are the two schemas.
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

// likelyColumn returns an added column of the same type, to which a dropped column may
// have been renamed.
func likelyColumn(e engine, table *schema.Table, name string, to *schema.Realm) (Rename, bool) {
	now, ok := tableAt(to, nameOfTable(table))
	old, known := table.Column(name)
	if !ok || !known {
		return Rename{}, false
	}
	best, found := "", false
	for _, column := range now.Columns {
		if _, exists := table.Column(column.Name); exists || typeText(e.name(), column) != typeText(e.name(), old) {
			continue
		}
		if !found || likeness(name, column.Name) > likeness(name, best) {
			best, found = column.Name, true
		}
	}
	return Rename{From: nameOfTable(table).String() + "." + name, To: best}, found
}

// likelyTable returns an added table with most of the same columns, to which a dropped
// table may have been renamed.
func likelyTable(e engine, table *schema.Table, from, to *schema.Realm) (Rename, bool) {
	var best *schema.Table
	most := 0
	for _, now := range tablesOf(to) {
		_, exists := tableAt(from, nameOfTable(now))
		common := commonColumns(e, table, now)
		if exists || nameOfTable(now).schema != nameOfTable(table).schema || 2*common <= max(len(table.Columns), len(now.Columns)) {
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

// likeness returns the number of characters that two names share at their beginnings
// and ends.
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
