package dbcmd

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule"
)

// otherTools returns the error of backup and restore for engines other than SQLite. It contains the
// command line of the engine's own program.
func otherTools(cmd *cobra.Command, u dbmodule.URL, file string) error {
	program, line := dumpLine(u, file)
	where := ""
	if cmd.Name() == "restore" {
		program, line = loadLine(u, file)
		// These programs drop only what the backup has, so the next upgrade would find tables of
		// later revisions.
		where = " on an empty database, because tables that are newer than the backup would stay"
	}
	return fmt.Errorf("dbcmd: %q is for SQLite only: with %s, run %s%s; it asks for the password: %s", "db "+cmd.Name(), u.Engine(), program, where, line)
}

func dumpLine(u dbmodule.URL, file string) (program, line string) {
	if u.Engine() == dbmodule.PostgreSQL {
		return "pg_dump", shell("", []string{"pg_dump", "--format=custom", "--file=" + file}, u.ClientFlags(), []string{u.Database()})
	}
	return "mariadb-dump", shell("", []string{"mariadb-dump", "--single-transaction", "--routines", "--events", "--triggers", "--result-file=" + file},
		u.ClientFlags(), []string{"--password", u.Database()})
}

func loadLine(u dbmodule.URL, file string) (program, line string) {
	if u.Engine() == dbmodule.PostgreSQL {
		return "pg_restore", shell("", []string{"pg_restore", "--clean", "--if-exists", "--single-transaction"}, u.ClientFlags(),
			[]string{"--dbname=" + u.Database(), file})
	}
	return "mariadb", shell(" < "+quoted(file), []string{"mariadb"}, u.ClientFlags(), []string{"--password", u.Database()})
}

// shell joins words for a POSIX shell, each quoted if necessary, and appends end.
func shell(end string, lists ...[]string) string {
	var words []string
	for _, word := range slices.Concat(lists...) {
		if word != "" {
			words = append(words, quoted(word))
		}
	}
	return strings.Join(words, " ") + end
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

func quoted(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
