package migrate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate/internal/held"
)

// settingsAround returns statements to write before and after those of a revision. They
// restore the session's settings, because in a run each revision begins with the settings of a
// new connection. note names what no statement can restore.
func settingsAround(engine dbmodule.Engine, statements []Statement) (before, after []string, note string) {
	var texts []string
	for _, statement := range statements {
		texts = append(texts, statement.Text)
	}
	left := held.Left(scanner(engine), texts)
	switch {
	case left.None():
		return nil, nil, ""
	case engine == dbmodule.PostgreSQL:
		return nil, append(postgresOwnSettings(true), "DISCARD TEMP"), ""
	case engine == dbmodule.MySQL:
		before, after = mysqlOwnSettings(left)
	default:
		left.Others = slices.Concat(left.Settings, left.Others)
	}
	if len(left.Others) > 0 {
		note = fmt.Sprintf("-- The session keeps %s. db upgrade begins each revision\n-- in a session of its own: run what follows in a new one.\n", strings.Join(left.Others, ", "))
	}
	return before, after, note
}

// mysqlOwnSettings returns statements that save settings in user variables before a revision,
// and statements that restore them after it.
func mysqlOwnSettings(left held.Leftovers) (before, after []string) {
	var names []string
	for _, name := range left.Settings {
		switch name {
		case "names", "character", "charset":
			names = append(names, "character_set_client", "character_set_results", "collation_connection")
		default:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		switch name {
		case "role":
			after = append(after, "SET ROLE DEFAULT")
		case "timestamp", "insert_id", "last_insert_id":
			after = append(after, "SET SESSION "+name+" = DEFAULT")
		default:
			before = append(before, "SET @before_"+name+" = @@SESSION."+name)
			after = append(after, "SET SESSION "+name+" = @before_"+name, "SET @before_"+name+" = NULL")
		}
	}
	for _, variable := range left.Variables {
		after = append(after, "SET "+variable+" = NULL")
	}
	return before, after
}
