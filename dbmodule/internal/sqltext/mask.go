package sqltext

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Masked replaces every value in a text by a question mark and leaves comments out. The
// result is cut after limit bytes.
//
// Bun has written the arguments into the text. Bun could write a builder again without them
// (schema.NewNopQueryGen), but then relations, soft deletes, offsets, VALUES lists and
// custom appenders still contain values, and a builder whose model has changed can't be
// written again. So the text is read as the engine's parser reads it.
func Masked(d Dialect, text string, limit int) string {
	m := masker{Reader: NewReader(d, text), out: make([]byte, 0, min(len(text), max(limit, 0)))}
	for len(m.out) <= limit && m.next() {
	}
	if len(m.out) > limit {
		return cut(string(m.out), limit) + "…"
	}
	return string(m.out)
}

// Shortened returns a copy of a text, with its values. A text longer than limit bytes is cut
// there, and its length is added.
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
	// end is where the previous token ended.
	end int
	// word is the previous token if it is a word. part is set if it is a point.
	word string
	part bool
}

// unrenderable is what Bun writes instead of an argument that it can't write. The argument
// may follow.
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

// constant reports whether a word is a value. In IS NULL, NOT NULL and SET NULL, NULL is not
// one. before is the word before it.
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
