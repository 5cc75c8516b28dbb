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

	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
)

// Statement is an ALTER TABLE with MODIFY or CHANGE.
type Statement struct {
	// Table is the table's name as the statement writes it.
	Table string

	name    string // the table's name without quotes, after its schema's if it is written
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
				known[s.key(c.name)] = c.to
				known[s.key(c.old)] = c.to
			}
		}
	}
	found := map[int]*Statement{}
	for i, sql := range statements {
		s := parse(sql)
		if s == nil {
			continue
		}
		s.columns = slices.DeleteFunc(s.columns, func(c restatedColumn) bool { return known[s.key(c.name)] == nil })
		for n := range s.columns {
			s.columns[n].base = known[s.key(s.columns[n].name)]
		}
		if len(s.columns) > 0 {
			found[i] = s
		}
	}
	return found
}

// key returns a key for a column of the table.
func (s *Statement) key(column string) string { return strings.ToLower(s.name + "." + column) }

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
		r := reader{sqlscan.MySQL.Read(line)}
		live[strings.ToLower(r.Any().Unquoted())] = r.definition()
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
			return "", fmt.Errorf("column %s of table %s: %w", c.old, s.name, err)
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
	if c.to.takes(live[rest]) {
		add(rest)
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
	r := reader{sqlscan.MySQL.Read(sql)}
	if !r.Accept("ALTER") {
		return nil
	}
	for !r.Ended() && !r.Accept("TABLE") {
		r.Any() // ONLINE, IGNORE
	}
	r.Accept("IF", "EXISTS")
	if r.Ended() {
		return nil
	}
	from := r.At
	s := &Statement{sql: sql, name: r.Any().Unquoted()}
	if r.Accept(".") {
		s.name += "." + r.Any().Unquoted()
	}
	s.Table = r.TextFrom(from)
	r.Accept("NOWAIT")
	if r.Accept("WAIT") {
		r.Any()
	}
	for _, clause := range sqlscan.Clauses(r.Tokens[r.At:]) {
		r.Tokens, r.At = clause, 0
		s.clause(r)
	}
	if len(s.columns) == 0 {
		return nil
	}
	return s
}

// clause reads MODIFY [COLUMN] name definition, or CHANGE with two names.
func (s *Statement) clause(r reader) {
	change := r.Accept("CHANGE")
	if !change && !r.Accept("MODIFY") {
		return
	}
	r.Accept("COLUMN")
	r.Accept("IF", "EXISTS")
	old := r.Any().Unquoted()
	name := old
	if change {
		name = r.Any().Unquoted()
	}
	if r.Ended() {
		return
	}
	start := r.Tokens[r.At].Pos
	to := r.definition()
	s.columns = append(s.columns, restatedColumn{start: start, end: r.Tokens[r.At-1].End(), old: old, name: name, to: to})
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
	rest          = "rest" // all others, such as COMPRESSED, STORAGE DISK and SRID 4326
)

// implied stands for a clause that follows from the type.
const implied = "-"

// isText reports whether the type is one of text, which has a collation.
func (d definition) isText() bool {
	base := d.typeName()
	return strings.Contains(base, "char") || strings.Contains(base, "text") || base == "enum" || base == "set"
}

// takes reports whether a column of this type can have the clauses of kind rest. Only texts and
// bytes can be COMPRESSED.
func (d definition) takes(clauses string) bool {
	base := d.typeName()
	return !strings.Contains(strings.ToUpper(clauses), "COMPRESSED") ||
		strings.Contains(base, "char") || strings.Contains(base, "text") || strings.Contains(base, "blob") || strings.Contains(base, "binary")
}

// typeName returns the name of the type, in lower case and without its length.
func (d definition) typeName() string {
	base, _, _ := strings.Cut(strings.ToLower(d[isType]), "(")
	base, _, _ = strings.Cut(base, " ")
	return base
}

func (d definition) sameType(other definition) bool { return d.typeName() == other.typeName() }

// reader reads a statement of MySQL or MariaDB.
type reader struct{ sqlscan.Reader }

// definition reads a column's definition, up to the last token.
func (r *reader) definition() definition {
	d := definition{}
	from := r.At
	r.skipValue()
	for r.Accept("UNSIGNED") || r.Accept("SIGNED") || r.Accept("ZEROFILL") || r.Accept("PRECISION") || r.Accept("VARYING") {
		if r.Comes("(") {
			r.skipValue()
		}
	}
	d[isType] = r.TextFrom(from)
	for !r.Ended() {
		from := r.At
		kind := r.clause()
		if d[kind] != "" {
			d[kind] += " "
		}
		d[kind] += r.TextFrom(from)
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

// skipValue reads one value, and the parentheses after it.
func (r *reader) skipValue() {
	for depth := 0; !r.Ended(); {
		depth += r.Any().Nesting()
		if depth == 0 && !r.Comes("(") {
			return
		}
	}
}

// clause reads one clause and returns its kind.
func (r *reader) clause() (kind string) {
	switch {
	case r.Accept("CHARACTER", "SET"), r.Accept("CHARSET"):
		kind = charset
	case r.Accept("COLLATE"):
		kind = collate
	case r.Accept("DEFAULT"):
		kind = isDefault
		_ = r.Accept("-") || r.Accept("+")
	case r.Accept("ON", "UPDATE"):
		kind = onUpdate
	case r.Accept("COMMENT"):
		kind = comment
	case r.Accept("CHECK"):
		kind = check
	case r.Accept("AFTER"):
		kind = position
	case r.Accept("GENERATED", "ALWAYS", "AS"), r.Accept("AS"):
		r.skipValue()
		_ = r.Accept("STORED") || r.Accept("PERSISTENT") || r.Accept("VIRTUAL")
		return generated
	case r.Accept("NOT", "NULL"), r.Accept("NULL"): // these have no value
		return null
	case r.Accept("AUTO_INCREMENT"):
		return autoIncrement
	case r.Accept("INVISIBLE"):
		return invisible
	case r.Accept("FIRST"):
		return position
	default:
		kind = rest
	}
	r.skipValue()
	return kind
}
