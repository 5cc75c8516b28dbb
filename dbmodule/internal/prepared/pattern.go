package prepared

import (
	"bytes"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// Span is where a value stands in a text.
type Span struct{ From, To int }

// Made is how a text was made: of a pattern, with values at these places, in their order. The
// zero value says nothing of a text.
type Made struct {
	Pattern *Pattern
	Values  []Span
}

// Recognise is [Recognise] for a text that was made so.
func (m Made) Recognise(d sqltext.Dialect, text string) *Statement {
	if m.Pattern == nil {
		return Recognise(d, text)
	}
	return m.Pattern.Recognise(text, m.Values)
}

// Pattern reads the texts of one query, in which only the values change, and of which it is
// known where these stand. What it returns is what [Recognise] returns. A text with values of
// the same kinds as another before is not read again, but for its values. It is safe for
// concurrent use.
type Pattern struct {
	dialect sqltext.Dialect
	mu      sync.RWMutex
	// readings are by the kinds of the values, a byte for each.
	readings map[string]*reading
}

// NewPattern makes the pattern of a query.
func NewPattern(d sqltext.Dialect) *Pattern {
	return &Pattern{dialect: d, readings: make(map[string]*reading)}
}

// mostReadings bounds what one pattern keeps. Texts beyond it are read whole.
const mostReadings = 64

// reading is what texts with values of certain kinds are.
type reading struct {
	// whole is set where the values' places do not tell the literals, and for texts that
	// are not in the language: they are read whole.
	whole       bool
	key         []byte
	returnsRows bool
	places      []place
}

// place is where a literal is.
type place struct {
	kind kind
	// value is the value that it is, -1 for a constant of the query. That is as far behind
	// the end of a value, or for -1 behind the text's beginning, as from and to say.
	value, behind int
	from, to      int
}

// Recognise reads a text with values at these places, in their order.
func (p *Pattern) Recognise(text string, values []Span) *Statement {
	if len(text) > longestText {
		return nil
	}
	if len(values) > mostValues {
		return Recognise(p.dialect, text)
	}
	parser, _ := parsers.Get().(*parser)
	if !parser.kindsOf(p.dialect, text, values) {
		parser.Release()
		return Recognise(p.dialect, text)
	}
	p.mu.RLock()
	r := p.readings[string(parser.kinds)]
	p.mu.RUnlock()
	switch {
	case r == nil:
		return p.learn(parser, text, values)
	case r.whole:
		parser.Release()
		return Recognise(p.dialect, text)
	}
	return parser.filled(p.dialect, text, values, r)
}

// learn reads a text whole, and remembers what it was. It releases the parser that has the
// kinds of its values.
func (p *Pattern) learn(parser *parser, text string, values []Span) *Statement {
	kinds := string(parser.kinds)
	parser.Release()
	st := Recognise(p.dialect, text)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.readings) < mostReadings {
		p.readings[kinds] = readingOf(st, values, kinds)
	}
	return st
}

// A kind is that of the literal, or the first letter of a word that stays in the text. Two
// values of one kind differ in nothing that the language of statements looks at.
const (
	negative byte = 0x80 // beside that of a number
	words         = "NTF"
)

// kindsOf reads the values alone, into p.kinds. It reports false for one that is no literal.
func (p *parser) kindsOf(d sqltext.Dialect, text string, values []Span) bool {
	p.owner, p.kinds = p, p.kinds[:0]
	for _, v := range values {
		k, ok := p.kindOf(d, text[v.From:v.To])
		if !ok {
			return false
		}
		p.kinds = append(p.kinds, k)
	}
	return true
}

func (p *parser) kindOf(d sqltext.Dialect, value string) (k byte, ok bool) {
	if value == "NULL" || d == sqltext.MySQL && (value == "TRUE" || value == "FALSE") {
		return value[0], true
	}
	if isPlainString(d, value) {
		return byte(textLiteral), true
	}
	p.Statement = Statement{dialect: d, text: value, literals: p.literals[:0], key: p.key[:0], owner: p}
	p.reader, p.copied = sqltext.NewReader(d, value), 0
	p.next()
	if !p.value() || len(p.literals) == 0 {
		return 0, false
	}
	l := p.literals[0]
	if k = byte(l.kind); value[0] == '-' {
		k |= negative
	}
	return k, l.start == 0 && l.end == len(value)
}

// isPlainString reports whether a value is a string in which no character means something
// to the engine; see [parser.string]. Nobody need read those one by one.
func isPlainString(d sqltext.Dialect, value string) bool {
	if len(value) < 2 || value[0] != '\'' || value[len(value)-1] != '\'' {
		return false
	}
	inner := value[1 : len(value)-1]
	return strings.IndexByte(inner, '\'') < 0 && strings.IndexByte(inner, 0) < 0 && utf8.ValidString(inner) &&
		(d != sqltext.MySQL || strings.IndexByte(inner, '\\') < 0)
}

// readingOf finds the values, which have these kinds, among the literals of a statement. That
// is nil for a text that is not in the language.
func readingOf(st *Statement, values []Span, kinds string) *reading {
	if st == nil {
		return &reading{whole: true}
	}
	r := &reading{key: bytes.Clone(st.key), returnsRows: st.returnsRows}
	missing := 0 // values that are literals by themselves
	for i := range kinds {
		if strings.IndexByte(words, kinds[i]) < 0 {
			missing++
		}
	}
	next, behind, end := 0, -1, 0 // the value that comes next, and the one before with its end
	for _, l := range st.literals {
		for next < len(values) && values[next].To <= l.start {
			behind, end = next, values[next].To
			next++
		}
		switch {
		case next < len(values) && values[next] == Span{l.start, l.end}:
			r.places = append(r.places, place{kind: l.kind, value: next})
			missing--
		case next < len(values) && values[next].From < l.end: // it is a part of something else
			return &reading{whole: true}
		default:
			r.places = append(r.places, place{kind: l.kind, value: -1, behind: behind, from: l.start - end, to: l.end - end})
		}
	}
	r.whole = missing > 0 // one is a part of a name, say
	return r
}

// filled is the statement of a text whose reading is known.
func (p *parser) filled(d sqltext.Dialect, text string, values []Span, r *reading) *Statement {
	p.Statement = Statement{
		dialect: d, text: text, literals: p.literals[:0], key: append(p.key[:0], r.key...), returnsRows: r.returnsRows, owner: p,
	}
	for _, at := range r.places {
		l := literal{kind: at.kind}
		switch {
		case at.value >= 0:
			l.start, l.end = values[at.value].From, values[at.value].To
		case at.behind >= 0:
			l.start, l.end = values[at.behind].To+at.from, values[at.behind].To+at.to
		default:
			l.start, l.end = at.from, at.to
		}
		p.literals = append(p.literals, l)
	}
	return &p.Statement
}
