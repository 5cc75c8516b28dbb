package sqltext

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Masked replaces every value in a text by a question mark and leaves comments
// out. Bun has put the arguments into the text by then, so the text is read as the
// engine's own parser does.
//
// Bun can also render a builder a second time without its arguments
// (schema.NewNopQueryGen), but relations, soft deletes, offsets, VALUES
// lists and custom appenders still bring values along, and builders whose
// model changed while the query ran can't be rendered again.
//
// A result longer than limit bytes is cut there.
func Masked(d Dialect, text string, limit int) string {
	m := masker{Reader: NewReader(d, text), out: make([]byte, 0, min(len(text), max(limit, 0)))}
	for len(m.out) <= limit && m.next() {
	}
	if len(m.out) > limit {
		return cut(string(m.out), limit) + "…"
	}
	return string(m.out)
}

// Shortened returns a copy of a text, values included. A text longer than limit
// bytes is cut there, and says how long it was.
func Shortened(text string, limit int) string {
	if len(text) <= limit {
		return strings.Clone(text)
	}
	return fmt.Sprintf("%s… (%d bytes)", cut(text, limit), len(text))
}

// cut returns at most limit bytes of a longer text, and no half characters.
func cut(text string, limit int) string {
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

type masker struct {
	Reader
	out []byte
	// end is where the token before ended.
	end int
	// word is the token before if it is a word, part says that it is a point.
	word string
	part bool
}

// unrenderable is how Bun says that it could not render an argument. What the
// argument was can follow.
const unrenderable = "?!("

// next copies a token, and reports whether there was one.
func (m *masker) next() bool {
	t := m.Next()
	space := m.text[m.end:t.From]
	word, part := m.word, m.part
	m.end, m.word, m.part = t.To, "", false
	if t.Kind == Comment {
		m.out = append(m.out, space...)
		m.comment()
		m.word, m.part = word, part
		return true
	}
	m.out = append(m.out, space...)
	text := m.Text(t)
	switch {
	case t.Kind == End:
		return false
	case strings.HasPrefix(m.text[t.From:], unrenderable):
		m.out = append(m.out, '?')
		return false
	case t.Kind == String, t.Kind == Prefixed, t.Kind == Word && !part && constant(text, word):
		m.out = append(m.out, '?')
	case t.Kind == Number:
		m.number()
	default:
		if t.Kind == Word {
			m.word = text
		}
		m.part = text == "."
		m.out = append(m.out, text...)
	}
	return true
}

// comment puts a space in place of a comment and the space after it.
func (m *masker) comment() {
	if len(m.out) > 0 && m.out[len(m.out)-1] > ' ' {
		m.out = append(m.out, ' ')
	}
	m.space()
	m.end = m.pos
}

// constant reports whether a word is a value. NULL is none in IS NULL, NOT NULL
// and SET NULL.
func constant(word, before string) bool {
	switch len(word) {
	case len("true"):
		return strings.EqualFold(word, "true") || strings.EqualFold(word, "null") &&
			!strings.EqualFold(before, "is") && !strings.EqualFold(before, "not") && !strings.EqualFold(before, "set")
	case len("false"):
		return strings.EqualFold(word, "false")
	}
	return false
}

// number masks a number together with its sign.
func (m *masker) number() {
	if n := len(m.out); n > 0 && m.out[n-1] == '-' {
		before := strings.TrimRight(string(m.out[max(0, n-8):n-1]), " \n\t")
		if before == "" || strings.IndexByte("(,=<>*/%+|&!~", before[len(before)-1]) >= 0 {
			m.out = m.out[:n-1]
		}
	}
	m.out = append(m.out, '?')
}
