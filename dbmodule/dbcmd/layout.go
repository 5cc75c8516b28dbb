package dbcmd

import (
	"strings"

	"github.com/openhands-go/server/dbmodule"
)

// layOut formats a long CREATE TABLE statement with one line for each column, for reviewers. It
// adds only line ends and indents between tokens. It returns other statements, and statements that
// it can't parse, as they are.
func layOut(engine dbmodule.Engine, statement string) string {
	const longEnough = 80
	if len(statement) <= longEnough || !hasPrefixFold(statement, "create table ") || strings.Contains(statement, "\n") {
		return statement
	}
	from, to, commas, ok := columnList(engine, statement)
	if !ok {
		return statement
	}
	var b strings.Builder
	b.WriteString(statement[:from+1])
	for start := from + 1; ; {
		end := to
		if len(commas) > 0 {
			end = commas[0]
		}
		b.WriteString("\n  " + strings.TrimSpace(statement[start:end]))
		if len(commas) == 0 {
			break
		}
		b.WriteByte(',')
		start, commas = end+1, commas[1:]
	}
	b.WriteString("\n" + statement[to:])
	return b.String()
}

func hasPrefixFold(text, prefix string) bool {
	return len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix)
}

// columnList returns the positions of the first pair of parentheses outside quotes, and of the
// commas directly within it.
func columnList(engine dbmodule.Engine, statement string) (from, to int, commas []int, ok bool) {
	depth := 0
	for i := 0; i < len(statement); i++ {
		switch c := statement[i]; c {
		case '\'', '"', '`':
			end := quoteEnd(engine, statement, i)
			if end < 0 {
				return 0, 0, nil, false
			}
			i = end
		case '(':
			if depth == 0 {
				from = i
			}
			depth++
		case ')':
			if depth--; depth == 0 {
				return from, i, commas, true
			}
			if depth < 0 {
				return 0, 0, nil, false
			}
		case ',':
			if depth == 1 {
				commas = append(commas, i)
			}
		case '$', '#', '[':
			// Dollar quotes, comments and SQLite's brackets: they are rare, and
			// not worth the risk.
			return 0, 0, nil, false
		case '-', '/':
			if i+1 < len(statement) && (statement[i+1] == '-' || statement[i+1] == '*') {
				return 0, 0, nil, false
			}
		}
	}
	return 0, 0, nil, false
}

// quoteEnd returns the position at which the quoted text that begins at start ends, or -1 if it
// does not end. It reads a doubled quote as the end of one text and the start of the next.
func quoteEnd(engine dbmodule.Engine, statement string, start int) int {
	quote := statement[start]
	// A backslash escapes the next character: on PostgreSQL only in E'…', on MySQL in all texts.
	escapes := quote != '`' && (engine == dbmodule.MySQL ||
		engine == dbmodule.PostgreSQL && quote == '\'' && start > 0 && strings.IndexByte("eE", statement[start-1]) >= 0)
	for i := start + 1; i < len(statement); i++ {
		switch {
		case statement[i] == '\\' && escapes:
			i++
		case statement[i] == quote:
			return i
		}
	}
	return -1
}
