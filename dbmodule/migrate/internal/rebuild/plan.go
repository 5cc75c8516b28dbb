package rebuild

import (
	"fmt"
	"slices"
	"strings"
)

// Plan is a rebuild of a table as it is in a database.
type Plan struct {
	// Create makes the new table, and Copies fill it: the statements of the
	// revision, extended by what it does not know.
	Create string
	Copies []string
	// Carried are the columns that the revision does not know and the new
	// table has nevertheless.
	Carried []string
	// Lost are the columns whose values would go with the old table although
	// nothing says that they shall.
	Lost []string
	// Numbered says that the new table goes on with the old one's
	// AUTOINCREMENT.
	Numbered bool
	// Rowid is a name by which the rows of both tables have SQLite's own
	// number; "" if a column holds it, or there is none.
	Rowid string
}

// On plans the rebuild of the table that this CREATE TABLE made. The error
// says what stands in the way.
func (r *Rebuild) On(definition string) (*Plan, error) {
	plan := r.AsItStands()
	live, err := ParseTable(definition)
	if err != nil {
		return nil, err
	}
	if r.to == nil {
		// Its columns are those of a query.
		plan.Lost = slices.DeleteFunc(live.stored(), func(name string) bool { return mentions(r.create, name) })
		return plan, nil
	}
	merged, err := merge(r.base, r.to, live)
	if err != nil {
		return nil, err
	}
	if !equal(merged, r.to) {
		plan.Create = merged.create(r.written())
	}
	plan.Numbered = live.numbered() && merged.numbered()
	for _, name := range live.stored() {
		if r.to.column(name) == nil && merged.column(name) != nil {
			plan.Carried = append(plan.Carried, name)
		}
	}
	if live.hasRowid() && merged.hasRowid() {
		plan.Rowid = rowidName(live, merged)
	}
	if r.Aside {
		plan.Lost = r.lostAside(live)
		return plan, nil
	}
	c := copying{live: live, merged: merged, carried: plan.Carried, rowid: plan.Rowid}
	extended := len(r.copies) > 0
	for i, copied := range r.copies {
		var ok bool
		plan.Copies[i], ok = c.extend(copied)
		extended = extended && ok
	}
	plan.Lost = r.lost(live, merged, extended)
	return plan, nil
}

// AsItStands is the rebuild as the revision has it.
func (r *Rebuild) AsItStands() *Plan {
	plan := &Plan{Create: r.create, Copies: make([]string, len(r.copies))}
	for i, copied := range r.copies {
		plan.Copies[i] = copied.sql
	}
	return plan
}

// KeepNumber are the statements by which a table goes on with the numbers of
// another, both AUTOINCREMENT. The names are folded.
func KeepNumber(source, target string) []string {
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	return []string{
		"DELETE FROM main.sqlite_sequence WHERE lower(name) = " + quote(target),
		fmt.Sprintf("INSERT INTO main.sqlite_sequence (name, seq) SELECT t.name, s.seq FROM main.sqlite_schema AS t, main.sqlite_sequence AS s "+
			"WHERE t.type = 'table' AND lower(t.name) = %s AND lower(s.name) = %s", quote(target), quote(source)),
	}
}

// Number are the statements by which a table, folded, that is AUTOINCREMENT goes
// on behind this number at least.
func Number(table string, last int64) []string {
	quoted := "'" + strings.ReplaceAll(table, "'", "''") + "'"
	return []string{
		"INSERT INTO main.sqlite_sequence (name, seq) SELECT name, 0 FROM main.sqlite_schema WHERE type = 'table' AND lower(name) = " + quoted +
			" AND NOT EXISTS (SELECT 1 FROM main.sqlite_sequence WHERE lower(name) = " + quoted + ")",
		fmt.Sprintf("UPDATE main.sqlite_sequence SET seq = max(seq, %d) WHERE lower(name) = %s", last, quoted),
	}
}

// AsKnown is the rebuild of a table that is as the revision takes it for.
func (r *Rebuild) AsKnown() *Plan {
	if r.base == nil {
		return r.AsItStands()
	}
	plan, err := r.On(r.base.create(Quote(r.Source)))
	if err != nil {
		return r.AsItStands()
	}
	return plan
}

// Expected is the CREATE TABLE of a table of this name that is what the
// revision takes the old one for; "" if nobody knows. AUTOINCREMENT stands in it
// as a comment: a temporary table that has it brings a table sqlite_sequence of
// its own, which hides that of the database.
func (r *Rebuild) Expected(name string) string {
	if r.base == nil {
		return ""
	}
	sql := r.base.create(Quote(name))
	list := tokens(sql)
	for i := len(list) - 1; i >= 0; i-- {
		if t := list[i]; t.is("AUTOINCREMENT") {
			sql = sql[:t.start] + "/* " + t.text + " */" + sql[t.end:]
		}
	}
	return sql
}

// written is the new table's name as it stands in the revision.
func (r *Rebuild) written() string {
	list := tokens(r.create)
	for i, t := range list {
		if t.is("(") {
			return list[i-1].text
		}
	}
	return Quote(r.Target)
}

// lost are the columns of the live table that hold values which are not
// copied, unless the revision knows that they go.
func (r *Rebuild) lost(live, merged *Table, extended bool) []string {
	var lost []string
	for _, name := range live.stored() {
		wanted := r.to.column(name) != nil
		switch {
		case !wanted && r.base != nil && r.base.column(name) != nil:
			continue // it is dropped
		case !wanted && merged.column(name) != nil && extended:
			continue // it is carried over
		case slices.ContainsFunc(r.copies, func(copied copySQL) bool { return mentions(copied.sql, name) }):
			continue
		}
		lost = append(lost, name)
	}
	return lost
}

// mentions says that a statement names a column, or all of them.
func mentions(sql, column string) bool {
	list := tokens(sql)
	return slices.ContainsFunc(list, func(t token) bool { return t.kind != text && Fold(t.name()) == Fold(column) }) || star(list)
}

// star says that a query is of all columns.
func star(list []token) bool {
	for i, t := range list {
		if i > 0 && t.is("*") && (list[i-1].is("SELECT") || list[i-1].is(".") || list[i-1].is(",")) {
			return true
		}
	}
	return false
}

// copying extends statements that copy rows.
type copying struct {
	live, merged *Table
	carried      []string
	rowid        string
}

// extend has the statement copy the carried columns too, and the rows' own
// numbers. It reports false if it can't have the columns: then the statement
// is as it was.
func (c copying) extend(copied copySQL) (string, bool) {
	sql := copied.sql
	i, ok := readInsertion(sql, copied.from)
	if !ok {
		return sql, len(c.carried) == 0
	}
	extra := slices.Clone(c.carried)
	if i.columns == nil {
		// Values go by their place.
		if i.selected != "*" {
			return sql, len(c.carried) == 0
		}
		extra = nil
		fits := slices.EqualFunc(c.live.stored(), c.merged.stored(), func(a, b string) bool { return Fold(a) == Fold(b) })
		if !fits || c.rowid == "" {
			return sql, fits || len(c.carried) == 0
		}
		for _, name := range c.merged.stored() {
			i.columns = append(i.columns, Quote(name))
		}
	}
	names := make([]string, len(extra))
	for n, name := range extra {
		names[n] = Quote(name)
	}
	if c.rowid != "" && !slices.ContainsFunc(i.columns, func(name string) bool { return Fold(strings.Trim(name, "`\"[]")) == c.rowid }) {
		names = append(names, c.rowid)
	}
	if len(names) == 0 {
		return sql, true
	}
	return fmt.Sprintf("%s (%s) SELECT %s %s", i.head, strings.Join(slices.Concat(i.columns, names), ", "),
		strings.Join(append([]string{i.selected}, names...), ", "), i.rest), true
}

// insertion is INSERT INTO … (columns) SELECT selected FROM source …
type insertion struct {
	head, selected, rest string
	// columns are nil if there is no list of them.
	columns []string
}

// readInsertion reads a statement that copies rows of one table, one by one.
func readInsertion(sql, source string) (insertion, bool) {
	p := &parser{sql: sql, list: tokens(sql)}
	var i insertion
	for p.more() && !p.accept("INTO") {
		p.at++
	}
	if p.tableName() == "" {
		return i, false
	}
	i.head = sql[:p.list[p.at-1].end]
	if p.comes("(") {
		list, err := p.group()
		if err != nil {
			return i, false
		}
		for _, t := range list {
			if t.isName() {
				i.columns = append(i.columns, t.text)
			}
		}
	}
	if !p.accept("SELECT") || p.comes("DISTINCT") || p.comes("ALL") {
		return i, false
	}
	from := p.at
	for p.more() && !p.comes("FROM") {
		if p.comes("(") {
			if _, err := p.group(); err != nil {
				return i, false
			}
			continue
		}
		p.at++
	}
	if !p.more() || p.at == from {
		return i, false
	}
	i.selected, i.rest = p.since(from), sql[p.list[p.at].start:]
	p.at++
	return i, p.tableName() == source && p.onlyFilters()
}

// onlyFilters says that what follows leaves rows out or orders them at most.
func (p *parser) onlyFilters() bool {
	if p.more() && !p.comes("WHERE") && !p.comes("ORDER") && !p.comes("LIMIT") && !p.comes(";") {
		return false
	}
	return !slices.ContainsFunc(p.list[p.at:], func(t token) bool {
		return t.is("GROUP") || t.is("UNION") || t.is("EXCEPT") || t.is("INTERSECT")
	})
}

// The comment that says what a statement's revision takes the table for.
const (
	rememberOpens  = "/* in place of "
	rememberCloses = " */"
)

// Remember returns the statements with what each rebuild takes its table for
// in a comment, for whoever has no other direction to find it out from.
func Remember(statements, other []string) []string {
	out := slices.Clone(statements)
	for _, r := range Find(statements, other) {
		if r.base == nil {
			continue
		}
		base := r.base.create(Quote(r.Final))
		list := tokens(r.create)
		if strings.Contains(base, "*/") || remembered(r.create) != nil {
			continue
		}
		at := list[0].end
		out[r.Create] = r.create[:at] + " " + rememberOpens + base + rememberCloses + r.create[at:]
	}
	return out
}

// remembered reads that comment.
func remembered(sql string) *Table {
	_, rest, ok := strings.Cut(sql, rememberOpens)
	if !ok {
		return nil
	}
	base, _, ok := strings.Cut(rest, rememberCloses)
	if !ok {
		return nil
	}
	t, err := ParseTable(base)
	if err != nil {
		return nil
	}
	return t
}
