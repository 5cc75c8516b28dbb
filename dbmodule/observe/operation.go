package observe

import (
	"strings"

	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// operations are the first words of statements that have a name of their own
// among the operations.
var operations = [...]string{
	"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "WITH", "VALUES",
	"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET", "PRAGMA", "SHOW", "EXPLAIN",
	"CREATE", "ALTER", "DROP", "TRUNCATE", "LOCK", "CALL",
}

// Operations lists all words that [Statement.Operation] returns: some twenty
// and OTHER. They can be values of a metric's label.
func Operations() []string { return append(operations[:len(operations):len(operations)], "OTHER") }

// operationOf returns the statement's first word if it is one of operations.
func operationOf(d sqltext.Dialect, query string) string {
	word := sqltext.FirstWord(d, query)
	for _, operation := range operations {
		if len(word) == len(operation) && strings.EqualFold(word, operation) {
			return operation
		}
	}
	return "OTHER"
}
