package prepared

import (
	"database/sql/driver"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// kind is the type of a literal, as the engine reads it. A statement's key has this letter in
// place of the literal.
type kind byte

const (
	textLiteral    kind = 's'
	blobLiteral    kind = 'x'
	boolLiteral    kind = 'b'
	int32Literal   kind = 'i'
	int64Literal   kind = 'l'
	decimalLiteral kind = 'n'
)

func (k kind) isWhole() bool { return k == int32Literal || k == int64Literal }

// literal is a value in a statement.
type literal struct {
	start, end int // its text, quotes and sign included
	kind       kind
}

// seesConstant reports whether the token begins a value, or is NULL, TRUE or FALSE.
func (p *parser) seesConstant() bool {
	switch p.token.Kind {
	case sqltext.String, sqltext.Prefixed, sqltext.Number:
		return true
	case sqltext.Symbol:
		return p.seesSymbol("-")
	case sqltext.Word:
		return p.sees("NULL") || p.sees("TRUE") || p.sees("FALSE")
	}
	return false
}

// constant is a value, NULL, CURRENT_TIMESTAMP or now().
func (p *parser) constant() bool {
	if p.take("NULL") {
		return true
	}
	if p.sees("CURRENT_TIMESTAMP") || p.sees("NOW") && p.seesCall() {
		_, ok := p.operand(false)
		return ok
	}
	return p.value()
}

// value is a value that can be bound. The rules of the language ensure that what follows it
// can also follow a parameter: never a cast, a second string or COLLATE.
func (p *parser) value() bool {
	t := p.token
	switch t.Kind {
	case sqltext.String:
		return p.string(t)
	case sqltext.Prefixed:
		return p.dialect == sqltext.SQLite && p.blob(t)
	case sqltext.Number:
		return p.number(t.From)
	case sqltext.Symbol:
		if !p.symbol("-") || p.token.Kind != sqltext.Number || p.token.From != t.To {
			return false
		}
		return p.number(t.From)
	case sqltext.Word:
		return p.boolean(t)
	}
	return false
}

// string is a string that means the same under all settings. On MySQL, sql_mode decides what
// a backslash and double quotes mean. A NUL or invalid UTF-8 gives another error in a
// text than in a parameter.
func (p *parser) string(t sqltext.Token) bool {
	text := p.text[t.From:t.To]
	if t.Open || text[0] != '\'' || strings.IndexByte(text, 0) >= 0 || !utf8.ValidString(text) {
		return false
	}
	if p.dialect == sqltext.MySQL && strings.IndexByte(text, '\\') >= 0 {
		return false
	}
	return p.bind(literal{start: t.From, end: t.To, kind: textLiteral})
}

// blob is SQLite's X'00'.
func (p *parser) blob(t sqltext.Token) bool {
	text := p.text[t.From:t.To]
	if t.Open || text[0]|0x20 != 'x' || text[1] != '\'' || len(text)%2 == 0 {
		return false
	}
	for _, c := range []byte(text[2 : len(text)-1]) {
		if !('0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f') {
			return false
		}
	}
	return p.bind(literal{start: t.From, end: t.To, kind: blobLiteral})
}

// boolean is TRUE or FALSE. On MySQL they stay in the text: there they differ from 1 and 0.
func (p *parser) boolean(t sqltext.Token) bool {
	if !p.sees("TRUE") && !p.sees("FALSE") {
		return false
	}
	if p.dialect == sqltext.MySQL {
		p.next()
		return true
	}
	return p.bind(literal{start: t.From, end: t.To, kind: boolLiteral})
}

// number reads the token as a number; from is the place of its sign.
func (p *parser) number(from int) bool {
	l := literal{start: from, end: p.token.To}
	text := p.text[p.token.From:p.token.To]
	points := 0
	for i := range len(text) {
		switch c := text[i]; {
		case c == '.':
			points++
		case c < '0' || '9' < c:
			return false
		}
	}
	switch points {
	case 0:
		l.kind = wholeKind(p.text[from:p.token.To])
	case 1:
		l.kind = decimalLiteral
	default:
		return false
	}
	switch {
	case l.kind == int64Literal && p.dialect != sqltext.PostgreSQL:
		l.kind = int32Literal // SQLite and MySQL have one type of whole numbers
	case l.kind == decimalLiteral && p.dialect == sqltext.MySQL:
		return false // an exact number, and MySQL's protocol has no type for one
	case l.kind == decimalLiteral && p.dialect == sqltext.SQLite && (points == 0 || !float(text)):
		return false
	}
	return p.bind(l)
}

// float reports whether a decimal is short enough for SQLite and Go to read it as
// the same floating-point number: a float64 has 15 digits, whatever they are.
func float(text string) bool {
	digits := strings.Trim(strings.Replace(text, ".", "", 1), "0")
	return 0 < len(digits) && len(digits) <= 15 && len(text) <= 20
}

// wholeKind is the type that PostgreSQL gives to a literal whole number: the smallest that
// holds it.
func wholeKind(text string) kind {
	digits := strings.TrimLeft(strings.TrimPrefix(text, "-"), "0")
	fits := func(most, least string) bool {
		limit := most
		if text[0] == '-' {
			limit = least
		}
		return len(digits) < len(limit) || len(digits) == len(limit) && digits <= limit
	}
	switch {
	case fits("2147483647", "2147483648"):
		return int32Literal
	case fits("9223372036854775807", "9223372036854775808"):
		return int64Literal
	default:
		return decimalLiteral
	}
}

// bind adds a value to the literals, and reads the token.
func (p *parser) bind(l literal) bool {
	if len(p.literals) == mostValues {
		return false
	}
	p.key = append(append(p.key, p.text[p.copied:l.start]...), 0, byte(l.kind))
	p.copied = l.end
	p.literals = append(p.literals, l)
	p.next()
	return true
}

// casts give a parameter on PostgreSQL the type that the literal has. A string literal has no
// type there, and neither has a parameter.
var casts = map[kind]string{boolLiteral: "::bool", int32Literal: "::int4", int64Literal: "::int8", decimalLiteral: "::numeric"}

// prepared is the text with placeholders for the values.
func (s *Statement) prepared() string {
	var text strings.Builder
	text.Grow(len(s.text))
	from := 0
	for i, l := range s.literals {
		text.WriteString(s.text[from:l.start])
		from = l.end
		if s.dialect != sqltext.PostgreSQL {
			text.WriteByte('?')
			continue
		}
		text.WriteByte('$')
		text.WriteString(strconv.Itoa(i + 1))
		text.WriteString(casts[l.kind])
	}
	text.WriteString(s.text[from:])
	return text.String()
}

// Arguments appends the statement's values to args, which is empty or nil.
func (s *Statement) Arguments(args []driver.NamedValue) []driver.NamedValue {
	if args == nil && len(s.literals) > 0 {
		args = make([]driver.NamedValue, 0, len(s.literals))
	}
	for i, l := range s.literals {
		args = append(args, driver.NamedValue{Ordinal: i + 1, Value: s.value(l)})
	}
	return args
}

// value is the value that the engine reads for a literal.
func (s *Statement) value(l literal) driver.Value {
	text := s.text[l.start:l.end]
	switch l.kind {
	case textLiteral:
		text = text[1 : len(text)-1]
		if strings.IndexByte(text, '\'') < 0 {
			return text
		}
		return strings.ReplaceAll(text, "''", "'")
	case blobLiteral: // X'00'
		value, _ := hex.DecodeString(text[2 : len(text)-1]) // which blob has checked
		return value
	case boolLiteral:
		yes := text[0]|0x20 == 't'
		if s.dialect == sqltext.PostgreSQL {
			return yes
		}
		if yes {
			return int64(1)
		}
		return int64(0)
	case int32Literal, int64Literal:
		value, _ := strconv.ParseInt(text, 10, 64) // which wholeKind has checked
		return value
	default:
		if s.dialect == sqltext.PostgreSQL {
			return text // it reads a decimal's text
		}
		value, _ := strconv.ParseFloat(text, 64) // which float has checked
		return value
	}
}
