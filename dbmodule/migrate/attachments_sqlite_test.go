package migrate_test

import (
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// Indexes and triggers that somebody made by hand follow a table that a revision
// rebuilds and then renames, as they follow one that it only renames.
func TestSQLiteRebuiltTableThatIsRenamed(t *testing.T) {
	t.Parallel()
	const body = "`id` integer NOT NULL, `a` varchar NOT NULL DEFAULT 'x', `b` varchar NULL, PRIMARY KEY (`id`)"
	rebuilt := anew(body, "`id`, `a`, `b`", "`id`, IFNULL(`a`, 'x'), `b`")
	for name, test := range map[string]struct {
		revision, table, column string
		// made is what the revision itself makes again under a name that the table had.
		made string
	}{
		"the table":            {rebuilt + "ALTER TABLE `t` RENAME TO `u`;", "u", "b", ""},
		"a column":             {rebuilt + "ALTER TABLE `t` RENAME COLUMN `b` TO `c`;", "t", "c", ""},
		"both":                 {rebuilt + "ALTER TABLE `t` RENAME COLUMN `b` TO `c`;\nALTER TABLE `t` RENAME TO `u`;", "u", "c", ""},
		"both, table first":    {rebuilt + "ALTER TABLE `t` RENAME TO `u`;\nALTER TABLE `u` RENAME COLUMN `b` TO `c`;", "u", "c", ""},
		"its index made again": {rebuilt + "ALTER TABLE `t` RENAME TO `u`;\nCREATE INDEX ix_known ON u (a, b);", "u", "b", "a,b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite))
			m := newMigrator(t, source(startOfT("CREATE TABLE t ("+tWas+");\nCREATE INDEX ix_known ON t (a)"),
				folder{id: "b2", revises: "a1", ups: map[dbmodule.Engine]string{dbmodule.SQLite: test.revision}, down: "-"}))
			if _, err := m.Upgrade(t.Context(), db, "a1"); err != nil {
				t.Fatal(err)
			}
			run(t, db,
				"CREATE UNIQUE INDEX by_hand ON t (b)", "CREATE INDEX by_hand_expression ON t (lower(b)) WHERE b <> 'never'",
				"CREATE TRIGGER by_hand_trigger BEFORE UPDATE OF b ON t WHEN new.b = 'bad' BEGIN SELECT raise(abort, 'by hand'); END",
				"INSERT INTO t (id, a, b) VALUES (1, NULL, 'one'), (2, 'two', 'two')")
			if _, err := m.Upgrade(t.Context(), db, "b2"); err != nil {
				t.Fatal(err)
			}
			if n := count(t, db, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'by_hand%' AND tbl_name = '"+test.table+"'"); n != 3 {
				t.Errorf("%d of 3 are on %s", n, test.table)
			}
			for value, want := range map[string]string{"one": "unique", "bad": "by hand"} {
				_, err := db.DB().ExecContext(t.Context(), "UPDATE "+test.table+" SET "+test.column+" = '"+value+"' WHERE id = 2")
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v, want an error with %q", value, err, want)
				}
			}
			if made := "SELECT count(*) FROM (SELECT group_concat(name) AS columns FROM pragma_index_info('ix_known')) WHERE columns = '" + test.made + "'"; test.made != "" && count(t, db, made) != 1 {
				t.Error("ix_known is not the one that the revision makes")
			}
		})
	}
}
