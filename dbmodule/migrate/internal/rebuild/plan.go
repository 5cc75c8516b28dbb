package rebuild

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
)

// Plan says how to rebuild a table as it is in a database.
type Plan struct {
	// Create is the statement that creates the new table, and Copies are those that
	// copy rows into it. They are the revision's own, extended by what the revision
	// does not know.
	Create string
	Copies []string
	// Carried are the columns of the old table that the revision does not know. The
	// new table gets them too.
	Carried []string
	// Lost are the columns whose values would be lost although the revision does not
	// say that it drops them.
	Lost []string
	// Numbered says that both tables are AUTOINCREMENT, so that the new table must
	// continue the old one's counter.
	Numbered bool
	// Rowid is a name of the rowid that works in both tables; "" if a column holds the
	// rowid, or if there is none.
	Rowid string
}

// On plans the rebuild of a live table with this CREATE TABLE. It returns an error if
// the definition can't be parsed or merged.
func (r *Rebuild) On(definition string) (*Plan, error) {
	plan := r.AsItStands()
	live, err := ParseTable(definition)
	if err != nil {
		return nil, err
	}
	if r.to == nil {
		// CREATE TABLE … AS: the columns of the new table are those of the query.
		plan.Lost = slices.DeleteFunc(live.storedColumns(), func(name string) bool { return mentions(r.create, name) })
		return plan, nil
	}
	merged, err := merge(r.base, r.to, live)
	if err != nil {
		return nil, err
	}
	if !equal(merged, r.to) {
		plan.Create = merged.create(r.written())
	}
	plan.Numbered = live.isAutoincrement() && merged.isAutoincrement()
	for _, name := range live.storedColumns() {
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

// AsItStands returns a plan with the statements as the revision has them.
func (r *Rebuild) AsItStands() *Plan {
	plan := &Plan{Create: r.create, Copies: make([]string, len(r.copies))}
	for i, copied := range r.copies {
		plan.Copies[i] = copied.sql
	}
	return plan
}

// KeepNumber returns statements that copy the AUTOINCREMENT counter of the table
// source to the table target. The names are folded.
func KeepNumber(source, target string) []string {
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	return []string{
		"DELETE FROM main.sqlite_sequence WHERE lower(name) = " + quote(target),
		fmt.Sprintf("INSERT INTO main.sqlite_sequence (name, seq) SELECT t.name, s.seq FROM main.sqlite_schema AS t, main.sqlite_sequence AS s "+
			"WHERE t.type = 'table' AND lower(t.name) = %s AND lower(s.name) = %s", quote(target), quote(source)),
	}
}

// Number returns statements that set the AUTOINCREMENT counter of a table to last,
// unless it is greater. The table's name is folded.
func Number(table string, last int64) []string {
	quoted := "'" + strings.ReplaceAll(table, "'", "''") + "'"
	return []string{
		"INSERT INTO main.sqlite_sequence (name, seq) SELECT name, 0 FROM main.sqlite_schema WHERE type = 'table' AND lower(name) = " + quoted +
			" AND NOT EXISTS (SELECT 1 FROM main.sqlite_sequence WHERE lower(name) = " + quoted + ")",
		fmt.Sprintf("UPDATE main.sqlite_sequence SET seq = max(seq, %d) WHERE lower(name) = %s", last, quoted),
	}
}

// AsKnown plans the rebuild of a table that is as the revision knows it.
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

// Expected returns a CREATE TABLE with this name for the old table as the revision
// knows it; "" if that is unknown. AUTOINCREMENT is in a comment: for a temporary table
// with AUTOINCREMENT, SQLite creates a temporary sqlite_sequence, which hides that of the
// database.
func (r *Rebuild) Expected(name string) string {
	if r.base == nil {
		return ""
	}
	sql := r.base.create(Quote(name))
	list := sqlscan.SQLite.Tokens(sql)
	for i := len(list) - 1; i >= 0; i-- {
		if t := list[i]; t.Is("AUTOINCREMENT") {
			sql = sql[:t.Pos] + "/* " + t.Text + " */" + sql[t.End():]
		}
	}
	return sql
}

// written returns the new table's name as the revision writes it.
func (r *Rebuild) written() string {
	list := sqlscan.SQLite.Tokens(r.create)
	for i, t := range list {
		if t.Is("(") {
			return list[i-1].Text
		}
	}
	return Quote(r.Target)
}

// lost returns the columns of the live table whose values the rebuild does not copy. It leaves out
// columns that the revision knows and drops. extended says that the copies have the carried columns.
func (r *Rebuild) lost(live, merged *Table, extended bool) []string {
	var lost []string
	for _, name := range live.storedColumns() {
		wanted := r.to.column(name) != nil
		switch {
		case !wanted && r.base != nil && r.base.column(name) != nil:
			continue // the revision drops it
		case !wanted && merged.column(name) != nil && extended:
			continue // it is carried over
		case slices.ContainsFunc(r.copies, func(copied copySQL) bool { return mentions(copied.sql, name) }):
			continue
		}
		lost = append(lost, name)
	}
	return lost
}

// mentions reports whether a statement names a column, or selects all columns.
func mentions(sql, column string) bool {
	list := sqlscan.SQLite.Tokens(sql)
	return slices.ContainsFunc(list, func(t sqlscan.Token) bool { return t.Kind != sqlscan.String && Fold(t.Unquoted()) == Fold(column) }) || selectsAll(list)
}

// selectsAll reports whether a query selects all columns.
func selectsAll(list []sqlscan.Token) bool {
	for i, t := range list {
		if i > 0 && t.Is("*") && (list[i-1].Is("SELECT") || list[i-1].Is(".") || list[i-1].Is(",")) {
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

// extend returns the statement extended to copy the carried columns and the rowids too. If it can't
// add the carried columns, it returns the statement unchanged, and false.
func (c copying) extend(copied copySQL) (string, bool) {
	sql := copied.sql
	i, ok := readInsertion(sql, copied.from)
	if !ok {
		return sql, len(c.carried) == 0
	}
	extra := slices.Clone(c.carried)
	if i.columns == nil {
		// The positions of the values decide on their columns.
		if i.selected != "*" {
			return sql, len(c.carried) == 0
		}
		extra = nil
		fits := slices.EqualFunc(c.live.storedColumns(), c.merged.storedColumns(), func(a, b string) bool { return Fold(a) == Fold(b) })
		if !fits || c.rowid == "" {
			return sql, fits || len(c.carried) == 0
		}
		for _, name := range c.merged.storedColumns() {
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

// insertion is a parsed INSERT INTO … (columns) SELECT selected FROM source …
type insertion struct {
	head, selected, rest string // head ends with the table's name; rest begins with FROM
	// columns is nil if the statement has no list of columns.
	columns []string
}

// readInsertion parses a statement that inserts one row for each selected row of source. It returns
// false for other statements.
func readInsertion(sql, source string) (insertion, bool) {
	p := &parser{sqlscan.SQLite.Read(sql)}
	var i insertion
	for !p.Ended() && !p.Accept("INTO") {
		p.At++
	}
	if p.tableName() == "" {
		return i, false
	}
	i.head = sql[:p.Tokens[p.At-1].End()]
	if p.Comes("(") {
		list, err := p.group()
		if err != nil {
			return i, false
		}
		for _, t := range list {
			if isName(t) {
				i.columns = append(i.columns, t.Text)
			}
		}
	}
	if !p.Accept("SELECT") || p.Comes("DISTINCT") || p.Comes("ALL") {
		return i, false
	}
	from := p.At
	for !p.Ended() && !p.Comes("FROM") {
		if p.Comes("(") {
			if _, err := p.group(); err != nil {
				return i, false
			}
			continue
		}
		p.At++
	}
	if p.Ended() || p.At == from {
		return i, false
	}
	i.selected, i.rest = p.TextFrom(from), sql[p.Tokens[p.At].Pos:]
	p.At++
	return i, p.tableName() == source && p.onlyFilters()
}

// onlyFilters reports whether the rest of the query only filters, orders or limits rows.
func (p *parser) onlyFilters() bool {
	if !p.Ended() && !p.Comes("WHERE") && !p.Comes("ORDER") && !p.Comes("LIMIT") && !p.Comes(";") {
		return false
	}
	return !slices.ContainsFunc(p.Tokens[p.At:], func(t sqlscan.Token) bool {
		return t.Is("GROUP") || t.Is("UNION") || t.Is("EXCEPT") || t.Is("INTERSECT")
	})
}

// The comment in a CREATE TABLE that says how the old table looks.
const (
	rememberOpens  = "/* in place of "
	rememberCloses = " */"
)

// Remember returns the statements with a comment in the CREATE TABLE of each rebuild,
// which says how the old table looks. [Find] reads it if it gets no statements of the
// other direction.
func Remember(statements, other []string) []string {
	out := slices.Clone(statements)
	for _, r := range Find(statements, other) {
		if r.base == nil {
			continue
		}
		base := r.base.create(Quote(r.Final))
		list := sqlscan.SQLite.Tokens(r.create)
		if strings.Contains(base, "*/") || remembered(r.create) != nil {
			continue
		}
		at := list[0].End()
		out[r.Create] = r.create[:at] + " " + rememberOpens + base + rememberCloses + r.create[at:]
	}
	return out
}

// remembered returns the table of a comment of Remember, or nil.
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
