package migrate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
	"github.com/openhands-go/server/dbmodule/migrate/internal/held"
)

// connectionSettings returns statements that give a session the settings which connections of
// the program have: how text is encoded, what a time without a zone means, which schema is meant,
// and whether a value that does not fit is an error. Without them the client's own settings, which
// depend on its configuration and its locale, would decide what is stored.
func connectionSettings(url dbmodule.URL) []string {
	var statements []string
	switch url.Engine() {
	case dbmodule.PostgreSQL:
		statements = append(statements, "SET client_encoding = 'UTF8'")
		runtime := url.PostgreSQL().Runtime
		for _, name := range []string{"search_path", "timezone"} {
			if value, ok := runtime[name]; ok {
				statements = append(statements, fmt.Sprintf("SELECT pg_catalog.set_config('%s', %s, false)", name, quoted(value)))
			}
		}
	case dbmodule.MySQL:
		o := url.MySQL()
		names := "SET NAMES utf8mb4"
		if o.Collation != "" {
			names += " COLLATE " + o.Collation
		}
		statements = append(statements, names)
		for _, name := range []string{"sql_mode", "time_zone"} {
			statements = append(statements, "SET SESSION "+name+" = "+o.Variables[name])
		}
	}
	return statements
}

// settingsAround returns statements to write before and after those of a revision. They
// restore the session's settings, because in a run each revision begins with the settings of a
// new connection. note names what no statement can restore.
func settingsAround(engine dbmodule.Engine, statements []Statement) (before, after []string, note string) {
	var texts []string
	for _, statement := range statements {
		texts = append(texts, statement.Text)
	}
	left := held.Left(sqlscan.For(engine), texts)
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
