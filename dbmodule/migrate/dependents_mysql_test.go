package migrate_test

import (
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// A revision that would make views or triggers fail is refused on MariaDB, too, and
// nothing of the statement is done. Without them it runs on.
func TestMySQLRefusesWhatViewsAndTriggersUse(t *testing.T) {
	t.Parallel()
	const made = "CREATE TABLE t (id bigint PRIMARY KEY, v bigint, w bigint); CREATE TABLE l (v bigint, w bigint);"
	tests := map[string]struct {
		byHand, up, down string
		want             string // "" if it runs
	}{
		"view, dropped":    {"CREATE VIEW x AS SELECT a.v + 1 AS n FROM t AS a", "ALTER TABLE t DROP COLUMN v;", "ALTER TABLE t ADD COLUMN v bigint;", "view x would fail from now on, because it uses column v of table t"},
		"view, renamed":    {"CREATE VIEW x AS SELECT v FROM t", "ALTER TABLE t RENAME COLUMN v TO u;", "ALTER TABLE t RENAME COLUMN u TO v;", "view x would fail"},
		"view, table":      {"CREATE VIEW x AS SELECT v FROM t", "ALTER TABLE t RENAME TO u;", "ALTER TABLE u RENAME TO t;", "view x would fail from now on, because it uses table t"},
		"trigger, dropped": {"CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW INSERT INTO l (v) VALUES (NEW.v)", "ALTER TABLE t DROP v;", "ALTER TABLE t ADD v bigint;", "trigger x of table t would fail"},
		"trigger, changed": {"CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET NEW.v = 1", "ALTER TABLE t CHANGE v u bigint;", "ALTER TABLE t CHANGE u v bigint;", "trigger x of table t would fail"},
		"trigger, another": {"CREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW INSERT INTO l (v) VALUES (NEW.w)", "ALTER TABLE l DROP v;", "ALTER TABLE l ADD v bigint;", "trigger x of table t would fail from now on, because it uses column v of table l"},
		"made again": {
			"CREATE VIEW x AS SELECT v FROM t", "ALTER TABLE t RENAME COLUMN v TO u; CREATE OR REPLACE VIEW x AS SELECT u AS v FROM t;",
			"ALTER TABLE t RENAME COLUMN u TO v; CREATE OR REPLACE VIEW x AS SELECT v FROM t;", "",
		},
		"other columns": {
			"CREATE VIEW x AS SELECT w AS v FROM t", "ALTER TABLE t DROP v; ALTER TABLE t MODIFY w int;",
			"ALTER TABLE t MODIFY w bigint, ADD v bigint;", "",
		},
		"dropped with it": {"CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW INSERT INTO l (v) VALUES (NEW.v)", "DROP TABLE t;", made[:strings.Index(made, ";")+1], ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.Open(t, dbtest.Config(t, dbmodule.MySQL))
			m := newMigrator(t, source(folder{id: "a1", up: made, down: "DROP TABLE t, l;"}, folder{id: "b2", revises: "a1", up: tt.up, down: tt.down}))
			if _, err := m.Upgrade(t.Context(), db, "a1"); err != nil {
				t.Fatal(err)
			}
			run(t, db, tt.byHand)
			_, err := m.Upgrade(t.Context(), db, "head")
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("%v, want %s", err, tt.want)
				}
				run(t, db, "INSERT INTO t (id, v) VALUES (1, 2)", "DROP "+strings.Fields(tt.byHand)[1]+" x") // all is as before, and the object works
				_, err = m.Upgrade(t.Context(), db, "head")
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := m.Downgrade(t.Context(), db, "a1"); err != nil {
				t.Error(err)
			}
		})
	}
}
