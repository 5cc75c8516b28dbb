package restate

import "strings"

// token is a token of a statement. Comments and white space are no tokens.
type token struct {
	start, end int // offsets in the statement
	text       string
}

func (t token) is(keyword string) bool { return strings.EqualFold(t.text, keyword) }

// depth returns 1 for an opening parenthesis, -1 for a closing one, and 0 otherwise.
func (t token) depth() int {
	switch t.text {
	case "(":
		return 1
	case ")":
		return -1
	}
	return 0
}

// tokens returns the tokens of a statement.
func tokens(sql string) []token {
	var out []token
	for i := 0; i < len(sql); {
		end, blank := next(sql, i)
		if !blank {
			out = append(out, token{start: i, end: end, text: sql[i:end]})
		}
		i = end
	}
	return out
}

// next returns the end of the token at i. blank says that it is white space or a comment instead.
func next(sql string, i int) (end int, blank bool) {
	switch c := sql[i]; {
	case strings.IndexByte(" \t\r\n\f", c) >= 0:
		return i + 1, true
	case c == '#' || strings.HasPrefix(sql[i:], "-- "):
		return after(sql, i, "\n"), true
	case strings.HasPrefix(sql[i:], "/*"):
		return after(sql, i+2, "*/"), true
	case c == '\'' || c == '"' || c == '`':
		return closing(sql, i, c), false
	case wordByte(c):
		for end = i + 1; end < len(sql) && (wordByte(sql[end]) || sql[end] == '.' && '0' <= c && c <= '9'); end++ {
		}
		return end, false
	}
	return i + 1, false
}

func wordByte(c byte) bool {
	return c == '_' || c == '$' || c == '@' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// after returns the offset after the next mark, or the end of the statement.
func after(sql string, i int, mark string) int {
	if n := strings.Index(sql[i:], mark); n >= 0 {
		return i + n + len(mark)
	}
	return len(sql)
}

// closing returns the end of the quoted text that begins at i.
func closing(sql string, i int, quote byte) int {
	for i++; i < len(sql); i++ {
		switch {
		case sql[i] == '\\' && quote != '`':
			i++
		case sql[i] != quote:
		case i+1 < len(sql) && sql[i+1] == quote:
			i++
		default:
			return i + 1
		}
	}
	return len(sql)
}

// unquoted returns a name without its quotes. The name may have two parts with a dot between them.
func unquoted(name string) string {
	return strings.NewReplacer("``", "`", "`", "", `"`, "").Replace(name)
}
