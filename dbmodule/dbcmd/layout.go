package dbcmd

import (
	"slices"
	"strings"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
)

// layOut formats a long CREATE TABLE statement with one line for each column, for reviewers. It
// adds only line ends and indents between tokens. It returns other statements, and statements that
// it can't parse, as they are.
func layOut(engine dbmodule.Engine, statement string) string {
	const longEnough = 80
	if len(statement) <= longEnough || !hasPrefixFold(statement, "create table ") || strings.Contains(statement, "\n") {
		return statement
	}
	tokens := sqlscan.For(engine).Tokens(statement)
	opens := slices.IndexFunc(tokens, func(t sqlscan.Token) bool { return t.Is("(") })
	if opens < 0 {
		return statement
	}
	closes := sqlscan.Closing(tokens, opens)
	if closes == len(tokens) {
		return statement
	}
	var b strings.Builder
	from := tokens[opens].End()
	b.WriteString(statement[:from])
	depth := 0
	for _, token := range tokens[opens+1 : closes] {
		if depth += token.Nesting(); depth == 0 && token.Is(",") {
			b.WriteString("\n  " + strings.TrimSpace(statement[from:token.End()]))
			from = token.End()
		}
	}
	end := tokens[closes].Pos
	b.WriteString("\n  " + strings.TrimSpace(statement[from:end]) + "\n" + statement[end:])
	return b.String()
}

func hasPrefixFold(text, prefix string) bool {
	return len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix)
}
