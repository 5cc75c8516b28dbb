package autogen

import (
	"slices"
	"strings"

	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
)

// sqliteCondition returns the condition of a partial index.
func sqliteCondition(createIndex string) (string, bool) {
	depth := 0
	for _, token := range sqlscan.SQLite.Tokens(createIndex) {
		if depth += token.Nesting(); depth == 0 && token.Is("WHERE") {
			return strings.TrimSpace(createIndex[token.End():]), true
		}
	}
	return "", false
}

// sqliteCollates reports whether an index names a collation for a column.
func sqliteCollates(createIndex string) bool {
	depth := 0
	return slices.ContainsFunc(sqlscan.SQLite.Tokens(createIndex), func(token sqlscan.Token) bool {
		depth += token.Nesting()
		return depth == 1 && token.Is("COLLATE")
	})
}

// sqliteGenerated returns the expression of a generated column, with its
// parentheses.
func sqliteGenerated(createTable, column string) (string, bool) {
	tokens := sqlscan.SQLite.Tokens(createTable)
	opens := slices.IndexFunc(tokens, func(t sqlscan.Token) bool { return t.Is("(") })
	if opens < 0 {
		return "", false
	}
	for _, definition := range sqlscan.Clauses(tokens[opens+1 : sqlscan.Closing(tokens, opens)]) {
		if len(definition) == 0 || !strings.EqualFold(definition[0].Unquoted(), column) {
			continue
		}
		for i := 1; i < len(definition); i++ {
			end := sqlscan.Closing(definition, i)
			if definition[i].Is("(") && definition[i-1].Is("AS") && end < len(definition) {
				return createTable[definition[i].Pos:definition[end].End()], true
			}
			i = min(end, len(definition)) // past an expression in parentheses
		}
	}
	return "", false
}
