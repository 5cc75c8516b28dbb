package observe

import (
	"strings"

	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// operations are the words that statements begin with and that are told apart.
var operations = [...]string{
	"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "WITH", "VALUES",
	"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET", "PRAGMA", "SHOW", "EXPLAIN",
	"CREATE", "ALTER", "DROP", "TRUNCATE", "LOCK", "CALL",
}

// Operations lists what [Statement.Operation] returns: some twenty words and
// OTHER. They can be labels of a metric.
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
