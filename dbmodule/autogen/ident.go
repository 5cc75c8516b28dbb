package autogen

import (
	"fmt"
	"strings"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
)

// replaceTokens returns an SQL expression in which each token is replaced by what replace returns for
// it. White space and comments stay.
func replaceTokens(e dbmodule.Engine, text string, replace func(sqlscan.Token) string) string {
	var out strings.Builder
	end := 0
	for _, token := range sqlscan.For(e).Tokens(text) {
		out.WriteString(text[end:token.Pos])
		out.WriteString(replace(token))
		end = token.End()
	}
	out.WriteString(text[end:])
	return out.String()
}

// replaceIdent replaces an identifier in an SQL expression, quoted or not, and reports whether it
// found one. It does not change strings.
func replaceIdent(e dbmodule.Engine, text, old, name string) (replaced string, found bool) {
	replaced = replaceTokens(e, text, func(token sqlscan.Token) string {
		quoted := isQuotedName(e, token)
		if token.Unquoted() != old || !quoted && token.Kind != sqlscan.Word {
			return token.Text
		}
		found = true
		if !quoted {
			return name
		}
		opens, closes := token.Text[:1], token.Text[len(token.Text)-1:]
		return opens + strings.ReplaceAll(name, closes, closes+closes) + closes
	})
	return replaced, found
}

// isQuotedName reports whether a token of a check or a condition is a name in quotes. In these MySQL and
// MariaDB write names in backticks, so that double quotes are those of a string.
func isQuotedName(e dbmodule.Engine, token sqlscan.Token) bool {
	return token.Kind == sqlscan.Name && (e != dbmodule.MySQL || token.Text[0] == '`')
}

// noLineComment returns an error for a comment that ends with its line: in a statement it would hide
// the text behind the expression.
func noLineComment(e dbmodule.Engine, text string) error {
	if sqlscan.For(e).HasLineComment(text) {
		return fmt.Errorf("%s: it has a comment up to the end of the line: remove it, or write it as /* … */", text)
	}
	return nil
}
