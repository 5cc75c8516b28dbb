package dbcmd

import (
	"regexp"
	"strings"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
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
func destructive(engine dbmodule.Engine, statements []migrate.Statement) []migrate.Statement {
	renamed, outlines := map[string]bool{}, outlinesOf(engine, statements)
	for _, text := range outlines {
		if m := reRenamed.FindStringSubmatch(text); m != nil {
			renamed[unquoted(m[1])] = true
		}
	}
	var found []migrate.Statement
	for i, text := range outlines {
		m := reDropTable.FindStringSubmatch(text)
		switch {
		case m != nil && renamed[unquoted(m[1])], reSequence.MatchString(text):
		case m != nil, reDropSchema.MatchString(text), reTruncate.MatchString(text),
			reDelete.MatchString(text), reDropColumn.MatchString(text):
			found = append(found, statements[i])
		}
	}
	return found
}

// outlinesOf returns the statements without comments and without what stands in strings.
func outlinesOf(engine dbmodule.Engine, statements []migrate.Statement) []string {
	dialect := sqlscan.For(engine)
	outlines := make([]string, len(statements))
	for i, s := range statements {
		outlines[i] = dialect.Outline(s.Text)
	}
	return outlines
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
