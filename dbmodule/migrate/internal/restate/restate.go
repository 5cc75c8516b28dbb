// Package restate reads the statements with which a revision writes a column's whole
// definition again on MySQL and MariaDB (MODIFY and CHANGE). It adds the clauses that
// the column has in the database and that the revision does not know.
//
// The package reads only the text of statements. It opens no database.
package restate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Statement is an ALTER TABLE with MODIFY or CHANGE.
type Statement struct {
	// Table is the table's name as the statement writes it.
	Table string

	sql     string
	columns []restatedColumn
}

// restatedColumn is a column that a statement restates.
type restatedColumn struct {
	start, end int    // offsets of the definition in the statement
	old, name  string // the column's names before and after the statement
	to         definition
	// base is the column's definition in the other direction of the revision.
	base definition
}

// Find returns the statements that restate columns, by their index. It includes only
// columns that the other direction of the revision restates too, because that says
// how the column was before.
func Find(statements, other []string) map[int]*Statement {
	known := map[string]definition{}
	for _, sql := range other {
		if s := parse(sql); s != nil {
			for _, c := range s.columns {
				known[key(s.Table, c.name)] = c.to
				known[key(s.Table, c.old)] = c.to
			}
		}
	}
	found := map[int]*Statement{}
	for i, sql := range statements {
		s := parse(sql)
		if s == nil {
			continue
		}
		s.columns = slices.DeleteFunc(s.columns, func(c restatedColumn) bool { return known[key(s.Table, c.name)] == nil })
		for n := range s.columns {
			s.columns[n].base = known[key(s.Table, s.columns[n].name)]
		}
		if len(s.columns) > 0 {
			found[i] = s
		}
	}
	return found
}

// key returns a key for a column of a table.
func key(table, column string) string {
	return strings.ToLower(unquoted(table) + "." + column)
}

// On returns the statement for a table in a database. created is the table's SHOW
// CREATE TABLE. On adds the clauses of the table's columns that neither direction of
// the revision mentions. If a clause can't be added, the error names it.
func (s *Statement) On(created string) (string, error) {
	live := map[string]definition{}
	for line := range strings.SplitSeq(created, "\n") {
		line = strings.TrimSuffix(strings.TrimSpace(line), ",")
		if line == "" || line[0] != '`' && line[0] != '"' {
			continue
		}
		list := tokens(line)
		live[strings.ToLower(unquoted(list[0].text))] = parseDefinition(line, list[1:])
	}
	out := s.sql
	for i := len(s.columns) - 1; i >= 0; i-- {
		c := s.columns[i]
		is, ok := live[strings.ToLower(c.old)]
		if !ok {
			continue
		}
		text, err := c.merge(is)
		if err != nil {
			return "", fmt.Errorf("column %s of table %s: %w", c.old, unquoted(s.Table), err)
		}
		out = out[:c.start] + text + out[c.end:]
	}
	return out, nil
}

// reNow matches CURRENT_TIMESTAMP, which must have the same precision as its column.
var reNow = regexp.MustCompile(`(?i)\bcurrent_timestamp(\(\d*\))?`)

// precision returns the precision of a type of time, with its parentheses; "()" if it has none.
func precision(declared string) string {
	if at := strings.IndexByte(declared, '('); at >= 0 {
		return declared[at:]
	}
	return "()"
}

// merge returns the text of the definition, with the clauses of the live column that neither direction
// of the revision mentions.
func (c *restatedColumn) merge(live definition) (string, error) {
	if live[generated] != "" && c.to[generated] == "" && c.base[generated] == "" {
		return "", fmt.Errorf("it is a generated column (%s), and the revision would make it a plain one: "+
			"write the expression into both sections of the revision, or drop the column first", live[generated])
	}
	parts := []string{c.to[isType]}
	add := func(kind string) {
		if live[kind] != "" && c.to[kind] == "" && c.base[kind] == "" {
			text := live[kind]
			if kind == onUpdate || kind == isDefault && !strings.Contains(text, "'") {
				text = reNow.ReplaceAllLiteralString(text, "current_timestamp"+precision(c.to[isType]))
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
	if c.to[position] != "" {
		parts = append(parts, c.to[position])
	}
	return strings.Join(parts, " "), nil
}

// parse parses a statement. It returns nil if the statement restates no column.
func parse(sql string) *Statement {
	list := tokens(sql)
	if len(list) < 5 || !list[0].is("ALTER") {
		return nil
	}
	at := slices.IndexFunc(list, func(t token) bool { return t.is("TABLE") })
	if at < 0 || at+2 >= len(list) {
		return nil
	}
	at = skipWords(list, at+1, "IF", "EXISTS")
	if at+1 >= len(list) {
		return nil
	}
	s := &Statement{sql: sql, Table: list[at].text}
	at++
	if list[at].is(".") && at+2 < len(list) {
		s.Table += "." + list[at+1].text
		at += 2
	}
	if at = skipWords(list, at, "NOWAIT"); at+1 < len(list) && list[at].is("WAIT") {
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

// skipWords returns the index after these words, if they are at this index; otherwise it returns at.
func skipWords(list []token, at int, words ...string) int {
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
	at := skipWords(list, skipWords(list, 1, "COLUMN"), "IF", "EXISTS")
	if names == 0 || len(list) <= at+names {
		return
	}
	from := at + names
	s.columns = append(s.columns, restatedColumn{
		start: list[from].start, end: list[len(list)-1].end,
		old: unquoted(list[at].text), name: unquoted(list[from-1].text),
		to: parseDefinition(s.sql, list[from:]),
	})
}

// definition is a column's definition: the text of its clauses, by their kind.
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
	position      = "place"
	rest          = "rest"
)

// implied stands for a clause that follows from the type.
const implied = "-"

// isText reports whether the type is one of text, which has a collation.
func (d definition) isText() bool {
	base := d.typeName()
	return strings.Contains(base, "char") || strings.Contains(base, "text") || base == "enum" || base == "set"
}

// typeName returns the name of the type, in lower case and without its length.
func (d definition) typeName() string {
	base, _, _ := strings.Cut(strings.ToLower(d[isType]), "(")
	base, _, _ = strings.Cut(base, " ")
	return base
}

func (d definition) sameType(other definition) bool { return d.typeName() == other.typeName() }

// parseDefinition parses a definition.
func parseDefinition(sql string, list []token) definition {
	r := reader{sql: sql, list: list}
	d := definition{}
	r.skipValue()
	for r.accept("UNSIGNED") || r.accept("SIGNED") || r.accept("ZEROFILL") || r.accept("PRECISION") || r.accept("VARYING") {
		if r.at < len(r.list) && r.list[r.at].is("(") {
			r.skipValue()
		}
	}
	d[isType] = r.textFrom(0)
	for r.at < len(r.list) {
		from := r.at
		kind := r.clause()
		if d[kind] != "" {
			d[kind] += " "
		}
		d[kind] += r.textFrom(from)
	}
	if d.typeName() == "json" {
		// MariaDB stores JSON as a text with these clauses.
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

// textFrom returns the text from a token to the last one that was read.
func (r *reader) textFrom(from int) string { return r.sql[r.list[from].start:r.list[r.at-1].end] }

// skipValue reads one value, and the parentheses after it.
func (r *reader) skipValue() {
	for depth := 0; r.at < len(r.list); {
		depth += r.list[r.at].depth()
		r.at++
		if depth == 0 && (r.at == len(r.list) || !r.list[r.at].is("(")) {
			return
		}
	}
}

// accept reads these words, if they come next, and reports whether they did.
func (r *reader) accept(words ...string) bool {
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

// clause reads one clause and returns its kind.
func (r *reader) clause() (kind string) {
	switch {
	case r.accept("CHARACTER", "SET"), r.accept("CHARSET"):
		kind = charset
	case r.accept("COLLATE"):
		kind = collate
	case r.accept("DEFAULT"):
		kind = isDefault
		r.sign()
	case r.accept("ON", "UPDATE"):
		kind = onUpdate
	case r.accept("COMMENT"):
		kind = comment
	case r.accept("CHECK"):
		kind = check
	case r.accept("AFTER"):
		kind = position
	case r.accept("GENERATED", "ALWAYS", "AS"), r.accept("AS"):
		r.skipValue()
		_ = r.accept("STORED") || r.accept("PERSISTENT") || r.accept("VIRTUAL")
		return generated
	case r.accept("NOT", "NULL"), r.accept("NULL"): // these have no value
		return null
	case r.accept("AUTO_INCREMENT"):
		return autoIncrement
	case r.accept("INVISIBLE"):
		return invisible
	case r.accept("FIRST"):
		return position
	default:
		kind = rest
	}
	r.skipValue()
	return kind
}
