package migrate

import (
	"regexp"
	"strings"
)

// lockMode is how PostgreSQL locks a table before a revision's statements run,
// the weaker modes first.
type lockMode int

const (
	lockShare     lockMode = iota + 1 // others may read it and lock its rows
	lockExclusive                     // others may read it
	lockAccess                        // nobody else may use it
)

func (m lockMode) String() string {
	return [...]string{"no", "SHARE", "EXCLUSIVE", "ACCESS EXCLUSIVE"}[m]
}

// lockNeeds are the names in statements, as they are written there, of what a
// revision locks on PostgreSQL.
type lockNeeds struct {
	// tables are changed or referred to. A dropped index stands for its table.
	tables map[string]lockMode
	// parted are tables that lose something: a foreign key that goes with it
	// locks the table at its other end, too.
	parted []string
	// written are tables whose rows change, which locks rows of the tables that
	// they refer to.
	written []string
}

func (n *lockNeeds) add(table string, mode lockMode) {
	if n.tables[table] < mode {
		n.tables[table] = mode
	}
}

// Parts of the patterns below.
const (
	sqlName  = `((?:"(?:[^"]|"")+"|[\w$]+)(?:\s*\.\s*(?:"(?:[^"]|"")+"|[\w$]+))?)`
	sqlIf    = `(?:if\s+exists\s+)?(?:only\s+)?`
	sqlNames = `((?:` + sqlName + `[\s*]*,?\s*)+)`
)

var (
	// reHidden matches what is no SQL: comments, strings, bodies of functions.
	reHidden      = regexp.MustCompile(`(?s)--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\$\$.*?\$\$|\$\w+\$.*?\$\w+\$`)
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

// needsOf reads what the statements of a transaction lock. Of a statement that
// it does not know, such as a call of a function, it finds nothing; neither
// does a transaction without DDL need anything.
func needsOf(statements []Statement) lockNeeds {
	n := lockNeeds{tables: map[string]lockMode{}}
	ddl := false
	for _, s := range statements {
		text := strings.TrimSpace(reHidden.ReplaceAllString(s.Text, " "))
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
		// Somebody who has locked a row may wait for the DDL's lock, while the
		// revision waits for the row: then nobody may have locked one.
		for table := range n.tables {
			n.add(table, lockExclusive)
		}
	}
	return n
}

// readDDL adds what one statement locks.
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

// listed returns the names in the list that the pattern finds.
func listed(re *regexp.Regexp, text string) []string {
	m := re.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	return reOneName.FindAllString(m[1], -1)
}
