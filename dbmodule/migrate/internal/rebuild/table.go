package rebuild

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Table is what a CREATE TABLE says.
type Table struct {
	Name    string
	columns []column
	// rules are constraints that stand behind the columns.
	rules                []clause
	strict, withoutRowid bool
	// sketch says that only the columns that come and go are known, and all
	// else is as somebody wants it to be.
	sketch bool
}

// column is a column with its clauses.
type column struct {
	name    string // as it is
	written string // as it stands in the statement
	// declared is its type as it stands in the statement, and the type to
	// compare.
	declared, typeKey string
	clauses           []clause
}

// The clauses of a column that it has once, and the constraints.
const (
	primaryKey = "PRIMARY KEY"
	notNull    = "NOT NULL"
	isDefault  = "DEFAULT"
	collate    = "COLLATE"
	generated  = "GENERATED"
	unique     = "UNIQUE"
	check      = "CHECK"
	foreignKey = "FOREIGN KEY"
)

// clause is one clause of a column, or a constraint of a table.
type clause struct {
	kind string
	name string // of the constraint, folded
	key  string // equal for what means the same, wherever it stands
	text string // as it stands in the statement
}

// ParseTable reads a CREATE TABLE. It fails where there is more in it than it
// understands.
func ParseTable(sql string) (*Table, error) {
	p := parser{sql: sql, list: tokens(sql)}
	t, err := p.table()
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", firstRunes(sql, 60), err)
	}
	return t, nil
}

func firstRunes(s string, n int) string {
	for i := range s {
		if n--; n < 0 {
			return s[:i] + "…"
		}
	}
	return s
}

// parser reads tokens one after the other.
type parser struct {
	sql  string
	list []token
	at   int
}

func (p *parser) more() bool { return p.at < len(p.list) }

// accept reads these keywords if they come next.
func (p *parser) accept(keywords ...string) bool {
	if !p.comes(keywords...) {
		return false
	}
	p.at += len(keywords)
	return true
}

func (p *parser) comes(keywords ...string) bool {
	for i, keyword := range keywords {
		if p.at+i >= len(p.list) || !p.list[p.at+i].is(keyword) {
			return false
		}
	}
	return true
}

// name reads a name.
func (p *parser) name() (token, error) {
	if !p.more() || !p.list[p.at].isName() {
		return token{}, p.unexpected("a name")
	}
	p.at++
	return p.list[p.at-1], nil
}

// group reads what stands in parentheses, and returns it with them.
func (p *parser) group() ([]token, error) {
	end := len(p.list)
	if p.comes("(") {
		end = closes(p.list, p.at)
	}
	if end == len(p.list) {
		return nil, p.unexpected("what stands in parentheses")
	}
	list := p.list[p.at : end+1]
	p.at = end + 1
	return list, nil
}

func (p *parser) unexpected(want string) error {
	if !p.more() {
		return fmt.Errorf("%s was expected at its end", want)
	}
	return fmt.Errorf("%s was expected at %q", want, firstRunes(p.sql[p.list[p.at].start:], 30))
}

// since is the text from a token on to the one that was read last.
func (p *parser) since(from int) string { return p.sql[p.list[from].start:p.list[p.at-1].end] }

func (p *parser) table() (*Table, error) {
	if !p.accept("CREATE") {
		return nil, p.unexpected("CREATE")
	}
	_ = p.accept("TEMP") || p.accept("TEMPORARY")
	if !p.accept("TABLE") {
		return nil, p.unexpected("TABLE")
	}
	p.accept("IF", "NOT", "EXISTS")
	name, err := p.name()
	if err == nil && p.accept(".") {
		name, err = p.name()
	}
	if err != nil {
		return nil, err
	}
	t := &Table{Name: name.name()}
	if !p.comes("(") {
		return nil, p.unexpected("the list of columns")
	}
	end := closes(p.list, p.at)
	if end == len(p.list) {
		return nil, errors.New("a parenthesis is not closed")
	}
	inner := parser{sql: p.sql, list: p.list[:end], at: p.at + 1}
	for first := true; inner.more(); first = false {
		if !first && !inner.accept(",") && !inner.rule() {
			return nil, inner.unexpected("a comma")
		}
		if err := inner.element(t); err != nil {
			return nil, err
		}
	}
	p.at = end + 1
	return t, p.options(t)
}

func (p *parser) options(t *Table) error {
	for p.more() {
		switch {
		case p.accept("STRICT"):
			t.strict = true
		case p.accept("WITHOUT", "ROWID"):
			t.withoutRowid = true
		case p.accept(","), p.accept(";"):
		default:
			return p.unexpected("an option of the table")
		}
	}
	return nil
}

// rule says that a constraint of the table comes next.
func (p *parser) rule() bool {
	return p.comes("CONSTRAINT") || p.comes("PRIMARY", "KEY") || p.comes("UNIQUE") || p.comes("CHECK") || p.comes("FOREIGN", "KEY")
}

func (p *parser) element(t *Table) error {
	if p.rule() {
		rule, err := p.tableRule()
		t.rules = append(t.rules, rule)
		return err
	}
	name, err := p.name()
	if err != nil {
		return err
	}
	c := column{name: name.name(), written: name.text}
	from := p.at
	for p.more() && !p.comes(",") && !p.clause() {
		if p.comes("(") {
			if _, err := p.group(); err != nil {
				return err
			}
			continue
		}
		p.at++
	}
	if p.at > from {
		c.declared, c.typeKey = p.since(from), normal(p.list[from:p.at])
	}
	for p.more() && !p.comes(",") {
		if p.comes("FOREIGN", "KEY") || p.comes("PRIMARY", "KEY", "(") || p.comes("UNIQUE", "(") {
			break // a constraint of the table without a comma before it
		}
		clause, err := p.columnClause(c.name)
		if err != nil {
			return fmt.Errorf("column %s: %w", c.name, err)
		}
		if clause.kind != "" {
			c.clauses = append(c.clauses, clause)
		}
	}
	t.columns = append(t.columns, c)
	return nil
}

// clause says that a clause of a column comes next.
func (p *parser) clause() bool {
	return slices.ContainsFunc([]string{
		"CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES", "GENERATED", "AS",
	}, func(keyword string) bool { return p.comes(keyword) })
}

// constraintName reads CONSTRAINT name, if that comes next.
func (p *parser) constraintName() (string, error) {
	if !p.accept("CONSTRAINT") {
		return "", nil
	}
	name, err := p.name()
	if err != nil {
		return "", err
	}
	return Fold(name.name()), nil
}

// conflict reads ON CONFLICT action; it returns a part of a key.
func (p *parser) conflict() string {
	if !p.accept("ON", "CONFLICT") || !p.more() {
		return ""
	}
	p.at++
	if action := Fold(p.list[p.at-1].text); action != "abort" {
		return " on conflict " + action
	}
	return ""
}

// columnClause reads a clause. That of a column that may be NULL has no kind:
// it says nothing.
func (p *parser) columnClause(column string) (clause, error) {
	from := p.at
	name, err := p.constraintName()
	if err != nil {
		return clause{}, err
	}
	c := clause{name: name}
	on := " ( " + Fold(column) + " )"
	switch {
	case p.accept("PRIMARY", "KEY"):
		c.kind, c.key = primaryKey, "primary key"+on
		if p.accept("DESC") {
			c.key = "primary key ( " + Fold(column) + " desc )"
		}
		p.accept("ASC")
		c.key += p.conflict()
		if p.accept("AUTOINCREMENT") {
			c.key += numbers
		}
	case p.accept("NOT", "NULL"):
		c.kind = notNull
		c.key = "not null" + p.conflict()
	case p.accept("NULL"):
		p.conflict()
	case p.accept("UNIQUE"):
		c.kind = unique
		c.key = "unique" + on + p.conflict()
	case p.accept("CHECK"):
		c.kind = check
		c.key, err = p.expression("check")
	case p.accept("DEFAULT"):
		c.kind = isDefault
		c.key, err = p.defaultValue()
	case p.accept("COLLATE"):
		c.kind = collate
		var collation token
		collation, err = p.name()
		if c.key = "collate " + Fold(collation.text); err == nil {
			c.key = "collate " + Fold(collation.name())
		}
	case p.comes("REFERENCES"):
		c.kind = foreignKey
		c.key, err = p.references("foreign key" + on)
	case p.accept("GENERATED", "ALWAYS", "AS"), p.accept("AS"):
		c.kind = generated
		if c.key, err = p.expression("generated"); p.accept("STORED") {
			c.key += " stored"
		}
		p.accept("VIRTUAL")
	default:
		return clause{}, p.unexpected("a clause of the column")
	}
	if err != nil {
		return clause{}, err
	}
	c.text = p.since(from)
	return c, nil
}

// expression reads one in parentheses.
func (p *parser) expression(kind string) (string, error) {
	list, err := p.group()
	return kind + " ( " + normal(bare(list)) + " )", err
}

func (p *parser) defaultValue() (string, error) {
	if p.comes("(") {
		list, err := p.group()
		return "default " + normal(bare(list)), err
	}
	from := p.at
	_ = p.accept("-") || p.accept("+")
	if !p.more() {
		return "", p.unexpected("a default")
	}
	p.at++
	if first := p.list[p.at-1]; first.is("x") && p.more() && p.list[p.at].kind == text && p.list[p.at].start == first.end {
		p.at++ // x'00'
	}
	return "default " + normal(p.list[from:p.at]), nil
}

// references reads REFERENCES and all that belongs to it.
func (p *parser) references(key string) (string, error) {
	from := p.at
	if !p.accept("REFERENCES") {
		return "", p.unexpected("REFERENCES")
	}
	if _, err := p.name(); err != nil {
		return "", err
	}
	if p.comes("(") {
		if _, err := p.group(); err != nil {
			return "", err
		}
	}
	for {
		switch {
		case p.accept("ON", "DELETE", "SET"), p.accept("ON", "UPDATE", "SET"), p.accept("ON", "DELETE", "NO"), p.accept("ON", "UPDATE", "NO"),
			p.accept("ON", "DELETE"), p.accept("ON", "UPDATE"), p.accept("MATCH"), p.accept("INITIALLY"):
			if !p.more() {
				return "", p.unexpected("an action")
			}
			p.at++
		case p.accept("NOT", "DEFERRABLE"), p.accept("DEFERRABLE"):
		default:
			key += " " + normal(p.list[from:p.at])
			for _, nothing := range []string{" on delete no action", " on update no action", " not deferrable", " match simple"} {
				key = strings.ReplaceAll(key, nothing, "")
			}
			return key, nil
		}
	}
}

func (p *parser) tableRule() (clause, error) {
	from := p.at
	name, err := p.constraintName()
	if err != nil {
		return clause{}, err
	}
	c := clause{name: name}
	switch {
	case p.accept("PRIMARY", "KEY"):
		c.kind = primaryKey
		c.key, err = p.keyColumns("primary key")
	case p.accept("UNIQUE"):
		c.kind = unique
		c.key, err = p.keyColumns("unique")
	case p.accept("CHECK"):
		c.kind = check
		c.key, err = p.expression("check")
		p.conflict()
	case p.accept("FOREIGN", "KEY"):
		c.kind = foreignKey
		var list []token
		if list, err = p.group(); err == nil {
			c.key, err = p.references("foreign key " + normal(list))
		}
	default:
		return clause{}, p.unexpected("a constraint")
	}
	if err != nil {
		return clause{}, err
	}
	c.text = p.since(from)
	return c, nil
}

func (p *parser) keyColumns(kind string) (string, error) {
	list, err := p.group()
	if err != nil {
		return "", err
	}
	numbered := slices.ContainsFunc(list, func(t token) bool { return t.is("AUTOINCREMENT") })
	list = slices.DeleteFunc(slices.Clone(list), func(t token) bool { return t.is("ASC") || t.is("AUTOINCREMENT") })
	key := kind + " " + normal(list) + p.conflict()
	if numbered {
		key += numbers
	}
	return key, nil
}
