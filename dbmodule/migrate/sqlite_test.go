package migrate_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// shop is a schema in which everything refers to the table that is rebuilt.
const shop = `CREATE TABLE parents (id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(20));
CREATE TABLE children (id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL REFERENCES parents (id) ON DELETE CASCADE);
CREATE TABLE log (what TEXT);
CREATE INDEX ix_parents_name ON parents (name);
CREATE VIEW names AS SELECT p.name, c.id FROM parents AS p JOIN children AS c ON c.parent_id = p.id;
CREATE TRIGGER parents_logged AFTER INSERT ON parents BEGIN
	INSERT INTO log VALUES (CASE WHEN NEW.name IS NULL THEN 'nobody' ELSE NEW.name END);
	INSERT INTO log VALUES ('again; and again');
END;
CREATE TRIGGER children_logged AFTER INSERT ON children BEGIN
	INSERT INTO log SELECT name FROM parents WHERE id = NEW.parent_id;
END;
INSERT INTO parents VALUES (7, 'seven');
INSERT INTO children VALUES (1, 7);`

func sqliteFolder(id, revises, up string) folder {
	return folder{id: id, revises: revises, ups: map[dbmodule.Engine]string{dbmodule.SQLite: up}}
}

// rebuild is how SQLite changes a table.
const rebuild = `CREATE TABLE new_parents (id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(20) NOT NULL, age INTEGER);
INSERT INTO new_parents (id, name) SELECT id, name FROM parents;
DROP TABLE parents;
PRAGMA legacy_alter_table = on;
ALTER TABLE new_parents RENAME TO parents;
PRAGMA legacy_alter_table = off;
CREATE INDEX ix_parents_name ON parents (name);`

func TestSQLiteRebuildKeepsWhatBelongsToTheTable(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite))
	m := newMigrator(t, source(sqliteFolder("a1", "", shop), sqliteFolder("b2", "a1", rebuild)))
	if _, err := m.Upgrade(t.Context(), db, "head"); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, "SELECT count(*) FROM children"); n != 1 {
		t.Errorf("%d children: the old table's end took them along", n)
	}
	logged := count(t, db, "SELECT count(*) FROM log")
	for _, statement := range []string{
		"INSERT INTO parents (id, name) VALUES (8, 'eight')", // logs two
		"INSERT INTO children (id, parent_id) VALUES (2, 8)", // logs one
		"DELETE FROM parents WHERE id = 7",                   // takes a child along
	} {
		if _, err := db.DB().ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	for query, want := range map[string]int{
		"SELECT count(*) FROM log":      logged + 3,
		"SELECT count(*) FROM children": 1,
		"SELECT count(*) FROM names":    1,
		"SELECT count(*) FROM pragma_index_list('parents') WHERE name = 'ix_parents_name'": 1,
		"SELECT count(*) FROM parents WHERE name = 'eight' AND age IS NULL":                1,
	} {
		if got := count(t, db, query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
	if _, err := db.DB().ExecContext(t.Context(), "INSERT INTO children (id, parent_id) VALUES (9, 99)"); err == nil {
		t.Error("foreign keys are not enforced after the migration")
	}
}

// Indexes that only the database knows are kept too, or the revision is
// refused.
func TestSQLiteRebuildKeepsIndexesMadeByHand(t *testing.T) {
	t.Parallel()
	byHand := []string{
		"CREATE INDEX by_hand ON parents (name COLLATE NOCASE DESC) WHERE name <> 'x'",
		"CREATE UNIQUE INDEX by_expression ON parents (lower(name))",
		"CREATE INDEX on_gone ON parents (name, age)",
		"CREATE INDEX dropped ON parents (id, name)",
		"CREATE INDEX of_another ON children (parent_id)",
	}
	for name, test := range map[string]struct {
		up   string
		want []string // the indexes afterwards
		err  []string // or what the error says
	}{
		"kept": {
			rebuild, []string{"by_expression", "by_hand", "dropped", "ix_parents_name", "of_another", "on_gone"}, nil,
		},
		"some dropped before": {
			strings.Replace("DROP INDEX dropped;\nDROP INDEX on_gone;\n"+rebuild, ", age INTEGER", "", 1),
			[]string{"by_expression", "by_hand", "ix_parents_name", "of_another"},
			nil,
		},
		"one on a column that goes": {
			strings.Replace(rebuild, ", age INTEGER", "", 1),
			nil,
			[]string{"index on_gone is on column age, which table parents has no longer: drop the index before"},
		},
		"the table is gone": {
			"DROP VIEW names;\nDROP TABLE children;\nDROP TABLE parents;", nil, nil,
		},
		"one that no longer fits": {
			"DROP INDEX ix_parents_name; DROP INDEX by_hand; DROP INDEX dropped; DROP INDEX on_gone;\nDROP VIEW names;\nDROP TABLE children;\nDELETE FROM parents;\nCREATE TABLE new_parents (id INTEGER PRIMARY KEY);\nDROP TABLE parents;\nALTER TABLE new_parents RENAME TO parents;",
			nil,
			[]string{"put index by_expression back on the rebuilt table parents", "drop the index before"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite))
			start := shop + "\nALTER TABLE parents ADD COLUMN age INTEGER;\n" + strings.Join(byHand, ";\n") + ";"
			m := newMigrator(t, source(sqliteFolder("a1", "", start), sqliteFolder("b2", "a1", test.up)))
			if _, err := m.Upgrade(t.Context(), db, "a1"); err != nil {
				t.Fatal(err)
			}
			before := indexes(t, db)
			_, err := m.Upgrade(t.Context(), db, "head")
			if len(test.err) > 0 {
				for _, want := range test.err {
					if err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("no %q in: %v", want, err)
					}
				}
				if after := indexes(t, db); !maps.Equal(before, after) {
					t.Errorf("refused, yet the indexes are %v", after)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			after := indexes(t, db)
			if got := slices.Sorted(maps.Keys(after)); !slices.Equal(got, test.want) {
				t.Errorf("indexes %v, want %v", got, test.want)
			}
			for name, sql := range after {
				if sql != before[name] {
					t.Errorf("%s is now %s", name, sql)
				}
			}
		})
	}
}

// indexes are those that a statement made, by name.
func indexes(t *testing.T, db *dbmodule.Database) map[string]string {
	t.Helper()
	var rows []struct {
		Name string `bun:"name"`
		SQL  string `bun:"sql"`
	}
	if err := db.DB().NewRaw("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").Scan(t.Context(), &rows); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, row := range rows {
		found[row.Name] = row.SQL
	}
	return found
}

func TestSQLiteRefusesWhatBreaksForeignKeys(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		before, up string
		want       []string // in the error, or none
	}{
		"a child loses its parent": {"", "DELETE FROM parents;", []string{"1 rows of children that refer to parents"}},
		"rows that were broken before": {
			"PRAGMA foreign_keys = off;INSERT INTO children VALUES (5, 55);PRAGMA foreign_keys = on", rebuild, nil,
		},
		"one more than before": {
			"PRAGMA foreign_keys = off;INSERT INTO children VALUES (5, 55);PRAGMA foreign_keys = on",
			"INSERT INTO children VALUES (6, 66);",
			[]string{"children that refer to parents"},
		},
		"a trigger that no longer fits": {
			"", "DELETE FROM parents;\nDROP INDEX ix_parents_name;\nCREATE TABLE new_parents (id INTEGER PRIMARY KEY);\nDROP VIEW names;\nDROP TRIGGER children_logged;\n" +
				"DROP TABLE parents;\nALTER TABLE new_parents RENAME TO parents;\nDELETE FROM children;",
			[]string{"trigger parents_logged of table parents would fail from now on: ", "name"},
		},
		"a trigger of a column that goes": {
			"", "DELETE FROM parents;\nDROP INDEX ix_parents_name;\nDROP TRIGGER parents_logged;\nCREATE TABLE new_parents (id INTEGER PRIMARY KEY);\nDROP VIEW names;\nDROP TRIGGER children_logged;\n" +
				"CREATE TRIGGER more AFTER UPDATE OF name ON parents BEGIN SELECT 1; END;\n" +
				"DROP TABLE parents;\nALTER TABLE new_parents RENAME TO parents;\nDELETE FROM children;",
			[]string{"trigger more is on column name, which table parents has no longer"},
		},
		"a view of a column that goes": {
			"", "DELETE FROM parents;\nDROP INDEX ix_parents_name;\nDROP TRIGGER parents_logged;\nCREATE TABLE new_parents (id INTEGER PRIMARY KEY);\nDROP TRIGGER children_logged;\n" +
				"DROP TABLE parents;\nPRAGMA legacy_alter_table = on;\nALTER TABLE new_parents RENAME TO parents;\nPRAGMA legacy_alter_table = off;\nDELETE FROM children;",
			[]string{"view names would fail from now on: ", "no such column: p.name"},
		},
		"a view in the way": {
			"", strings.NewReplacer("PRAGMA legacy_alter_table = on;", "", "PRAGMA legacy_alter_table = off;", "").Replace(rebuild),
			[]string{"error in view names", "put PRAGMA legacy_alter_table = on and = off"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite))
			m := newMigrator(t, source(sqliteFolder("a1", "", shop), sqliteFolder("b2", "a1", test.up)))
			if _, err := m.Upgrade(t.Context(), db, "a1"); err != nil {
				t.Fatal(err)
			}
			conn, err := db.DB().Conn(t.Context()) // a setting ends with its unit of work
			if err != nil {
				t.Fatal(err)
			}
			for statement := range strings.SplitSeq(test.before, ";") {
				if statement == "" {
					continue
				}
				if _, err := conn.ExecContext(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
			_, err = m.Upgrade(t.Context(), db, "head")
			if len(test.want) == 0 {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil {
				t.Fatal("it was applied")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("no %q in: %v", want, err)
				}
			}
			if got := current(t, m, db); got != "a1" {
				t.Errorf("at %s", got)
			}
			if n := count(t, db, "SELECT count(*) FROM names"); n != 1 {
				t.Errorf("%d rows in the view", n)
			}
		})
	}
}
