package rebuild

import (
	"strings"

	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
)

// isName reports whether the token can be a name. SQLite also takes a string for a name.
func isName(t sqlscan.Token) bool {
	return t.Kind == sqlscan.Name || t.Kind == sqlscan.String || t.Kind == sqlscan.Word && strings.IndexByte(".0123456789", t.Text[0]) < 0
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
func normalized(list []sqlscan.Token) string {
	parts := make([]string, len(list))
	for i, t := range list {
		if parts[i] = t.Text; t.Kind != sqlscan.String {
			parts[i] = Fold(t.Unquoted())
		}
	}
	return strings.Join(parts, " ")
}

// withoutOuterParentheses returns the tokens without parentheses around all of them.
func withoutOuterParentheses(list []sqlscan.Token) []sqlscan.Token {
	for len(list) > 1 && list[0].Is("(") && sqlscan.Closing(list, 0) == len(list)-1 {
		list = list[1 : len(list)-1]
	}
	return list
}

// Quote quotes a name.
func Quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
