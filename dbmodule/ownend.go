package dbmodule

import (
	"fmt"
	"slices"
	"strings"
)

// ownEnd refuses a session's COMMIT or ROLLBACK as text: others may share the
// transaction.
func (g *commitGroup) ownEnd(query string) error {
	if g == nil || !g.conn.strict || !mayEnd(query) {
		return nil
	}
	if word := endOfTransaction(query); word != "" {
		return fmt.Errorf("dbmodule: %s as a statement of a session: others may share its transaction (see DATABASE_GROUP_COMMIT): call the session's Commit or Rollback", word)
	}
	return nil
}

// endWords are what a statement of SQLite's that ends a transaction begins with.
var endWords = []string{"COMMIT", "END", "ROLLBACK"}

// mayEnd is a quick look at a text: it is false where nothing in it can be a statement
// that ends a transaction.
func mayEnd(query string) bool {
	for {
		statement := pastSpace(query)
		for _, word := range endWords {
			if len(statement) >= len(word) && strings.EqualFold(statement[:len(word)], word) {
				return true
			}
		}
		var more bool
		if _, query, more = strings.Cut(query, ";"); !more {
			return false
		}
	}
}

// byteOrderMark is space to SQLite.
const byteOrderMark = "\ufeff"

// pastSpace returns a text from its first word on.
func pastSpace(query string) string {
	for {
		query = strings.TrimLeft(query, " \t\r\n\f"+byteOrderMark)
		switch {
		case strings.HasPrefix(query, "--"):
			_, query, _ = strings.Cut(query, "\n")
		case strings.HasPrefix(query, "/*"):
			_, query, _ = strings.Cut(query[2:], "*/")
		default:
			return query
		}
	}
}

// endOfTransaction returns the word by which a statement in the text ends the
// transaction, "" for none. ROLLBACK TO does not, nor does the END of a trigger.
func endOfTransaction(query string) string {
	text := strings.ToUpper(statementWithoutValues(SQLite, strings.ReplaceAll(query, byteOrderMark, " "), len(query)))
	trigger := false
	for statement := range strings.SplitSeq(text, ";") {
		words := strings.Fields(statement)
		switch {
		case len(words) == 0:
		case trigger:
			trigger = words[0] != "END"
		case words[0] == "CREATE":
			trigger = slices.Contains(words[1:min(len(words), 3)], "TRIGGER") // CREATE TEMP TRIGGER
		case !slices.Contains(endWords, words[0]), undoesSavepoint(words):
		default:
			return words[0]
		}
	}
	return ""
}

// undoesSavepoint tells ROLLBACK [TRANSACTION] TO.
func undoesSavepoint(words []string) bool {
	if len(words) > 1 && words[1] == "TRANSACTION" {
		words = words[1:]
	}
	return len(words) > 1 && words[1] == "TO"
}
