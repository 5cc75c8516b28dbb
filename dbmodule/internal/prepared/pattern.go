package prepared

import (
	"bytes"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// Span is the place of a value in a text.
type Span struct{ From, To int }

// Origin says how a text was written: by the compiled query with this Pattern, which wrote
// values at these places. The zero value is for any other text.
type Origin struct {
	Pattern *Pattern
	Values  []Span
}

// Recognise is [Recognise] for a text of this origin.
func (o Origin) Recognise(d sqltext.Dialect, text string) *Statement {
	if o.Pattern == nil {
		return Recognise(d, text)
	}
	return o.Pattern.Recognise(text, o.Values)
}

// Pattern recognises the texts of one compiled query, which differ only in their values. It
// returns what [Recognise] returns, and is faster: after it has parsed one text, it only
// reads the values of the others, as long as these have the same kinds. It is safe for
// concurrent use.
type Pattern struct {
	dialect sqltext.Dialect
	mu      sync.RWMutex
	// readings is keyed by the kinds of the values, one byte for each.
	readings map[string]*reading
}

// NewPattern makes the pattern of a query.
func NewPattern(d sqltext.Dialect) *Pattern {
	return &Pattern{dialect: d, readings: make(map[string]*reading)}
}

// mostReadings limits how many readings a pattern keeps. Other texts are parsed each time.
const mostReadings = 64

// reading is what parsing a text with values of certain kinds found.
type reading struct {
	// parses is set if each text has to be parsed: it is not in the language, or its literals
	// can't be found by the places of the values.
	parses      bool
	key         []byte
	returnsRows bool
	places      []place
}

// place says where a literal of the text is.
type place struct {
	kind kind
	// value is the index of the value that is this literal. It is -1 for a constant that
	// stands in the query itself.
	value int
	// from and to are the bounds of a constant. They count from the end of the value with
	// the index after, or from the beginning of the text if that is -1.
	after, from, to int
}

// Recognise reads a text with values at these places, in the order of the text.
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
	case r.parses:
		parser.Release()
		return Recognise(p.dialect, text)
	}
	return parser.filled(p.dialect, text, values, r)
}

// learn parses a text, and keeps what it found. parser has the kinds of the text's values;
// learn releases it.
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

// The kind of a value is the kind of its literal. For a word that stays in the text, it is
// the word's first letter. The parser can't tell two values of one kind apart.
const (
	negative byte = 0x80  // is added to the kind of a negative number
	words         = "NTF" // NULL, TRUE and FALSE
)

// kindsOf reads the kinds of the values into p.kinds. It reports false if a value is no
// literal.
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

// isPlainString reports whether a value is a string without special characters, which needs
// no parser; see [parser.string].
func isPlainString(d sqltext.Dialect, value string) bool {
	if len(value) < 2 || value[0] != '\'' || value[len(value)-1] != '\'' {
		return false
	}
	inner := value[1 : len(value)-1]
	return strings.IndexByte(inner, '\'') < 0 && strings.IndexByte(inner, 0) < 0 && utf8.ValidString(inner) &&
		(d != sqltext.MySQL || strings.IndexByte(inner, '\\') < 0)
}

// readingOf finds the values, which have these kinds, among the literals of a statement. st
// is nil for a text that is not in the language.
func readingOf(st *Statement, values []Span, kinds string) *reading {
	if st == nil {
		return &reading{parses: true}
	}
	r := &reading{key: bytes.Clone(st.key), returnsRows: st.returnsRows}
	missing := 0 // values that must be among the literals, and were not found yet
	for i := range kinds {
		if strings.IndexByte(words, kinds[i]) < 0 {
			missing++
		}
	}
	next, before, end := 0, -1, 0 // the next value; the value before it, and where that ends
	for _, l := range st.literals {
		for next < len(values) && values[next].To <= l.start {
			before, end = next, values[next].To
			next++
		}
		switch {
		case next < len(values) && values[next] == Span{l.start, l.end}:
			r.places = append(r.places, place{kind: l.kind, value: next})
			missing--
		case next < len(values) && values[next].From < l.end: // the value is only a part of the literal
			return &reading{parses: true}
		default:
			r.places = append(r.places, place{kind: l.kind, value: -1, after: before, from: l.start - end, to: l.end - end})
		}
	}
	r.parses = missing > 0 // a value is a part of a name, for example
	return r
}

// filled makes the statement of a text whose reading is known.
func (p *parser) filled(d sqltext.Dialect, text string, values []Span, r *reading) *Statement {
	p.Statement = Statement{
		dialect: d, text: text, literals: p.literals[:0], key: append(p.key[:0], r.key...), returnsRows: r.returnsRows, owner: p,
	}
	for _, at := range r.places {
		l := literal{kind: at.kind}
		switch {
		case at.value >= 0:
			l.start, l.end = values[at.value].From, values[at.value].To
		case at.after >= 0:
			l.start, l.end = values[at.after].To+at.from, values[at.after].To+at.to
		default:
			l.start, l.end = at.from, at.to
		}
		p.literals = append(p.literals, l)
	}
	return &p.Statement
}
