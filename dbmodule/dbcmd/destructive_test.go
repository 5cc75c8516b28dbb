package dbcmd

import (
	"slices"
	"testing"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// A rebuild of SQLite and its account of the numbers that it gave lose nothing.
func TestDestructive(t *testing.T) {
	t.Parallel()
	statements := []string{
		"CREATE TABLE new_t (id integer)", "INSERT INTO new_t SELECT id FROM t", "DELETE FROM sqlite_sequence WHERE name = 'new_t'", "DELETE FROM `sqlite_sequence`",
		"DROP TABLE t", "ALTER TABLE new_t RENAME TO t",
		"ALTER TABLE t COMMENT 'we drop column a later'", "ALTER TABLE t ADD b integer /* then DROP COLUMN a */",
		"DELETE FROM sqlite_sequences", "DELETE FROM t", "DROP TABLE u", "ALTER TABLE t DROP COLUMN a",
		"DELETE /* all */ FROM t", "TRUNCATE/**/t", "DROP # it is old\nTABLE u",
	}
	script := make([]migrate.Statement, len(statements))
	for i, text := range statements {
		script[i].Text = text
	}
	var found []string
	for _, s := range destructive(dbmodule.MySQL, script) {
		found = append(found, s.Text)
	}
	if want := statements[8:]; !slices.Equal(found, want) {
		t.Errorf("found %q, want %q", found, want)
	}
}
