package dbmodule

import "strings"

// statementWithoutValues replaces every value in a statement by a question
// mark and leaves comments out. Bun has put the arguments into the text by
// then, so it reads the text as the engine's own parser does.
//
// Bun can also render a builder a second time without its arguments
// (schema.NewNopQueryGen), but relations, soft deletes, offsets, VALUES
// lists and custom appenders still bring values along, and builders whose
// model changed while the query ran can't be rendered again.
//
// A result longer than limit bytes is cut there.
func statementWithoutValues(engine Engine, query string, limit int) string {
	m := sqlMasker{engine: engine, query: query, out: make([]byte, 0, min(len(query), limit))}
	for m.pos < len(m.query) && len(m.out) <= limit {
		m.next()
	}
	if len(m.out) > limit {
		return cutText(string(m.out), limit) + "…"
	}
	return string(m.out)
}

type sqlMasker struct {
	engine Engine
	query  string
	pos    int
	out    []byte
	// word is the last word seen while nothing but space followed it.
	word string
}

func (m *sqlMasker) at(offset int) byte {
	if m.pos+offset < len(m.query) {
		return m.query[m.pos+offset]
	}
	return 0
}

func (m *sqlMasker) next() {
	c := m.at(0)
	switch {
	case c == '\'':
		m.value(m.stringEnd(m.pos, m.engine == MySQL))
	case c == '"' && m.engine == MySQL:
		m.value(m.stringEnd(m.pos, true))
	case c == '"' || c == '`' && m.engine != PostgreSQL:
		m.copy(m.stringEnd(m.pos, false))
	case c == '[' && m.engine == SQLite:
		m.copy(m.after("]", m.pos))
	case c == '-' && m.at(1) == '-' && (m.engine != MySQL || m.at(2) <= ' '),
		c == '#' && m.engine == MySQL:
		m.space(m.after("\n", m.pos))
	case c == '/' && m.at(1) == '*':
		m.space(m.commentEnd())
	case c == '$' && m.engine == PostgreSQL:
		m.dollar()
	case c == '?' && m.at(1) == '!' && m.at(2) == '(':
		// How Bun says that it could not render an argument.
		m.value(len(m.query))
	case digitByte(c) || c == '.' && digitByte(m.at(1)) && !m.qualified():
		m.number()
	case wordByte(c):
		m.identifier()
	default:
		if c > ' ' {
			m.word = ""
		}
		m.out = append(m.out, c)
		m.pos++
	}
}

// qualified reports whether a name stands directly before: in t.1 the point
// is no decimal one.
func (m *sqlMasker) qualified() bool {
	if len(m.out) == 0 {
		return false
	}
	last := m.out[len(m.out)-1]
	return wordByte(last) || strings.IndexByte("\"`])", last) >= 0
}

func (m *sqlMasker) value(end int) {
	m.out = append(m.out, '?')
	m.pos, m.word = end, ""
}

func (m *sqlMasker) copy(end int) {
	m.out = append(m.out, m.query[m.pos:end]...)
	m.pos, m.word = end, ""
}

// space puts a space in place of a comment and the space after it.
func (m *sqlMasker) space(end int) {
	if len(m.out) > 0 && m.out[len(m.out)-1] > ' ' {
		m.out = append(m.out, ' ')
	}
	for end < len(m.query) && m.query[end] <= ' ' {
		end++
	}
	m.pos = end
}

// after returns the position behind the next mark.
func (m *sqlMasker) after(mark string, from int) int {
	if i := strings.Index(m.query[from:], mark); i >= 0 {
		return from + i + len(mark)
	}
	return len(m.query)
}

// stringEnd returns the position behind the quoted text that starts at from.
func (m *sqlMasker) stringEnd(from int, backslashes bool) int {
	quote := m.query[from]
	for i := from + 1; i < len(m.query); i++ {
		switch m.query[i] {
		case '\\':
			if backslashes {
				i++
			}
		case quote:
			if i+1 < len(m.query) && m.query[i+1] == quote {
				i++
				continue
			}
			return i + 1
		}
	}
	return len(m.query)
}

func (m *sqlMasker) commentEnd() int {
	end := m.after("*/", m.pos+2)
	if m.engine != PostgreSQL {
		return end
	}
	for depth, i := 1, m.pos+2; i < len(m.query)-1; i++ { // they nest
		switch m.query[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			i++
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(m.query)
}

// dollar reads $1, which is a placeholder, and $tag$text$tag$.
func (m *sqlMasker) dollar() {
	i := m.pos + 1
	for i < len(m.query) && wordByte(m.query[i]) && m.query[i] != '$' {
		i++
	}
	switch {
	case i < len(m.query) && m.query[i] == '$' && !digitByte(m.at(1)):
		m.value(m.after(m.query[m.pos:i+1], i+1))
	default:
		m.copy(i)
	}
}

func (m *sqlMasker) number() {
	i := m.pos
	for ; i < len(m.query); i++ {
		c := m.query[i]
		exponent := (c == '+' || c == '-') && (m.query[i-1] == 'e' || m.query[i-1] == 'E') && !strings.HasPrefix(m.query[m.pos:], "0x")
		if c != '.' && !wordByte(c) && !exponent {
			break
		}
	}
	if n := len(m.out); n > 0 && m.out[n-1] == '-' {
		before := strings.TrimRight(string(m.out[max(0, n-8):n-1]), " \n\t")
		if before == "" || strings.IndexByte("(,=<>*/%+|&!~", before[len(before)-1]) >= 0 {
			m.out = m.out[:n-1] // the sign belongs to the value
		}
	}
	m.value(i)
}

func (m *sqlMasker) identifier() {
	i := m.pos
	for i < len(m.query) && wordByte(m.query[i]) {
		i++
	}
	word := m.query[m.pos:i]
	if i < len(m.query) && m.query[i] == '\'' { // X'00', E'\n', _utf8mb4'a'
		m.value(m.stringEnd(i, m.engine == MySQL || strings.EqualFold(word, "e")))
		return
	}
	before := m.word
	part := len(m.out) > 0 && m.out[len(m.out)-1] == '.'
	switch {
	case part:
	case strings.EqualFold(word, "true"), strings.EqualFold(word, "false"):
		m.value(i)
		return
	case strings.EqualFold(word, "null") &&
		!strings.EqualFold(before, "is") && !strings.EqualFold(before, "not") && !strings.EqualFold(before, "set"):
		m.value(i)
		return
	}
	m.copy(i)
	m.word = word
}

func digitByte(c byte) bool { return '0' <= c && c <= '9' }

func wordByte(c byte) bool {
	return digitByte(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '$' || c >= 0x80
}
