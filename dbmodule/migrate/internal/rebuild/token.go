package rebuild

import "strings"

// kind is the kind of a token.
type kind int

const (
	word   kind = iota // a keyword, a name without quotes or a number
	quoted             // a name in quotes
	text               // a string
	symbol             // anything else, one character
)

// token is a token of a statement. Comments and white space are no tokens.
type token struct {
	kind       kind
	start, end int // offsets in the statement
	text       string
}

// tokens returns the tokens of a statement.
func tokens(sql string) []token {
	var out []token
	for i := 0; i < len(sql); {
		end, k := next(sql, i)
		if k >= 0 {
			out = append(out, token{kind: k, start: i, end: end, text: sql[i:end]})
		}
		i = end
	}
	return out
}

// next returns the end and the kind of the token at i. White space and comments have the kind -1.
func next(sql string, i int) (end int, k kind) {
	const blank kind = -1
	switch c := sql[i]; {
	case strings.IndexByte(" \t\r\n\f", c) >= 0:
		return i + 1, blank
	case strings.HasPrefix(sql[i:], "--"):
		return after(sql, i, "\n"), blank
	case strings.HasPrefix(sql[i:], "/*"):
		return after(sql, i+2, "*/"), blank
	case c == '\'':
		return closing(sql, i, c), text
	case c == '"' || c == '`':
		return closing(sql, i, c), quoted
	case c == '[':
		return after(sql, i, "]"), quoted
	case wordByte(c):
		for end = i + 1; end < len(sql) && (wordByte(sql[end]) || sql[end] == '.' && digit(c)); end++ {
		}
		return end, word
	}
	return i + 1, symbol
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

func wordByte(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || digit(c) || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// after returns the offset after the next mark, or the end of the statement.
func after(sql string, i int, mark string) int {
	if n := strings.Index(sql[i:], mark); n >= 0 {
		return i + n + len(mark)
	}
	return len(sql)
}

// closing returns the end of the quoted text that begins at i. Two quotes in it mean one.
func closing(sql string, i int, quote byte) int {
	for i++; i < len(sql); i++ {
		if sql[i] != quote {
			continue
		}
		if i+1 == len(sql) || sql[i+1] != quote {
			return i + 1
		}
		i++
	}
	return len(sql)
}

// is reports whether the token is this keyword or symbol.
func (t token) is(keyword string) bool {
	return (t.kind == word || t.kind == symbol) && strings.EqualFold(t.text, keyword)
}

// name returns the name that the token writes, without quotes. SQLite also takes a string for a name.
func (t token) name() string {
	if t.kind == word || t.kind == symbol {
		return t.text
	}
	open, body := t.text[0], strings.TrimSuffix(t.text[1:], t.text[:1])
	if open == '[' {
		return strings.TrimSuffix(body, "]")
	}
	return strings.ReplaceAll(body, string([]byte{open, open}), string(open))
}

// isName reports whether the token can be a name.
func (t token) isName() bool {
	return t.kind == quoted || t.kind == text || t.kind == word && !digit(t.text[0])
}

// Fold folds a name as SQLite compares names.
func Fold(name string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, name)
}

// normalized returns the text of the tokens in a form to compare: names folded and without quotes, and
// single spaces.
func normalized(list []token) string {
	parts := make([]string, len(list))
	for i, t := range list {
		if parts[i] = t.text; t.kind == word || t.kind == quoted {
			parts[i] = Fold(t.name())
		}
	}
	return strings.Join(parts, " ")
}

// withoutOuterParentheses returns the tokens without parentheses around all of them.
func withoutOuterParentheses(list []token) []token {
	for len(list) > 1 && list[0].is("(") && closingIndex(list, 0) == len(list)-1 {
		list = list[1 : len(list)-1]
	}
	return list
}

// closingIndex returns the index of the parenthesis that closes the one at i; the number of tokens if there
// is none.
func closingIndex(list []token, i int) int {
	depth := 0
	for ; i < len(list); i++ {
		switch {
		case list[i].is("("):
			depth++
		case list[i].is(")"):
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return i
}

// Quote quotes a name.
func Quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
