package prepared

import (
	"strings"

	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// Names are the names in a statement, without their quotes.
type Names struct {
	// Columns are the names of columns that the statement uses. In a few places they may
	// also be names of tables.
	Columns []string
	// Given are the names of the tables that the statement reads or changes, and the aliases
	// that it gives to columns and tables.
	Given []string
	// Tables is how many tables the statement reads or changes.
	Tables int
}

// NamesIn returns the names in a text. ok is false for a text that is not in the language of
// [Recognise].
func NamesIn(d sqltext.Dialect, text string) (names Names, ok bool) {
	p := new(parser)
	p.Statement = Statement{dialect: d, text: text, owner: p}
	p.reader, p.found = sqltext.NewReader(d, text), &names
	p.next()
	return names, p.statement()
}

// noteColumn notes the name of a column.
func (p *parser) noteColumn(name sqltext.Token) {
	if p.found != nil {
		p.found.Columns = append(p.found.Columns, p.nameOf(name))
	}
}

// noteAlias notes the alias that is the current token.
func (p *parser) noteAlias() {
	if p.found != nil {
		p.found.Given = append(p.found.Given, p.nameOf(p.token))
	}
}

// noteTable notes that the name that was read last is the name of a table, not of a column.
func (p *parser) noteTable() {
	if p.found == nil {
		return
	}
	last := len(p.found.Columns) - 1
	p.found.Given = append(p.found.Given, p.found.Columns[last])
	p.found.Columns = p.found.Columns[:last]
	p.found.Tables++
}

func (p *parser) nameOf(t sqltext.Token) string {
	text := p.reader.Text(t)
	if t.Kind != sqltext.Quoted || len(text) < 2 {
		return text
	}
	quote := text[:1]
	return strings.ReplaceAll(text[1:len(text)-1], quote+quote, quote)
}
