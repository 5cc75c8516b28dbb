package rebuild

import (
	"errors"
	"fmt"

	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
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
	p := parser{sqlscan.SQLite.Read(sql)}
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

// parser reads a statement of SQLite.
type parser struct{ sqlscan.Reader }

// name reads a name.
func (p *parser) name() (sqlscan.Token, error) {
	if p.Ended() || !isName(p.Tokens[p.At]) {
		return sqlscan.Token{}, p.unexpected("a name")
	}
	p.At++
	return p.Tokens[p.At-1], nil
}

// group reads the tokens of a pair of parentheses, and returns them with the parentheses.
func (p *parser) group() ([]sqlscan.Token, error) {
	end := len(p.Tokens)
	if p.Comes("(") {
		end = sqlscan.Closing(p.Tokens, p.At)
	}
	if end == len(p.Tokens) {
		return nil, p.unexpected("text in parentheses")
	}
	list := p.Tokens[p.At : end+1]
	p.At = end + 1
	return list, nil
}

// unexpected returns an error that names the text that comes next, and what was expected instead.
func (p *parser) unexpected(want string) error {
	if p.Ended() {
		return fmt.Errorf("expected %s at the end", want)
	}
	return fmt.Errorf("expected %s at %q", want, firstRunes(p.Rest(), 30))
}

func (p *parser) table() (*Table, error) {
	if !p.Accept("CREATE") {
		return nil, p.unexpected("CREATE")
	}
	_ = p.Accept("TEMP") || p.Accept("TEMPORARY")
	if !p.Accept("TABLE") {
		return nil, p.unexpected("TABLE")
	}
	p.Accept("IF", "NOT", "EXISTS")
	name, err := p.name()
	if err == nil && p.Accept(".") {
		name, err = p.name()
	}
	if err != nil {
		return nil, err
	}
	t := &Table{Name: name.Unquoted()}
	if !p.Comes("(") {
		return nil, p.unexpected("the list of columns")
	}
	end := sqlscan.Closing(p.Tokens, p.At)
	if end == len(p.Tokens) {
		return nil, errors.New("a parenthesis is not closed")
	}
	inner := *p
	inner.Tokens, inner.At = p.Tokens[:end], p.At+1
	for first := true; !inner.Ended(); first = false {
		if !first && !inner.Accept(",") && !inner.comesConstraint() {
			return nil, inner.unexpected("a comma")
		}
		if err := inner.element(t); err != nil {
			return nil, err
		}
	}
	p.At = end + 1
	return t, p.options(t)
}

func (p *parser) options(t *Table) error {
	for !p.Ended() {
		switch {
		case p.Accept("STRICT"):
			t.strict = true
		case p.Accept("WITHOUT", "ROWID"):
			t.withoutRowid = true
		case p.Accept(","), p.Accept(";"):
		default:
			return p.unexpected("an option of the table")
		}
	}
	return nil
}

// comesConstraint reports whether a constraint of the table comes next.
func (p *parser) comesConstraint() bool {
	return p.Comes("CONSTRAINT") || p.Comes("PRIMARY", "KEY") || p.Comes("UNIQUE") || p.Comes("CHECK") || p.Comes("FOREIGN", "KEY")
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
	c := column{name: name.Unquoted(), written: name.Text}
	from := p.At
	for !p.Ended() && !p.Comes(",") && !p.clause() {
		if p.Comes("(") {
			if _, err := p.group(); err != nil {
				return err
			}
			continue
		}
		p.At++
	}
	if p.At > from {
		c.declared, c.typeKey = p.TextFrom(from), normalized(p.Tokens[from:p.At])
	}
	for !p.Ended() && !p.Comes(",") {
		if p.Comes("FOREIGN", "KEY") || p.Comes("PRIMARY", "KEY", "(") || p.Comes("UNIQUE", "(") {
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
