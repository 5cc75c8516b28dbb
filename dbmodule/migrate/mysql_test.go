package migrate_test

import (
	"testing"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// What a revision set for its session holds after it was resumed in another.
func TestResumedRevisionHasItsSession(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.MySQL))
	revision := func(third string) folder {
		return folder{id: "a1", up: "SET foreign_key_checks = 0;\nCREATE TABLE one (id INTEGER PRIMARY KEY);\n" + third +
			"\nCREATE TABLE children (id INTEGER PRIMARY KEY, parent INTEGER, FOREIGN KEY (parent) REFERENCES parents (id));\n" +
			"CREATE TABLE parents (id INTEGER PRIMARY KEY);\nSET foreign_key_checks = 1;"}
	}
	if _, err := newMigrator(t, source(revision("DROP TABLE nothing;"))).Upgrade(t.Context(), db, "head"); err == nil {
		t.Fatal("it was applied")
	}
	m := newMigrator(t, source(revision("SELECT 1;")))
	if _, err := m.Upgrade(t.Context(), db, "head"); err != nil {
		t.Fatal(err)
	}
	if got := tables(t, db); got != "children one parents" {
		t.Errorf("tables %s", got)
	}
	// A downgrade that fails half way is resumed, too.
	broken := revision("SELECT 1;")
	broken.down = "SET foreign_key_checks = 0;\nDROP TABLE one;\nDROP TABLE nothing;\nDROP TABLE parents;\nDROP TABLE children;"
	if _, err := newMigrator(t, source(broken)).Downgrade(t.Context(), db, "base"); err == nil {
		t.Fatal("it was taken back")
	}
	if s := state(t, m, db); len(s.Dirty) != 1 || len(s.Pending) > 0 {
		t.Errorf("%+v", s)
	}
	broken.down = "SET foreign_key_checks = 0;\nDROP TABLE one;\nDROP TABLE parents;\nDROP TABLE children;"
	m = newMigrator(t, source(broken))
	if steps, err := m.Downgrade(t.Context(), db, "base"); err != nil || stepIDs(steps) != "a1" || tables(t, db) != "" {
		t.Errorf("%s, %v, tables %s", stepIDs(steps), err, tables(t, db))
	}
}
