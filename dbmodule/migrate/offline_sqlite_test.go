package migrate_test

import (
	"context"
	"strings"
	"testing"

	atlas "ariga.io/atlas/sql/migrate"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// The SQL that is printed for SQLite does what the run does, or stops where it
// would lose what the run keeps.
func TestWrittenSQLOfSQLiteLosesNothing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		start  string
		byHand []string
		want   string // in the error, or none
	}{
		"as the revision knows it": {"CREATE TABLE t (" + tWas + ")", nil, ""},
		"written in another way":   {"create table \"T\" (ID INTEGER NOT NULL primary key, \"A\" VARCHAR, b varchar /* ( */)", nil, ""},
		"a view":                   {"CREATE TABLE t (" + tWas + ")", []string{"CREATE VIEW seen AS SELECT id, a FROM t"}, ""},
		"a column":                 {"CREATE TABLE t (" + tWas + ")", []string{"ALTER TABLE t ADD COLUMN by_hand text"}, "table t is not as the revision expects it"},
		"a collation":              {"CREATE TABLE t (`id` integer NOT NULL, `a` varchar NULL COLLATE NOCASE, `b` varchar NULL, PRIMARY KEY (`id`))", nil, "table t is not as the revision expects it"},
		"a check":                  {"CREATE TABLE t (" + tWas + ", CHECK (a <> ''))", nil, "table t is not as the revision expects it"},
		"a default":                {"CREATE TABLE t (`id` integer NOT NULL, `a` varchar NULL DEFAULT 'q', `b` varchar NULL, PRIMARY KEY (`id`))", nil, "table t is not as the revision expects it"},
		"STRICT":                   {"CREATE TABLE t (id integer NOT NULL, a text, b text, PRIMARY KEY (id)) STRICT", nil, "table t is not as the revision expects it"},
		"a trigger":                {"CREATE TABLE t (" + tWas + ")", []string{"CREATE TRIGGER kept BEFORE DELETE ON t BEGIN SELECT 1; END"}, "an index or a trigger of table t would be lost"},
		"an index":                 {"CREATE TABLE t (" + tWas + ")", []string{"CREATE INDEX kept ON t (a)"}, "an index or a trigger of table t would be lost"},
		"keys that were broken before": {
			"CREATE TABLE t (" + tWas + ")", []string{"CREATE TABLE k (t_id integer REFERENCES t (id))", "PRAGMA foreign_keys = off; INSERT INTO k VALUES (99); PRAGMA foreign_keys = on"}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite))
			m := newMigrator(t, source(startOfT(test.start), rebuildOfT()))
			if _, err := m.Upgrade(t.Context(), db, "a1"); err != nil {
				t.Fatal(err)
			}
			run(t, db, "INSERT INTO t (id, a, b) VALUES (1, NULL, 'b'), (7, 'seven', 'b')")
			run(t, db, test.byHand...)
			before := schemaOf(t, db)
			err := runWritten(t, m, db)
			if test.want != "" {
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Fatalf("%v, want %s", err, test.want)
				}
				if after := schemaOf(t, db); after != before {
					t.Errorf("it was\n%s\nand is\n%s", before, after)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if n := count(t, db, "SELECT count(*) FROM t WHERE id = 1 AND a = 'x' AND c IS NULL"); n != 1 || current(t, m, db) != "b2" {
				t.Errorf("%d rows, at %s", n, current(t, m, db))
			}
		})
	}
}

// Rows that refer to nothing stop it too.
func TestWrittenSQLOfSQLiteChecksForeignKeys(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite))
	m := newMigrator(t, source(sqliteFolder("a1", "", shop), sqliteFolder("b2", "a1", "DELETE FROM parents;")))
	if _, err := m.Upgrade(t.Context(), db, "a1"); err != nil {
		t.Fatal(err)
	}
	if err := runWritten(t, m, db); err == nil || !strings.Contains(err.Error(), "foreign keys would be broken") {
		t.Errorf("%v", err)
	}
	if n := count(t, db, "SELECT count(*) FROM parents"); n != 1 || current(t, m, db) != "a1" {
		t.Errorf("%d rows, at %s", n, current(t, m, db))
	}
}

// runWritten runs what is printed for an upgrade to head, up to the first
// statement that fails, as sqlite3 -bail does.
func runWritten(t *testing.T, m *migrate.Migrator, db *dbmodule.Database) error {
	t.Helper()
	steps, err := m.PlanUpgrade(t.Context(), db.DB(), "head")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := m.WriteSQL(&text, db, steps); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(text.String(), "-- Run this with sqlite3 -bail") {
		t.Errorf("it does not say how to run it:\n%s", text.String())
	}
	statements, err := atlas.Stmts(text.String())
	if err != nil {
		t.Fatalf("%v\n%s", err, text.String())
	}
	conn, err := db.DB().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, statement := range statements {
		if _, err := conn.ExecContext(t.Context(), "?", bun.Safe(strings.TrimSuffix(statement.Text, ";"))); err != nil {
			_, undo := conn.ExecContext(context.WithoutCancel(t.Context()), "ROLLBACK")
			if undo != nil {
				t.Error(undo)
			}
			return err
		}
	}
	return nil
}

// A table that gives no number twice goes on with its numbers, or the SQL stops.
func TestWrittenSQLOfSQLiteKeepsTheLastNumber(t *testing.T) {
	t.Parallel()
	const was, is = "`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `a` varchar NULL", "`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `a` varchar NOT NULL"
	numbers := "DELETE FROM sqlite_sequence WHERE name = 'new_t';\n" +
		"INSERT INTO sqlite_sequence (name, seq) SELECT 'new_t', seq FROM sqlite_sequence WHERE name = 't';\nDROP TABLE `t`;"
	drafted := func(body string) string {
		return strings.Replace(anew(body, "`id`, `a`", "`id`, `a`"), "DROP TABLE `t`;", numbers, 1)
	}
	for name, test := range map[string]struct{ up, down, want string }{
		"as autogen drafts it": {drafted(is), drafted(was), ""},
		"rows put aside":       {aside(is, "id, a", "id, a"), aside(was, "id, a", "id, a"), "the last number of table t would be lost"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite))
			second := sqliteFolder("b2", "a1", test.up)
			second.down = test.down
			m := newMigrator(t, source(startOfT("CREATE TABLE t ("+was+")"), second))
			if _, err := m.Upgrade(t.Context(), db, "a1"); err != nil {
				t.Fatal(err)
			}
			run(t, db, "INSERT INTO t (id, a) VALUES (1, 'a'), (90, 'b')", "DELETE FROM t WHERE id = 90")
			err := runWritten(t, m, db)
			if (test.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%v, want %s", err, test.want)
			}
			if n := count(t, db, "SELECT max(seq) FROM main.sqlite_sequence WHERE name = 't'"); n != 90 {
				t.Errorf("the last number is %d", n)
			}
		})
	}
}
