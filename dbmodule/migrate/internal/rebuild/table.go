package rebuild

import (
	"errors"
	"fmt"
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
	// deferred says of a foreign key that it is checked at the end of a transaction.
	deferred bool
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
		return nil, p.unexpected("text in parentheses")
	}
	list := p.list[p.at : end+1]
	p.at = end + 1
	return list, nil
}

func (p *parser) unexpected(want string) error {
	if !p.more() {
		return fmt.Errorf("expected %s at the end", want)
	}
	return fmt.Errorf("expected %s at %q", want, firstRunes(p.sql[p.list[p.at].start:], 30))
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
