package migrate_test

import (
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// Whatever stands in a SQL file, reading it ends, and the statements are parts
// of the text in its order: nothing is made up, doubled or moved.
func FuzzParseScript(f *testing.F) {
	for _, seed := range []string{
		"-- migrate:upgrade\nCREATE TABLE a (b TEXT DEFAULT ';');\nINSERT INTO a VALUES ('x''y');\n-- migrate:downgrade\nDROP TABLE a;\n",
		"-- migrate:upgrade\nCREATE FUNCTION f() RETURNS int AS $$ BEGIN RETURN 1; END $$ LANGUAGE plpgsql;\n",
		"-- migrate:upgrade\nCREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET b = 1; END;\n",
		"-- migrate:upgrade no-transaction\n/* a; b */ SELECT 1; -- c;\nSELECT \"x;y\", `z;`, [q;];\n", "", ";", "-- migrate:upgrade\nSELECT '",
	} {
		for engine := range 3 {
			f.Add(engine, seed)
		}
	}
	engines := []dbmodule.Engine{dbmodule.SQLite, dbmodule.PostgreSQL, dbmodule.MySQL}
	f.Fuzz(func(t *testing.T, engine int, text string) {
		if engine < 0 || engine >= len(engines) {
			return
		}
		script, err := migrate.ParseScript(engines[engine], text)
		if err != nil {
			return
		}
		for _, section := range [][]migrate.Statement{script.Upgrade, script.Downgrade} {
			rest := text
			for _, statement := range section {
				_, after, found := strings.Cut(rest, statement.Text)
				if !found || statement.Text == "" {
					t.Fatalf("%q is not what comes next in %q", statement.Text, rest)
				}
				rest = after
			}
		}
	})
}
