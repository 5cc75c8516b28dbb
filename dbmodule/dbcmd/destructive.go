package dbcmd

import (
	"regexp"
	"strings"

	"github.com/openhands-go/server/dbmodule/migrate"
)

// These patterns find statements that delete data, on the three engines. They need not be exact:
// lint only lists the statements, for a person to look at.
var (
	reDropTable  = regexp.MustCompile(`(?is)^drop\s+table\s+(?:if\s+exists\s+)?(\S+)`)
	reDropSchema = regexp.MustCompile(`(?is)^drop\s+(?:schema|database)\b`)
	reTruncate   = regexp.MustCompile(`(?is)^truncate\b`)
	reDelete     = regexp.MustCompile(`(?is)^(?:with\b.*\)\s*)?delete\s+from\b`)
	// reSequence matches a DELETE from SQLite's own table of sequence numbers.
	reSequence   = regexp.MustCompile("(?is)^delete\\s+from\\s+[\"`\\[]?sqlite_sequence\\b")
	reDropColumn = regexp.MustCompile("(?is)^alter\\s+table\\b.*\\bdrop\\s+(?:column\\b|[\"`])")
	reRenamed    = regexp.MustCompile(`(?is)^alter\s+table\s+\S+\s+rename\s+to\s+(\S+)`)
)

// destructive returns the statements of a section that delete data. It leaves out a DROP TABLE if
// another statement gives the table's name to a copy: SQLite makes most changes of a table in this
// way.
func destructive(statements []migrate.Statement) []migrate.Statement {
	renamed := map[string]bool{}
	for _, s := range statements {
		if m := reRenamed.FindStringSubmatch(s.Text); m != nil {
			renamed[unquoted(m[1])] = true
		}
	}
	var found []migrate.Statement
	for _, s := range statements {
		m := reDropTable.FindStringSubmatch(s.Text)
		switch {
		case m != nil && renamed[unquoted(m[1])], reSequence.MatchString(s.Text):
		case m != nil, reDropSchema.MatchString(s.Text), reTruncate.MatchString(s.Text),
			reDelete.MatchString(s.Text), reDropColumn.MatchString(s.Text):
			found = append(found, s)
		}
	}
	return found
}

func unquoted(name string) string { return strings.ToLower(strings.Trim(name, "\"`;")) }

// firstLine shortens a statement for a message.
func firstLine(statement string) string {
	const enough = 100
	line, _, more := strings.Cut(statement, "\n")
	if cut := firstRunes(line, enough); cut != line {
		return cut + "…"
	}
	if more {
		line += " …"
	}
	return line
}
