// Package restate reads the statements by which a revision restates a whole
// column on MySQL and MariaDB (MODIFY and CHANGE), and gives the new statement
// what the column has beyond what the revision knows.
//
// It works on the text of statements alone and opens no database.
package restate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Statement is an ALTER TABLE that restates columns.
type Statement struct {
	// Table is the table as the statement writes it.
	Table string

	sql     string
	columns []restated
}

type restated struct {
	start, end int // of the definition in the statement
	old, name  string
	to         definition
	// base is what the other direction of the revision makes of the column.
	base definition
}

// Find returns the statements that restate columns of which the other
// direction knows what they were, by their index.
func Find(statements, other []string) map[int]*Statement {
	known := map[string]definition{}
	for _, sql := range other {
		if s := read(sql); s != nil {
			for _, c := range s.columns {
				known[key(s.Table, c.name)] = c.to
				known[key(s.Table, c.old)] = c.to
			}
		}
	}
	found := map[int]*Statement{}
	for i, sql := range statements {
		s := read(sql)
		if s == nil {
			continue
		}
		s.columns = slices.DeleteFunc(s.columns, func(c restated) bool { return known[key(s.Table, c.name)] == nil })
		for n := range s.columns {
			s.columns[n].base = known[key(s.Table, s.columns[n].name)]
		}
		if len(s.columns) > 0 {
			found[i] = s
		}
	}
	return found
}

func key(table, column string) string {
	return strings.ToLower(unquoted(table) + "." + column)
}

// On returns the statement for a table that SHOW CREATE TABLE describes so:
// clauses of a column that neither direction of the revision speaks of are
// added to it. The error names what it can't keep.
func (s *Statement) On(created string) (string, error) {
	live := map[string]definition{}
	for line := range strings.SplitSeq(created, "\n") {
		line = strings.TrimSuffix(strings.TrimSpace(line), ",")
		if line == "" || line[0] != '`' && line[0] != '"' {
			continue
		}
		list := tokens(line)
		live[strings.ToLower(unquoted(list[0].text))] = define(line, list[1:])
	}
	out := s.sql
	for i := len(s.columns) - 1; i >= 0; i-- {
		c := s.columns[i]
		is, ok := live[strings.ToLower(c.old)]
		if !ok {
			continue
		}
		text, err := c.keep(is)
		if err != nil {
			return "", fmt.Errorf("column %s of table %s: %w", c.old, unquoted(s.Table), err)
		}
		out = out[:c.start] + text + out[c.end:]
	}
	return out, nil
}

// reNow matches the present time, which has as many digits as its column.
var reNow = regexp.MustCompile(`(?i)\bcurrent_timestamp(\(\d*\))?`)

// digits are those of a type of time, in parentheses.
func digits(declared string) string {
	if at := strings.IndexByte(declared, '('); at >= 0 {
		return declared[at:]
	}
	return "()"
}

// keep renders the definition with what is there and nobody speaks of.
func (c *restated) keep(live definition) (string, error) {
	if live[generated] != "" && c.to[generated] == "" && c.base[generated] == "" {
		return "", fmt.Errorf("it is a generated column (%s), and the revision would make it a plain one: "+
			"write the expression into both sections of the revision, or drop the column first", live[generated])
	}
	parts := []string{c.to[isType]}
	add := func(kind string) {
		if live[kind] != "" && c.to[kind] == "" && c.base[kind] == "" {
			text := live[kind]
			if kind == onUpdate || kind == isDefault && !strings.Contains(text, "'") {
				text = reNow.ReplaceAllLiteralString(text, "current_timestamp"+digits(c.to[isType]))
			}
			parts = append(parts, text)
		}
	}
	if c.to.isText() && c.to[collate] == "" && c.to[charset] == "" {
		add(charset)
		add(collate)
	}
	for _, kind := range []string{charset, collate, generated, null, isDefault, rest} {
		if c.to[kind] != "" && c.to[kind] != implied {
			parts = append(parts, c.to[kind])
		}
	}
	if !strings.EqualFold(live[isDefault], "DEFAULT NULL") && c.to[generated] == "" && live.sameType(c.to) {
		add(isDefault)
	}
	for _, kind := range []string{onUpdate, autoIncrement, comment, invisible, check} {
		if c.to[kind] != "" && c.to[kind] != implied {
			parts = append(parts, c.to[kind])
		}
		add(kind)
	}
	if c.to[place] != "" {
		parts = append(parts, c.to[place])
	}
	return strings.Join(parts, " "), nil
}

// read reads a statement; nil if it restates nothing.
func read(sql string) *Statement {
	list := tokens(sql)
	if len(list) < 5 || !list[0].is("ALTER") {
		return nil
	}
	at := slices.IndexFunc(list, func(t token) bool { return t.is("TABLE") })
	if at < 0 || at+2 >= len(list) {
		return nil
	}
	at = past(list, at+1, "IF", "EXISTS")
	if at+1 >= len(list) {
		return nil
	}
	s := &Statement{sql: sql, Table: list[at].text}
	at++
	if list[at].is(".") && at+2 < len(list) {
		s.Table += "." + list[at+1].text
		at += 2
	}
	if at = past(list, at, "NOWAIT"); at+1 < len(list) && list[at].is("WAIT") {
		at += 2
	}
	for at < len(list) {
		end := at
		for depth := 0; end < len(list) && (depth > 0 || !list[end].is(",")); end++ {
			depth += list[end].depth()
		}
		s.clause(list[at:end])
		at = end + 1
	}
	if len(s.columns) == 0 {
		return nil
	}
	return s
}

// past is where the list goes on behind these words; at if they don't stand there.
func past(list []token, at int, words ...string) int {
	for i, word := range words {
		if at+i >= len(list) || !list[at+i].is(word) {
			return at
		}
	}
	return at + len(words)
}

// clause reads MODIFY [COLUMN] name definition, or CHANGE with two names.
func (s *Statement) clause(list []token) {
	names := 0
	if len(list) > 0 && list[0].is("MODIFY") {
		names = 1
	} else if len(list) > 0 && list[0].is("CHANGE") {
		names = 2
	}
	at := past(list, past(list, 1, "COLUMN"), "IF", "EXISTS")
	if names == 0 || len(list) <= at+names {
		return
	}
	from := at + names
	s.columns = append(s.columns, restated{
		start: list[from].start, end: list[len(list)-1].end,
		old: unquoted(list[at].text), name: unquoted(list[from-1].text),
		to: define(s.sql, list[from:]),
	})
}

// definition is what a column is, by the kind of clause.
type definition map[string]string

// The kinds of clauses.
const (
	isType        = "type"
	charset       = "charset"
	collate       = "collate"
	generated     = "generated"
	null          = "null"
	isDefault     = "default"
	onUpdate      = "on update"
	autoIncrement = "auto_increment"
	comment       = "comment"
	invisible     = "invisible"
	check         = "check"
	place         = "place"
	rest          = "rest"
)

// implied is a clause that the type brings along.
const implied = "-"

func (d definition) isText() bool {
	base := d.base()
	return strings.Contains(base, "char") || strings.Contains(base, "text") || base == "enum" || base == "set"
}

func (d definition) base() string {
	base, _, _ := strings.Cut(strings.ToLower(d[isType]), "(")
	base, _, _ = strings.Cut(base, " ")
	return base
}

func (d definition) sameType(other definition) bool { return d.base() == other.base() }

// define reads a definition.
func define(sql string, list []token) definition {
	r := reader{sql: sql, list: list}
	d := definition{}
	r.skip()
	for r.comes("UNSIGNED") || r.comes("SIGNED") || r.comes("ZEROFILL") || r.comes("PRECISION") || r.comes("VARYING") {
		if r.at < len(r.list) && r.list[r.at].is("(") {
			r.skip()
		}
	}
	d[isType] = r.since(0)
	for r.at < len(r.list) {
		from := r.at
		kind := r.clause()
		if d[kind] != "" {
			d[kind] += " "
		}
		d[kind] += r.since(from)
	}
	if d.base() == "json" {
		// MariaDB keeps it as a text with these.
		for _, kind := range []string{charset, collate, check} {
			if d[kind] == "" {
				d[kind] = implied
			}
		}
	}
	return d
}

// reader reads the tokens of a column's definition, one after the other.
type reader struct {
	sql  string
	list []token
	at   int
}

// since is the text from a token to the last that was read.
func (r *reader) since(from int) string { return r.sql[r.list[from].start:r.list[r.at-1].end] }

// skip reads one value, with what stands in parentheses behind it.
func (r *reader) skip() {
	for depth := 0; r.at < len(r.list); {
		depth += r.list[r.at].depth()
		r.at++
		if depth == 0 && (r.at == len(r.list) || !r.list[r.at].is("(")) {
			return
		}
	}
}

// comes reads these words, if they come next, and reports whether they did.
func (r *reader) comes(words ...string) bool {
	for i, w := range words {
		if r.at+i >= len(r.list) || !r.list[r.at+i].is(w) {
			return false
		}
	}
	r.at += len(words)
	return true
}

// sign reads the sign of a number, if there is one.
func (r *reader) sign() {
	if r.at < len(r.list) && (r.list[r.at].is("-") || r.list[r.at].is("+")) {
		r.at++
	}
}

// clause reads one clause, and returns its kind.
func (r *reader) clause() (kind string) {
	switch {
	case r.comes("CHARACTER", "SET"), r.comes("CHARSET"):
		kind = charset
	case r.comes("COLLATE"):
		kind = collate
	case r.comes("DEFAULT"):
		kind = isDefault
		r.sign()
	case r.comes("ON", "UPDATE"):
		kind = onUpdate
	case r.comes("COMMENT"):
		kind = comment
	case r.comes("CHECK"):
		kind = check
	case r.comes("AFTER"):
		kind = place
	case r.comes("GENERATED", "ALWAYS", "AS"), r.comes("AS"):
		r.skip()
		_ = r.comes("STORED") || r.comes("PERSISTENT") || r.comes("VIRTUAL")
		return generated
	case r.comes("NOT", "NULL"), r.comes("NULL"): // these have no value
		return null
	case r.comes("AUTO_INCREMENT"):
		return autoIncrement
	case r.comes("INVISIBLE"):
		return invisible
	case r.comes("FIRST"):
		return place
	default:
		kind = rest
	}
	r.skip()
	return kind
}
