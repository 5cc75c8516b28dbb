package migrate_test

import (
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// anew makes a table anew as autogen drafts it.
func anew(body, columns, values string) string {
	return "CREATE TABLE `new_t` (" + body + ");\nINSERT INTO `new_t` (" + columns + ") SELECT " + values + " FROM `t`;\n" +
		"DROP TABLE `t`;\nPRAGMA legacy_alter_table = on;\nALTER TABLE `new_t` RENAME TO `t`;\nPRAGMA legacy_alter_table = off;\n"
}

const (
	tWas = "`id` integer NOT NULL, `a` varchar NULL, `b` varchar NULL, PRIMARY KEY (`id`)"
	tIs  = "`id` integer NOT NULL, `a` varchar NOT NULL DEFAULT 'x', `c` integer NULL, PRIMARY KEY (`id`)"
)

// rebuildOfT is a revision that makes a not null, drops b and adds c.
func rebuildOfT() folder {
	return folder{
		id: "b2", revises: "a1",
		ups:  map[dbmodule.Engine]string{dbmodule.SQLite: anew(tIs, "`id`, `a`", "`id`, IFNULL(`a`, 'x')")},
		down: anew(tWas, "`id`, `a`", "`id`, `a`"),
	}
}

// startOfT makes the table in a first revision.
func startOfT(definition string) folder {
	return folder{id: "a1", ups: map[dbmodule.Engine]string{dbmodule.SQLite: definition + ";"}, down: "DROP TABLE t;"}
}

func run(t *testing.T, db *dbmodule.Database, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := db.DB().ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// What somebody made by hand outlives that a revision makes the table anew, up
// and down.
func TestSQLiteRebuildCarriesWhatIsMadeByHand(t *testing.T) {
	t.Parallel()
	const plain = "CREATE TABLE t (" + tWas + ")"
	insert := "INSERT INTO t (id, a, b) VALUES (1, NULL, 'b'), (7, 'seven', 'b')"
	for name, test := range map[string]struct {
		start  string
		byHand []string
		// still are queries that must count 1 after the way up and after that down.
		still []string
		// fails are statements that must fail then.
		fails []string
		// refused is what the way down says, if it can't be gone.
		refused string
	}{
		"a column": {
			plain,
			[]string{"ALTER TABLE t ADD COLUMN by_hand decimal(10,2) NOT NULL DEFAULT 1.5 COLLATE NOCASE CHECK (by_hand > 0)", "UPDATE t SET by_hand = id + 1"},
			[]string{
				"SELECT count(*) FROM t WHERE id = 7 AND by_hand = 8",
				"SELECT count(*) FROM pragma_table_xinfo('t') WHERE name = 'by_hand' AND type = 'decimal(10,2)' AND dflt_value = '1.5' AND \"notnull\"",
			},
			[]string{"UPDATE t SET by_hand = 0"},
			"",
		},
		"a foreign key": {
			plain,
			[]string{"CREATE TABLE p (id integer PRIMARY KEY)", "INSERT INTO p VALUES (3)", "ALTER TABLE t ADD COLUMN p_id integer REFERENCES p (id) ON DELETE CASCADE", "UPDATE t SET p_id = 3"},
			[]string{"SELECT count(*) FROM pragma_foreign_key_list('t') WHERE \"table\" = 'p' AND on_delete = 'CASCADE'", "SELECT count(*) FROM t WHERE p_id = 3 AND id = 1"},
			[]string{"UPDATE t SET p_id = 4"},
			"",
		},
		"generated columns": {
			plain,
			[]string{"ALTER TABLE t ADD COLUMN loud text GENERATED ALWAYS AS (upper(a)) VIRTUAL", "CREATE INDEX ix_loud ON t (loud)"},
			[]string{"SELECT count(*) FROM t WHERE loud = 'SEVEN'", "SELECT count(*) FROM sqlite_schema WHERE name = 'ix_loud'"},
			[]string{"UPDATE t SET loud = 'x'"},
			"",
		},
		"constraints and collations": {
			"CREATE TABLE t (`id` integer NOT NULL, `a` varchar NULL COLLATE NOCASE, `b` varchar NULL, PRIMARY KEY (`id`), UNIQUE (a), CONSTRAINT short CHECK (length(a) < 9))",
			nil,
			[]string{"SELECT count(*) FROM t WHERE a = 'SEVEN'", "SELECT count(*) FROM pragma_index_list('t') WHERE origin = 'u'"},
			[]string{"INSERT INTO t (id, a) VALUES (2, 'Seven')", "UPDATE t SET a = 'much too long'"},
			"",
		},
		"STRICT": {
			"CREATE TABLE t (id integer NOT NULL, a text NULL, b text NULL, PRIMARY KEY (id)) STRICT", nil,
			[]string{"SELECT count(*) FROM pragma_table_list('t') WHERE strict"},
			nil,
			"unknown datatype for new_t.b",
		},
		"WITHOUT ROWID": {
			plain + " WITHOUT ROWID", nil,
			[]string{"SELECT count(*) FROM pragma_table_list('t') WHERE wr"},
			[]string{"SELECT rowid FROM t"},
			"",
		},
		"rowids": {
			"CREATE TABLE t (`id` bigint NOT NULL, `a` varchar NULL, `b` varchar NULL, PRIMARY KEY (`id`))",
			[]string{"UPDATE t SET rowid = 99 WHERE id = 1", "UPDATE t SET rowid = 5 WHERE id = 7"},
			[]string{"SELECT count(*) FROM t WHERE rowid = 99 AND id = 1", "SELECT count(*) FROM t WHERE rowid = 5 AND id = 7"},
			nil,
			"",
		},
		"the last number": {
			"CREATE TABLE t (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, a varchar, b varchar)",
			[]string{"INSERT INTO t (id) VALUES (50)", "DELETE FROM t WHERE id = 50"},
			[]string{"SELECT count(*) FROM sqlite_sequence WHERE name = 't' AND seq = 50"},
			nil,
			"",
		},
		"triggers, views and indexes": {
			plain,
			[]string{
				"CREATE TABLE log (what)", "CREATE VIEW seen AS SELECT id, a FROM t", "CREATE VIEW loud AS SELECT upper(a) AS a FROM seen",
				"CREATE TRIGGER kept BEFORE DELETE ON t BEGIN SELECT RAISE(ABORT, 'kept'); END",
				"CREATE TRIGGER logged INSTEAD OF INSERT ON seen BEGIN INSERT INTO log VALUES (new.a); END",
				"CREATE UNIQUE INDEX ux ON t (lower(a)) WHERE a <> ''",
			},
			[]string{"SELECT count(*) FROM loud WHERE a = 'SEVEN'", "SELECT count(*) FROM sqlite_schema WHERE name = 'logged' AND tbl_name = 'seen'"},
			[]string{"DELETE FROM t", "INSERT INTO t (id, a) VALUES (2, 'SEVEN')"},
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite))
			m := newMigrator(t, source(startOfT(test.start), rebuildOfT()))
			if _, err := m.Upgrade(t.Context(), db, "a1"); err != nil {
				t.Fatal(err)
			}
			run(t, db, insert)
			run(t, db, test.byHand...)
			look := func(when string) {
				t.Helper()
				for _, query := range test.still {
					if n := count(t, db, query); n != 1 {
						t.Errorf("%s: %s is %d", when, query, n)
					}
				}
				for _, statement := range test.fails {
					if _, err := db.DB().ExecContext(t.Context(), statement); err == nil {
						t.Errorf("%s: %s succeeds", when, statement)
					}
				}
			}
			look("before")
			if _, err := m.Upgrade(t.Context(), db, "head"); err != nil {
				t.Fatal(err)
			}
			look("up")
			if n := count(t, db, "SELECT count(*) FROM t WHERE id = 1 AND a = 'x' AND c IS NULL"); n != 1 {
				t.Errorf("%d rows are as the revision wants them", n)
			}
			if n := count(t, db, "SELECT count(*) FROM pragma_table_xinfo('t') WHERE name = 'b'"); n != 0 {
				t.Error("the column that the revision drops is there")
			}
			_, err := m.Downgrade(t.Context(), db, "a1")
			if test.refused != "" {
				if err == nil || !strings.Contains(err.Error(), test.refused) {
					t.Errorf("%v, want %s", err, test.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			look("down")
			if n := count(t, db, "SELECT count(*) FROM pragma_table_xinfo('t') WHERE name IN ('b', 'c')"); n != 1 {
				t.Errorf("%d of b and c are there", n)
			}
		})
	}
}

// What can't be kept is named, and nothing is changed.
func TestSQLiteRebuildRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		byHand []string
		want   string
	}{
		"a column of the same name":     {[]string{"ALTER TABLE t ADD COLUMN c text"}, "the revision adds column c, and table t has one already"},
		"a check of a column that goes": {[]string{"ALTER TABLE t ADD COLUMN by_hand int CHECK (by_hand > length(b))"}, "is to keep column by_hand, which the revision does not know"},
		"a generated column of one that goes": {
			[]string{"ALTER TABLE t ADD COLUMN loud text AS (upper(b))"}, "no such column",
		},
		"a trigger that writes what goes": {
			[]string{"CREATE TABLE log (x)", "CREATE TRIGGER tr AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (new.b); END"},
			"trigger tr of table t would fail from now on: ",
		},
		"a trigger of another table": {
			[]string{"CREATE TABLE o (x)", "CREATE TRIGGER fine AFTER INSERT ON o BEGIN SELECT 1; END", "CREATE TRIGGER tr AFTER INSERT ON o BEGIN UPDATE t SET b = 1; END"},
			"trigger tr of table o would fail from now on: ",
		},
		"a trigger of a column": {
			[]string{"CREATE TRIGGER tr AFTER UPDATE OF b ON t BEGIN SELECT 1; END"}, "trigger tr is on column b, which table t has no longer",
		},
		"a view":              {[]string{"CREATE VIEW v AS SELECT b FROM t"}, "view v would fail from now on: "},
		"a view's trigger":    {[]string{"CREATE VIEW v AS SELECT b FROM t", "CREATE TRIGGER tr INSTEAD OF INSERT ON v BEGIN SELECT 1; END"}, "v would fail from now on: "},
		"an index":            {[]string{"CREATE INDEX ix ON t (a, b)"}, "index ix is on column b, which table t has no longer"},
		"an expression index": {[]string{"CREATE INDEX ix ON t (lower(b))"}, "put index ix back on the rebuilt table t"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite))
			m := newMigrator(t, source(startOfT("CREATE TABLE t ("+tWas+")"), rebuildOfT()))
			if _, err := m.Upgrade(t.Context(), db, "a1"); err != nil {
				t.Fatal(err)
			}
			run(t, db, "INSERT INTO t (id, a, b) VALUES (1, 'a', 'b')")
			run(t, db, test.byHand...)
			schema := schemaOf(t, db)
			_, err := m.Upgrade(t.Context(), db, "head")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
			if after := schemaOf(t, db); after != schema {
				t.Errorf("it was\n%s\nand is\n%s", schema, after)
			}
			if n := count(t, db, "SELECT count(*) FROM t WHERE b = 'b'"); n != 1 {
				t.Errorf("%d rows are left", n)
			}
		})
	}
}

func schemaOf(t *testing.T, db *dbmodule.Database) string {
	t.Helper()
	var all []string
	if err := db.DB().NewRaw("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'alembic%' ORDER BY name").Scan(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, "\n")
}

// What failed before the revision does not stand in its way.
func TestSQLiteRebuildBearsWhatFailedBefore(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite))
	m := newMigrator(t, source(startOfT("CREATE TABLE t ("+tWas+")"), rebuildOfT()))
	if _, err := m.Upgrade(t.Context(), db, "a1"); err != nil {
		t.Fatal(err)
	}
	run(t, db, "CREATE VIEW odd AS SELECT x FROM nowhere", "CREATE TRIGGER odd2 AFTER UPDATE ON t BEGIN INSERT INTO nowhere VALUES (1); END")
	if _, err := m.Upgrade(t.Context(), db, "head"); err != nil {
		t.Error(err)
	}
}

// Values that the revision has no way down for don't go either, unless it says
// so or there are none.
func TestSQLiteRebuildWithoutAWayDown(t *testing.T) {
	t.Parallel()
	up := anew(tIs, "`id`, `a`", "`id`, IFNULL(`a`, 'x')")
	for name, test := range map[string]struct {
		up, rows string
		refused  bool
	}{
		"values":               {up, "INSERT INTO t (id, b) VALUES (1, 'b')", true},
		"none":                 {up, "INSERT INTO t (id, a) VALUES (1, 'a')", false},
		"the revision says so": {"ALTER TABLE t DROP COLUMN b;\n" + up, "INSERT INTO t (id, b) VALUES (1, 'b')", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite))
			second := sqliteFolder("b2", "a1", test.up)
			second.down = "-"
			m := newMigrator(t, source(startOfT("CREATE TABLE t ("+tWas+")"), second))
			if _, err := m.Upgrade(t.Context(), db, "a1"); err != nil {
				t.Fatal(err)
			}
			run(t, db, test.rows)
			_, err := m.Upgrade(t.Context(), db, "head")
			if test.refused != (err != nil) || err != nil && !strings.Contains(err.Error(), "would lose the values of column b") {
				t.Errorf("%v, want a refusal: %t", err, test.refused)
			}
		})
	}
}

// A build that knows a revision by its history only takes it back without
// losing what is made by hand.
func TestSQLiteRebuildTakenBackByAnotherBuild(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite))
	start := startOfT("CREATE TABLE t (" + tWas + ")")
	if _, err := newMigrator(t, source(start, rebuildOfT())).Upgrade(t.Context(), db, "head"); err != nil {
		t.Fatal(err)
	}
	run(t, db, "ALTER TABLE t ADD COLUMN by_hand int", "INSERT INTO t (id, c, by_hand) VALUES (1, 2, 3)")
	old, err := migrate.New([]migrate.Source{source(start)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.Downgrade(t.Context(), db, "a1"); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, "SELECT count(*) FROM t WHERE by_hand = 3 AND b IS NULL"); n != 1 {
		t.Errorf("%d rows", n)
	}
	if n := count(t, db, "SELECT count(*) FROM pragma_table_xinfo('t') WHERE name = 'c'"); n != 0 {
		t.Error("the column that the way down drops is there")
	}
}

// A column of another branch outlives that a revision makes the table anew, in
// whichever order the branches come.
func TestSQLiteRebuildKeepsTheColumnOfAnotherBranch(t *testing.T) {
	t.Parallel()
	branch := folder{
		id: "e5", revises: "a1",
		ups:  map[dbmodule.Engine]string{dbmodule.SQLite: "ALTER TABLE t ADD COLUMN d varchar DEFAULT 'new';"},
		down: "ALTER TABLE t DROP COLUMN d;",
	}
	merge := folder{id: "f6", revises: "b2, e5", down: "SELECT 1;"}
	for _, first := range []string{"e5", "b2"} {
		t.Run(first+" first", func(t *testing.T) {
			t.Parallel()
			db := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite))
			m := newMigrator(t, source(startOfT("CREATE TABLE t ("+tWas+")"), rebuildOfT(), branch, merge))
			up := func(target string) {
				if _, err := m.Upgrade(t.Context(), db, target); err != nil {
					t.Fatal(err)
				}
			}
			up("a1")
			run(t, db, "INSERT INTO t (id, a, b) VALUES (1, 'one', 'b')")
			up(first)
			if first == "e5" {
				run(t, db, "UPDATE t SET d = '42'")
			}
			up("f6")
			if first == "b2" {
				run(t, db, "UPDATE t SET d = '42'")
			}
			if n := count(t, db, "SELECT count(*) FROM t WHERE id = 1 AND a = 'one' AND d = '42'"); n != 1 {
				t.Error("the column of the other branch lost its value")
			}
			if _, err := m.Downgrade(t.Context(), db, "e5"); err != nil {
				t.Fatal(err)
			}
			if n := count(t, db, "SELECT count(*) FROM t WHERE id = 1 AND d = '42'"); n != 1 {
				t.Error("the way down of the rebuild lost the other branch's column")
			}
		})
	}
}

// An index follows its table to the old name, and would go with it.
func TestSQLiteRebuildThatRenamesTheOldTableFirst(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite))
	m := newMigrator(t, source(
		folder{id: "a1", up: "CREATE TABLE t (id integer PRIMARY KEY, a text);"},
		folder{id: "b2", revises: "a1", up: "ALTER TABLE t RENAME TO old;\nCREATE TABLE t (id integer PRIMARY KEY, a text NOT NULL);\nINSERT INTO t (id, a) SELECT id, a FROM old;\nDROP TABLE old;"}))
	if _, err := m.Upgrade(t.Context(), db, "a1"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.DB().ExecContext(t.Context(), "CREATE INDEX by_hand ON t (a)"); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Upgrade(t.Context(), db, "head"); err == nil || !strings.Contains(err.Error(), "index by_hand would be lost") {
		t.Errorf("%v, want a refusal that names the index", err)
	}
	if n := count(t, db, "SELECT count(*) FROM sqlite_master WHERE name = 'by_hand'"); n != 1 {
		t.Errorf("%d indexes", n)
	}
}

// aside makes t anew as SQLite's FAQ shows it: the rows are put aside, and the
// table goes before it is made again.
func aside(body, columns, values string) string {
	return "CREATE TEMPORARY TABLE kept (" + columns + ");\nINSERT INTO kept SELECT " + values + " FROM t;\nDROP TABLE t;\n" +
		"CREATE TABLE t (" + body + ");\nINSERT INTO t (" + columns + ") SELECT " + columns + " FROM kept;\nDROP TABLE kept;\n"
}

// A table that goes before it is made again keeps what SQL can keep so, and the
// rest is refused by its name.
func TestSQLiteTableWhoseRowsArePutAside(t *testing.T) {
	t.Parallel()
	const was, is = "id integer PRIMARY KEY AUTOINCREMENT, a text, b text", "id integer PRIMARY KEY AUTOINCREMENT, a text NOT NULL"
	for name, test := range map[string]struct {
		byHand  []string
		still   []string // queries that must count 1
		refused string
	}{
		"an index and a trigger": {
			[]string{"CREATE INDEX by_hand ON t (a)", "CREATE TABLE log (x)", "CREATE TRIGGER tr AFTER INSERT ON t WHEN new.a = 'log' BEGIN INSERT INTO log VALUES (1); END"},
			[]string{"SELECT count(*) FROM sqlite_schema WHERE name = 'by_hand'", "SELECT count(*) FROM sqlite_schema WHERE name = 'tr'"},
			"",
		},
		"an index of a column that goes": {[]string{"CREATE INDEX by_hand ON t (b)"}, nil, "index by_hand is on column b"},
		"a view":                         {[]string{"CREATE VIEW v AS SELECT b FROM t"}, nil, "view v would fail from now on"},
		"a column with values":           {[]string{"ALTER TABLE t ADD COLUMN precious text", "UPDATE t SET precious = 'p'"}, nil, "would lose the values of column precious"},
		"a column without values": {
			[]string{"ALTER TABLE t ADD COLUMN empty text COLLATE NOCASE"}, []string{"SELECT count(*) FROM pragma_table_xinfo('t') WHERE name = 'empty'"}, "",
		},
		"the last number": {
			[]string{"INSERT INTO t (id, a) VALUES (90, 'x')", "DELETE FROM t WHERE id = 90"}, []string{"SELECT count(*) FROM sqlite_sequence WHERE name = 't' AND seq = 90"}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite))
			m := newMigrator(t, source(startOfT("CREATE TABLE t ("+was+")"), folder{
				id: "b2", revises: "a1", ups: map[dbmodule.Engine]string{dbmodule.SQLite: aside(is, "id, a", "id, a")}, down: aside(was, "id, a", "id, a"),
			}))
			if _, err := m.Upgrade(t.Context(), db, "a1"); err != nil {
				t.Fatal(err)
			}
			run(t, db, "INSERT INTO t (id, a, b) VALUES (3, 'a', 'b')")
			run(t, db, test.byHand...)
			before := schemaOf(t, db)
			_, err := m.Upgrade(t.Context(), db, "head")
			if (test.refused == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), test.refused) {
				t.Fatalf("%v, want %s", err, test.refused)
			}
			if after := schemaOf(t, db); err != nil && after != before {
				t.Errorf("it was\n%s\nand is\n%s", before, after)
			}
			for _, query := range append(test.still, "SELECT count(*) FROM t WHERE id = 3 AND a = 'a'") {
				if n := count(t, db, query); n != 1 {
					t.Errorf("%s is %d", query, n)
				}
			}
		})
	}
}

// Rows whose numbers are SQLite's own would get others.
func TestSQLiteRowsPutAsideKeepTheirNumbers(t *testing.T) {
	t.Parallel()
	for rows, refused := range map[string]bool{
		"INSERT INTO t (rowid, a) VALUES (1, 'a'), (2, 'b')": false,
		"INSERT INTO t (rowid, a) VALUES (1, 'a'), (7, 'b')": true,
	} {
		db := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite))
		m := newMigrator(t, source(startOfT("CREATE TABLE t (a text PRIMARY KEY)"), folder{
			id: "b2", revises: "a1", ups: map[dbmodule.Engine]string{dbmodule.SQLite: aside("a varchar PRIMARY KEY", "a", "a")}, down: "-",
		}))
		if _, err := m.Upgrade(t.Context(), db, "a1"); err != nil {
			t.Fatal(err)
		}
		run(t, db, rows)
		if _, err := m.Upgrade(t.Context(), db, "head"); refused != (err != nil) || err != nil && !strings.Contains(err.Error(), "would get other rowids") {
			t.Errorf("%s: %v, want a refusal: %t", rows, err, refused)
		}
	}
}

// A table that is dropped and made again without its rows is meant to be empty.
// What is made by hand on it comes back.
func TestSQLiteTableThatIsMadeEmptyAgain(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite))
	m := newMigrator(t, source(startOfT("CREATE TABLE t (a text, b text)"), sqliteFolder("b2", "a1", "DROP TABLE t;\nCREATE TABLE t (a text);")))
	if _, err := m.Upgrade(t.Context(), db, "a1"); err != nil {
		t.Fatal(err)
	}
	run(t, db, "INSERT INTO t VALUES ('a', 'b')", "CREATE INDEX by_hand ON t (a)", "CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT 1; END")
	if _, err := m.Upgrade(t.Context(), db, "head"); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, "SELECT count(*) FROM sqlite_schema WHERE name IN ('by_hand', 'tr')"); n != 2 {
		t.Errorf("%d of an index and a trigger are left", n)
	}
	if n := count(t, db, "SELECT count(*) FROM t"); n != 0 {
		t.Errorf("%d rows", n)
	}
}
