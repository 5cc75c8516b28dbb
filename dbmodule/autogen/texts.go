package autogen

import (
	"strings"

	"ariga.io/atlas/sql/schema"
)

// settleTexts replaces checks and conditions of indexes in the old schema by those in
// the new schema if they differ only in quotes around names of columns. SQLite adds
// such quotes when it renames a column.
func settleTexts(from, to *schema.Schema) {
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
				if check.Name == known.Name && sameSQL(check.Expr, known.Expr, isColumn) {
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
			if text != nil && knownText != nil && sameSQL(*text, *knownText, isColumn) {
				*text = *knownText
			}
		}
	}
}

// sameSQL compares two expressions. It ignores parentheses around the whole and quotes
// around names of columns.
func sameSQL(a, b string, isColumn func(string) bool) bool {
	return wrap(unquoteIdents(a, isColumn)) == wrap(unquoteIdents(b, isColumn))
}

// unquoteIdents removes the quotes around names of columns. Other text in double quotes
// may be a string.
func unquoteIdents(text string, isColumn func(string) bool) string {
	var out strings.Builder
	for text != "" {
		token := sqlToken(text)
		text = text[len(token):]
		if len(token) > 2 && strings.Contains("\"`", token[:1]) && isColumn(token[1:len(token)-1]) {
			token = token[1 : len(token)-1]
		}
		out.WriteString(token)
	}
	return out.String()
}
