package autogen

import (
	"slices"
	"strings"
)

// sqliteToken is a token of a statement, with its position. depth is the number of
// parentheses that are open around it.
type sqliteToken struct {
	text     string
	from, to int
	depth    int
}

// is reports whether the token is this keyword.
func (t sqliteToken) is(word string) bool { return strings.EqualFold(t.text, word) }

// name returns the identifier without its quotes.
func (t sqliteToken) name() string {
	if len(t.text) < 2 {
		return t.text
	}
	switch first := t.text[:1]; first {
	case `"`, "`", "'":
		return strings.ReplaceAll(t.text[1:len(t.text)-1], first+first, first)
	case "[":
		return t.text[1 : len(t.text)-1]
	}
	return t.text
}

// sqliteTokens splits a statement that SQLite stored, which therefore is
// complete. Spaces and comments are no tokens.
func sqliteTokens(text string) []sqliteToken {
	var tokens []sqliteToken
	depth := 0
	for i := 0; i < len(text); {
		size := sqliteTokenSize(text[i:])
		token := sqliteToken{text: text[i : i+size], from: i, to: i + size, depth: depth}
		i += size
		switch {
		case strings.TrimSpace(token.text) == "", strings.HasPrefix(token.text, "--"), strings.HasPrefix(token.text, "/*"):
			continue
		case token.text == "(":
			depth++
		case token.text == ")":
			depth--
			token.depth = depth
		}
		tokens = append(tokens, token)
	}
	return tokens
}

// sqliteTokenSize returns the length of the token or comment at the beginning of text.
func sqliteTokenSize(text string) int {
	until := func(end string, from int) int {
		if i := strings.Index(text[from:], end); i >= 0 {
			return from + i + len(end)
		}
		return len(text)
	}
	switch {
	case strings.HasPrefix(text, "--"):
		return until("\n", 0)
	case strings.HasPrefix(text, "/*"):
		return until("*/", 2)
	case text[0] == '[':
		return until("]", 1)
	case strings.IndexByte("'\"`", text[0]) >= 0:
		end := until(text[:1], 1)
		for end < len(text) && text[end] == text[0] {
			end = min(until(text[:1], end+1), len(text))
		}
		return end
	}
	return len(sqlToken(text))
}

// sqliteCondition returns the condition of a partial index.
func sqliteCondition(createIndex string) (string, bool) {
	for _, token := range sqliteTokens(createIndex) {
		if token.depth == 0 && token.is("WHERE") {
			return strings.TrimSpace(createIndex[token.to:]), true
		}
	}
	return "", false
}

// sqliteCollates reports whether an index names a collation for a column.
func sqliteCollates(createIndex string) bool {
	return slices.ContainsFunc(sqliteTokens(createIndex), func(t sqliteToken) bool { return t.depth == 1 && t.is("COLLATE") })
}

// sqliteGenerated returns the expression of a generated column, with its
// parentheses.
func sqliteGenerated(createTable, column string) (string, bool) {
	for _, definition := range sqliteDefinitions(sqliteTokens(createTable)) {
		if len(definition) == 0 || !strings.EqualFold(definition[0].name(), column) {
			continue
		}
		for i, token := range definition {
			if i == 0 || !token.is("AS") || i+1 == len(definition) || definition[i+1].text != "(" {
				continue
			}
			for _, end := range definition[i+2:] {
				if end.text == ")" && end.depth == token.depth {
					return createTable[definition[i+1].from:end.to], true
				}
			}
		}
	}
	return "", false
}

// sqliteDefinitions returns the tokens of each column and each constraint in a CREATE TABLE.
func sqliteDefinitions(tokens []sqliteToken) [][]sqliteToken {
	var all [][]sqliteToken
	var one []sqliteToken
	for _, token := range tokens {
		switch {
		case token.depth == 0:
			if token.text == ")" {
				return append(all, one)
			}
		case token.depth == 1 && token.text == ",":
			all, one = append(all, one), nil
		default:
			one = append(one, token)
		}
	}
	return all
}
