package autogen

import (
	"ariga.io/atlas/sql/schema"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
)

// settleTexts replaces checks and conditions of indexes in the old schema by those in
// the new schema if they differ only in quotes around names of columns. SQLite adds
// such quotes when it renames a column.
func settleTexts(e dbmodule.Engine, from, to *schema.Schema) {
	for _, now := range to.Tables {
		old, ok := from.Table(now.Name)
		if !ok {
			continue
		}
		isColumn := func(name string) bool {
			_, before := old.Column(name)
			_, after := now.Column(name)
			return before || after
		}
		for _, check := range checksOf(old) {
			for _, known := range checksOf(now) {
				if check.Name == known.Name && sameSQL(e, check.Expr, known.Expr, isColumn) {
					check.Expr = known.Expr
				}
			}
		}
		for _, index := range old.Indexes {
			known, ok := now.Index(index.Name)
			if !ok {
				continue
			}
			text, knownText := predicateText(index), predicateText(known)
			if text != nil && knownText != nil && sameSQL(e, *text, *knownText, isColumn) {
				*text = *knownText
			}
		}
	}
}

// sameSQL compares two expressions. It ignores parentheses around the whole and quotes
// around names of columns.
func sameSQL(e dbmodule.Engine, a, b string, isColumn func(string) bool) bool {
	return wrap(unquoteIdents(e, a, isColumn)) == wrap(unquoteIdents(e, b, isColumn))
}

// unquoteIdents removes the quotes around names of columns. Other text in double quotes
// may be a string.
func unquoteIdents(e dbmodule.Engine, text string, isColumn func(string) bool) string {
	return replaceTokens(e, text, func(token sqlscan.Token) string {
		if name := token.Unquoted(); isQuotedName(e, token) && isColumn(name) {
			return name
		}
		return token.Text
	})
}
