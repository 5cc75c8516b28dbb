package dbmodule

import "strings"

// operations are the words that statements begin with and observers tell apart.
var operations = [...]string{
	"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "WITH", "VALUES",
	"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET", "PRAGMA", "SHOW", "EXPLAIN",
	"CREATE", "ALTER", "DROP", "TRUNCATE", "LOCK", "CALL",
}

// operationName is the statement's first word if it is one of operations.
func operationName(query string) string {
	word := firstWord(query)
	for _, operation := range operations {
		if len(word) == len(operation) && strings.EqualFold(word, operation) {
			return operation
		}
	}
	return "OTHER"
}

// firstWord skips space, brackets and comments of the form /* … */.
func firstWord(query string) string {
	query = strings.TrimLeft(query, " \t\r\n(")
	for strings.HasPrefix(query, "/*") {
		_, query, _ = strings.Cut(query, "*/")
		query = strings.TrimLeft(query, " \t\r\n(")
	}
	end := 0
	for end < len(query) && ('a' <= query[end]|0x20 && query[end]|0x20 <= 'z') {
		end++
	}
	return query[:end]
}
