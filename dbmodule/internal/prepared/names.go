package prepared

import (
	"strings"

	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// Names are those in a statement, without their quotes.
type Names struct {
	// Columns are names that are used: those of columns, and in a few places those of
	// tables.
	Columns []string
	// Given are the names of the tables that the statement reads or changes, and those
	// that it gives to columns and tables.
	Given []string
	// Tables is how many tables that are.
	Tables int
}

// NamesIn returns the names in a text. It is not ok for one that would run as it is,
// whose names nobody knows.
func NamesIn(d sqltext.Dialect, text string) (names Names, ok bool) {
	p := new(parser)
	p.Statement = Statement{dialect: d, text: text, owner: p}
	p.reader, p.found = sqltext.NewReader(d, text), &names
	p.next()
	return names, p.statement()
}

// notes remembers a name that was read.
func (p *parser) notes(name sqltext.Token) {
	if p.found != nil {
		p.found.Columns = append(p.found.Columns, p.nameOf(name))
	}
}

// gives remembers a name that the statement gives, which is read next.
func (p *parser) gives() {
	if p.found != nil {
		p.found.Given = append(p.found.Given, p.nameOf(p.token))
	}
}

// countsTable takes the name that was read last for a table's.
func (p *parser) countsTable() {
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
