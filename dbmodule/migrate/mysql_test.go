package migrate_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
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

// What others made in the database, and this account may not read, stops no
// revision half way.
func TestWhatMayNotBeReadStopsNothing(t *testing.T) {
	t.Parallel()
	db, raw := openRaw(t, dbmodule.MySQL)
	name := dbName(t, db)
	weak := "weak_" + name[:20]
	for _, statement := range []string{
		"CREATE TABLE hidden (x INT)", "CREATE VIEW other AS SELECT x FROM hidden", "CREATE VIEW broken AS SELECT x FROM hidden", "CREATE TABLE gone (y INT)",
		"CREATE VIEW lost AS SELECT y FROM gone", "DROP TABLE gone",
		"CREATE USER " + weak + " IDENTIFIED BY 'weak'",
		"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES, CREATE ROUTINE, EXECUTE ON `" + strings.TrimPrefix(raw[strings.LastIndex(raw, "/"):], "/") + "`.* TO " + weak,
	} {
		if _, err := db.DB().ExecContext(t.Context(), "?", bun.Safe(statement)); err != nil {
			t.Fatal(statement, err)
		}
	}
	t.Cleanup(func() { _, _ = db.DB().ExecContext(context.Background(), "DROP USER "+weak) })
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(weak, "weak")
	cfg := dbmodule.DefaultConfig()
	if err := cfg.URL.UnmarshalText([]byte(u.String())); err != nil {
		t.Fatal(err)
	}
	restricted := dbtest.Open(t, cfg)
	if err := applied(t, restricted, "CREATE TABLE a (id INT);\nCREATE PROCEDURE p() SELECT 1;\nCALL p();\nALTER TABLE a ADD COLUMN b INT;\nCREATE INDEX ix ON a (b);\nDROP TABLE IF EXISTS nothing, lost;\n"); err != nil {
		t.Error(err)
	}
}

// A revision that stopped half way in a text that was replaced since goes on
// with the text that it has now, although it did more statements than that has.
func TestResumedRevisionWasReplaced(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.MySQL))
	const create = "CREATE TABLE one (id INTEGER PRIMARY KEY);\n"
	first := newMigrator(t, source(folder{id: "a1", up: create + "INSERT INTO one (id) VALUES (1);\nDROP TABLE nothing;"}))
	if _, err := first.Upgrade(t.Context(), db, "head"); err == nil {
		t.Fatal("it was applied")
	}
	entries, err := first.History(t.Context(), db.DB())
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	shorter := source(folder{id: "a1", up: create})
	var edited *migrate.EditedError
	if _, err := newMigrator(t, shorter).Upgrade(t.Context(), db, "head"); !errors.As(err, &edited) {
		t.Fatal(err)
	}
	file := shorter.FS.(fstest.MapFS)["a1/"+migrate.RevisionFile]
	file.Data = append(file.Data, "Replaces: "+entries[0].Checksum+"\n"...)
	m := newMigrator(t, shorter)
	if _, err := m.Upgrade(t.Context(), db, "head"); err != nil {
		t.Fatal(err)
	}
	if s := state(t, m, db); !s.Ready() || len(s.Drifted) > 0 || tables(t, db) != "one" {
		t.Errorf("%+v, tables %s", s, tables(t, db))
	}
}

// MariaDB has no statement that drops a column's own check. The error says what does, and that works.
func TestMySQLCheckOfAColumn(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.MySQL))
	upgrade := func(up, down string) error {
		m := newMigrator(t, source(
			folder{id: "a1", up: "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL COMMENT 'kept' CHECK (n >= 0));", down: "DROP TABLE t;"},
			folder{id: "b2", revises: "a1", up: up, down: down},
		))
		_, err := m.Upgrade(t.Context(), db, "head")
		if err == nil {
			run(t, db, "INSERT INTO t (id, n) VALUES (1, -1)", "DELETE FROM t")
			_, err = m.Downgrade(t.Context(), db, "a1")
		}
		return err
	}
	err := upgrade("ALTER TABLE t DROP CONSTRAINT n;", "ALTER TABLE t ADD CONSTRAINT n CHECK (n >= 0);")
	if err == nil || !strings.Contains(err.Error(), "MODIFY the column, without CHECK in this direction") {
		t.Fatal(err)
	}
	if err := upgrade("ALTER TABLE t MODIFY n int NOT NULL;", "ALTER TABLE t MODIFY n int NOT NULL CHECK (n >= 0);"); err != nil {
		t.Fatal(err)
	}
	var table, text string
	if err := db.DB().NewRaw("SHOW CREATE TABLE t").Scan(t.Context(), &table, &text); err != nil || !strings.Contains(text, "COMMENT 'kept' CHECK (`n` >= 0)") {
		t.Errorf("%v: %s", err, text)
	}
}
