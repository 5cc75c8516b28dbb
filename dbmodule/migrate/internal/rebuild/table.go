package rebuild

import (
	"errors"
	"fmt"
)

// Table is a parsed CREATE TABLE.
type Table struct {
	Name    string
	columns []column
	// rules are the constraints of the table, which come after the columns.
	rules                []clause
	strict, withoutRowid bool
	// partial says of a base that only its columns are known, because the other direction adds
	// and drops columns. All else in it is copied from the revision's new table.
	partial bool
}

// column is a column with its clauses.
type column struct {
	name    string // without quotes
	written string // as the statement writes the name
	// declared is the type as the statement writes it. typeKey is equal for equal types.
	declared, typeKey string
	clauses           []clause
}

// The kinds of clauses: properties that a column has once, and constraints.
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
	name string // the name of the constraint, folded
	key  string // equal for clauses of the same meaning, of a column or of the table
	text string // as the statement writes it
	// deferred says that a foreign key is checked at the end of the transaction.
	deferred bool
}

// ParseTable parses a CREATE TABLE. It returns an error for syntax that it does not know.
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

// parser reads the tokens of a statement, one after the other.
type parser struct {
	sql  string
	list []token
	at   int
}

func (p *parser) more() bool { return p.at < len(p.list) }

// accept reads these keywords if they come next, and reports whether they did.
func (p *parser) accept(keywords ...string) bool {
	if !p.comes(keywords...) {
		return false
	}
	p.at += len(keywords)
	return true
}

// comes reports whether these keywords come next.
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

// group reads the tokens of a pair of parentheses, and returns them with the parentheses.
func (p *parser) group() ([]token, error) {
	end := len(p.list)
	if p.comes("(") {
		end = closingIndex(p.list, p.at)
	}
	if end == len(p.list) {
		return nil, p.unexpected("text in parentheses")
	}
	list := p.list[p.at : end+1]
	p.at = end + 1
	return list, nil
}

// unexpected returns an error that names the text that comes next, and what was expected instead.
func (p *parser) unexpected(want string) error {
	if !p.more() {
		return fmt.Errorf("expected %s at the end", want)
	}
	return fmt.Errorf("expected %s at %q", want, firstRunes(p.sql[p.list[p.at].start:], 30))
}

// textFrom returns the text from a token to the last one that was read.
func (p *parser) textFrom(from int) string { return p.sql[p.list[from].start:p.list[p.at-1].end] }

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
	end := closingIndex(p.list, p.at)
	if end == len(p.list) {
		return nil, errors.New("a parenthesis is not closed")
	}
	inner := parser{sql: p.sql, list: p.list[:end], at: p.at + 1}
	for first := true; inner.more(); first = false {
		if !first && !inner.accept(",") && !inner.comesConstraint() {
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

// comesConstraint reports whether a constraint of the table comes next.
func (p *parser) comesConstraint() bool {
	return p.comes("CONSTRAINT") || p.comes("PRIMARY", "KEY") || p.comes("UNIQUE") || p.comes("CHECK") || p.comes("FOREIGN", "KEY")
}

// element reads a column or a constraint, and adds it to the table.
func (p *parser) element(t *Table) error {
	if p.comesConstraint() {
		constraint, err := p.tableConstraint()
		t.rules = append(t.rules, constraint)
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
		c.declared, c.typeKey = p.textFrom(from), normalized(p.list[from:p.at])
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
