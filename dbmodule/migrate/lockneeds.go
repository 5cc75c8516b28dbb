package migrate

import (
	"regexp"
	"strings"

	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
)

// lockMode is a mode in which a revision locks a table on PostgreSQL before its
// statements run. Weaker modes come first.
type lockMode int

const (
	lockShare     lockMode = iota + 1 // others may read the table and lock its rows
	lockExclusive                     // others may read the table
	lockAccess                        // others may not use the table
)

func (m lockMode) String() string {
	return [...]string{"no", "SHARE", "EXCLUSIVE", "ACCESS EXCLUSIVE"}[m]
}

// lockNeeds are the names of tables to lock on PostgreSQL, as the statements write
// them.
type lockNeeds struct {
	// tables are the tables that the statements change or refer to. The name of a dropped
	// index stands for its table.
	tables map[string]lockMode
	// parted are tables that are dropped or truncated, or of which something is dropped. If a
	// foreign key is dropped with it, the server also locks the table at the key's other end.
	parted []string
	// written are tables whose rows change. The server then also locks rows of the tables
	// that these refer to.
	written []string
}

func (n *lockNeeds) add(table string, mode lockMode) {
	if n.tables[table] < mode {
		n.tables[table] = mode
	}
}

// Parts of the patterns below.
const (
	sqlPart  = `(?:"(?:[^"]|"")+"|[\w$\x{80}-\x{10ffff}]+)`
	sqlName  = `(` + sqlPart + `(?:\s*\.\s*` + sqlPart + `)?)`
	sqlIf    = `(?:if\s+exists\s+)?(?:only\s+)?`
	sqlNames = `((?:` + sqlName + `[\s*]*,?\s*)+)`
)

var (
	reAlterTable  = regexp.MustCompile(`(?is)^alter\s+table\s+` + sqlIf + sqlName)
	reDropsPart   = regexp.MustCompile(`(?i)\bdrop\b`)
	reValidate    = regexp.MustCompile(`(?is)^alter\s+table\s+\S+\s+validate\s+constraint\s+\S+$`)
	reDrops       = regexp.MustCompile(`(?is)^drop\s+table\s+` + sqlIf + sqlNames)
	reDropsIndex  = regexp.MustCompile(`(?is)^drop\s+index\s+` + sqlIf + sqlNames)
	reTruncate    = regexp.MustCompile(`(?is)^truncate\s+(?:table\s+)?(?:only\s+)?` + sqlNames)
	reCreateIndex = regexp.MustCompile(`(?is)^create\s+(?:unique\s+)?index\b.*?\son\s+(?:only\s+)?` + sqlName)
	reCreateOn    = regexp.MustCompile(`(?is)^create\s+(?:or\s+replace\s+)?(?:constraint\s+)?(?:trigger|policy|rule)\b.*?\son\s+` + sqlName)
	reReferences  = regexp.MustCompile(`(?is)\breferences\s+` + sqlName)
	reIsDDL       = regexp.MustCompile(`(?i)^(create|alter|drop|truncate)\b`)
	reIsDML       = regexp.MustCompile(`(?i)^(insert|update|delete|merge|with)\b`)
	reWrites      = regexp.MustCompile(`(?is)\b(?:insert\s+into|update|delete\s+from|merge\s+into)\s+(?:only\s+)?` + sqlName)
	reOneName     = regexp.MustCompile(`(?is)` + sqlName)
)

// needsOf returns the tables to lock for the statements of a transaction. It does not find
// those of statements that it can't read, such as a call of a function. A transaction
// without DDL needs none.
func needsOf(statements []Statement) lockNeeds {
	n := lockNeeds{tables: map[string]lockMode{}}
	ddl := false
	for _, s := range statements {
		text := sqlscan.PostgreSQL.Outline(s.Text)
		switch {
		case reIsDDL.MatchString(text):
			ddl = true
			n.readDDL(text)
		case reIsDML.MatchString(text):
			for _, m := range reWrites.FindAllStringSubmatch(text, -1) {
				n.written = append(n.written, m[1])
			}
		}
	}
	if !ddl {
		return lockNeeds{}
	}
	if len(n.written) > 0 {
		// Another transaction may have locked a row, and wait for a lock that the DDL holds,
		// while the revision waits for the row. So nobody else may hold locks of rows.
		for table := range n.tables {
			n.add(table, lockExclusive)
		}
	}
	return n
}

// readDDL adds the tables that one statement of DDL locks.
func (n *lockNeeds) readDDL(text string) {
	concurrently := strings.Contains(strings.ToLower(text), "concurrently")
	if m := reAlterTable.FindStringSubmatch(text); m != nil && !reValidate.MatchString(text) {
		n.add(m[1], lockAccess)
		if reDropsPart.MatchString(text) {
			n.parted = append(n.parted, m[1])
		}
	}
	for _, re := range []*regexp.Regexp{reDrops, reTruncate} {
		for _, table := range listed(re, text) {
			n.add(table, lockAccess)
			n.parted = append(n.parted, table)
		}
	}
	if !concurrently {
		for _, index := range listed(reDropsIndex, text) {
			n.add(index, lockAccess)
		}
		if m := reCreateIndex.FindStringSubmatch(text); m != nil {
			n.add(m[1], lockShare)
		}
	}
	if m := reCreateOn.FindStringSubmatch(text); m != nil {
		n.add(m[1], lockAccess)
	}
	for _, m := range reReferences.FindAllStringSubmatch(text, -1) {
		n.add(m[1], lockExclusive)
	}
}

// listed returns the names in the list that the pattern's first group matches.
func listed(re *regexp.Regexp, text string) []string {
	m := re.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	return reOneName.FindAllString(m[1], -1)
}
