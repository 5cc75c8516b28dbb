package prepared

import (
	"strings"
	"sync"

	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

const (
	// longestText, in bytes, and mostValues limit the statements that are prepared. For larger
	// ones sending the values costs more than parsing the text.
	longestText = 8 << 10
	mostValues  = 256
)

// Statement is a text that may run prepared, with the values in it. It is valid
// until Release.
type Statement struct {
	dialect  sqltext.Dialect
	text     string
	literals []literal
	// key is the text without its values.
	key []byte
	// returnsRows is set for SELECT and RETURNING.
	returnsRows bool
	owner       *parser
}

// ReturnsRows reports whether the statement has a result.
func (s *Statement) ReturnsRows() bool { return s.returnsRows }

var parsers = sync.Pool{New: func() any { return new(parser) }}

// Recognise reads a text. It returns nil for a text that is not in the language: it must run
// as it is. The caller releases the Statement.
func Recognise(d sqltext.Dialect, text string) *Statement {
	if len(text) > longestText || len(text) == 0 {
		return nil
	}
	p, _ := parsers.Get().(*parser)
	p.Statement = Statement{dialect: d, text: text, literals: p.literals[:0], key: p.key[:0], owner: p}
	p.reader = sqltext.NewReader(d, text)
	p.copied, p.depth, p.found = 0, 0, nil
	p.next()
	if !p.statement() {
		p.Release()
		return nil
	}
	p.key = append(p.key, text[p.copied:]...)
	return &p.Statement
}

// Release lets the next Statement use the memory of this one. s may be nil.
func (s *Statement) Release() {
	if s == nil {
		return
	}
	p := s.owner
	p.text, p.reader = "", sqltext.Reader{}
	parsers.Put(p)
}

// parser reads the language of statements that may run prepared, from left to right and
// without backtracking. A method is named after the part of a statement that it reads, and
// reports false if the text is not in the language.
type parser struct {
	Statement
	reader sqltext.Reader
	token  sqltext.Token // the current token, which is not read yet
	copied int           // how much of the text is in key
	depth  int           // how many brackets are open
	found  *Names        // nil unless the caller wants the names
	kinds  []byte        // of a Pattern's values
}

func (p *parser) next() {
	p.token = p.reader.Next() // a comment is a token that no rule takes
}

// take reads the token if it is this word.
func (p *parser) take(word string) bool {
	if !p.sees(word) {
		return false
	}
	p.next()
	return true
}

func (p *parser) sees(word string) bool {
	return p.token.Kind == sqltext.Word && p.token.To-p.token.From == len(word) && strings.EqualFold(p.reader.Text(p.token), word)
}

// symbol reads the token if it is this symbol.
func (p *parser) symbol(symbol string) bool {
	if p.token.Kind != sqltext.Symbol || p.reader.Text(p.token) != symbol {
		return false
	}
	p.next()
	return true
}

func (p *parser) statement() bool {
	var ok bool
	switch {
	case p.take("SELECT"):
		p.returnsRows = true
		ok = p.selects()
	case p.take("INSERT"):
		ok = p.insertModifier() && p.inserts()
	case p.dialect != sqltext.PostgreSQL && p.take("REPLACE"):
		ok = p.inserts()
	case p.take("UPDATE"):
		ok = p.table() && p.take("SET") && p.assignments(false) && p.where() && p.returning()
	case p.take("DELETE"):
		ok = p.take("FROM") && p.table() && p.where() && p.returning()
	}
	if !ok {
		return false
	}
	p.symbol(";")
	return p.token.Kind == sqltext.End && len(p.literals) <= mostValues
}

func (p *parser) selects() bool {
	p.take("DISTINCT")
	return p.columns() && p.take("FROM") && p.tables() && p.where() && p.order() && p.limit() && p.lock()
}

// columns is a list of names, with count(*) and its like among them.
func (p *parser) columns() bool {
	for {
		if !p.symbol("*") && !p.column() {
			return false
		}
		if !p.symbol(",") {
			return true
		}
	}
}

func (p *parser) column() bool {
	star, ok := p.operand(true)
	if !ok || star {
		return ok
	}
	if p.take("AS") {
		p.noteAlias()
		return p.identifier()
	}
	return true
}

// tables is FROM without subqueries.
func (p *parser) tables() bool {
	if !p.table() {
		return false
	}
	for {
		switch {
		case p.symbol(","):
			if !p.table() {
				return false
			}
			continue
		case p.take("LEFT"), p.take("RIGHT"), p.take("FULL"):
			p.take("OUTER")
		case p.take("INNER"), p.take("CROSS"):
		case p.sees("JOIN"):
		default:
			return true
		}
		if !p.take("JOIN") || !p.table() {
			return false
		}
		if p.take("ON") && !p.condition() {
			return false
		}
	}
}

func (p *parser) table() bool {
	if p.seesCall() || !p.name() {
		return false
	}
	p.noteTable()
	if p.take("AS") || p.token.Kind == sqltext.Quoted || p.token.Kind == sqltext.Word && !p.reserved() {
		p.noteAlias()
		if !p.identifier() {
			return false
		}
	}
	return p.dialect != sqltext.MySQL || p.hint()
}

// hint is a list of indexes for MySQL's planner. It stays in the text.
func (p *parser) hint() bool {
	if !p.take("FORCE") && !p.take("USE") && !p.take("IGNORE") {
		return true
	}
	if !p.take("INDEX") || !p.symbol("(") {
		return false
	}
	for {
		if !p.identifier() {
			return false
		}
		if !p.symbol(",") {
			return p.symbol(")")
		}
	}
}

func (p *parser) where() bool { return !p.take("WHERE") || p.condition() }

func (p *parser) order() bool {
	if !p.take("ORDER") {
		return true
	}
	if !p.take("BY") {
		return false
	}
	for {
		if _, ok := p.operand(false); !ok {
			return false
		}
		_ = p.take("ASC") || p.take("DESC")
		if p.take("NULLS") && !p.take("FIRST") && !p.take("LAST") {
			return false
		}
		if !p.symbol(",") {
			return true
		}
	}
}

func (p *parser) limit() bool {
	if p.take("LIMIT") && !p.whole() {
		return false
	}
	return !p.take("OFFSET") || p.whole()
}

// whole is a number of rows.
func (p *parser) whole() bool {
	return p.token.Kind == sqltext.Number && p.number(p.token.From) && p.literals[len(p.literals)-1].kind.isWhole()
}

func (p *parser) lock() bool {
	if p.take("LOCK") {
		return p.take("IN") && p.take("SHARE") && p.take("MODE")
	}
	if !p.take("FOR") {
		return true
	}
	if p.take("NO") && !p.take("KEY") || p.take("KEY") && !p.sees("SHARE") {
		return false
	}
	if !p.take("UPDATE") && !p.take("SHARE") {
		return false
	}
	if p.take("OF") && !p.names() {
		return false
	}
	return p.take("NOWAIT") || !p.take("SKIP") || p.take("LOCKED")
}

// insertModifier is INSERT IGNORE, and SQLite's INSERT OR IGNORE and OR REPLACE. OR ROLLBACK
// and OR FAIL are not in the language: they affect more than the statement.
func (p *parser) insertModifier() bool {
	switch {
	case p.dialect == sqltext.MySQL:
		p.take("IGNORE")
	case p.dialect == sqltext.SQLite && p.take("OR"):
		return p.take("IGNORE") || p.take("REPLACE")
	}
	return true
}

func (p *parser) inserts() bool {
	if !p.take("INTO") || !p.name() || p.take("AS") && !p.identifier() {
		return false
	}
	p.noteTable()
	if p.symbol("(") && !(p.names() && p.symbol(")")) {
		return false
	}
	return p.rows() && p.conflict() && p.returning()
}

// rows is VALUES with its rows.
func (p *parser) rows() bool {
	if p.take("DEFAULT") {
		return p.take("VALUES")
	}
	if !p.take("VALUES") {
		return false
	}
	for {
		if !p.symbol("(") {
			return false
		}
		for {
			if !p.take("DEFAULT") && !p.constant() {
				return false
			}
			if !p.symbol(",") {
				break
			}
		}
		if !p.symbol(")") {
			return false
		}
		if !p.symbol(",") {
			return true
		}
	}
}

// conflict is ON CONFLICT, or ON DUPLICATE KEY UPDATE. WHERE after the conflict's columns is
// not in the language: with a parameter in it the engine would not find the partial index.
func (p *parser) conflict() bool {
	if !p.take("ON") {
		return true
	}
	if p.dialect == sqltext.MySQL {
		return p.take("DUPLICATE") && p.take("KEY") && p.take("UPDATE") && p.assignments(true)
	}
	if !p.take("CONFLICT") {
		return false
	}
	switch {
	case p.symbol("("):
		if !p.names() || !p.symbol(")") {
			return false
		}
	case p.take("ON"):
		if !p.take("CONSTRAINT") || !p.identifier() {
			return false
		}
	}
	if !p.take("DO") {
		return false
	}
	if p.take("NOTHING") {
		return true
	}
	return p.take("UPDATE") && p.take("SET") && p.assignments(true) && p.where()
}

// assignments is what follows SET. Assigned are values, columns, and the sum of a column
// with a whole number or with a column of the row that was to be inserted. conflict is set
// after ON CONFLICT and ON DUPLICATE KEY.
func (p *parser) assignments(conflict bool) bool {
	for {
		if !p.name() || !p.symbol("=") || !p.assigned(conflict) {
			return false
		}
		if !p.symbol(",") {
			return true
		}
	}
}

func (p *parser) assigned(conflict bool) bool {
	switch {
	case p.take("DEFAULT"):
		return true
	case conflict && p.dialect == sqltext.MySQL && p.sees("VALUES"):
		return p.inserted()
	case p.seesConstant():
		return p.constant()
	}
	if _, ok := p.operand(false); !ok {
		return false
	}
	if p.symbol("+") || p.symbol("-") {
		return conflict && p.inserted() || p.whole()
	}
	return true
}

// inserted is a column of the row that was to be inserted: EXCLUDED.n, or VALUES(n).
func (p *parser) inserted() bool {
	if p.dialect == sqltext.MySQL {
		return p.take("VALUES") && p.symbol("(") && p.name() && p.symbol(")")
	}
	return p.sees("EXCLUDED") && p.name()
}

func (p *parser) returning() bool {
	if !p.take("RETURNING") {
		return true
	}
	p.returnsRows = true
	return p.columns()
}
