package autogen_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"ariga.io/atlas/sql/schema"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/dbtest"
	revisions "github.com/openhands-go/server/dbmodule/migrate"
)

// TestMatrixWithWhatNoModelKnows takes every change up and down over tables to
// which a person added a column with values, an index, a view and a trigger,
// and another branch of the revisions, merged with the change, a column with
// values and an index. All of it stays, and a comparison with the database
// finds nothing else.
func TestMatrixWithWhatNoModelKnows(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, d database) {
		ran := 0
		defer func() {
			if ran < 60 { // the rest drops or renames the table, or changes nothing on this engine
				t.Errorf("only %d changes keep their tables", ran)
			}
		}()
		for _, c := range matrix() {
			if len(c.only) == 0 || slices.Contains(c.only, d.engine) {
				t.Run(c.name, func(t *testing.T) {
					t.Cleanup(func() { empty(t, d) })
					if c.runByHand(t, d, "varchar(20) DEFAULT 'kept'") {
						ran++
					}
				})
			}
		}
	})
}

// runByHand takes the change up and down over tables with a column by_hand of
// this definition, and beside a branch. It reports whether there is something
// to do: a change of tables that stay.
func (c change) runByHand(t *testing.T, d database, definition string) bool {
	t.Helper()
	old, now := realm(t, d.engine, c.old...), realm(t, d.engine, c.new...)
	draft := compare(t, d.engine, old, now, c.hints(t)...)
	tables := stayingTables(old, now)
	if draft.Empty() || len(tables) == 0 {
		return false
	}
	if d.engine == dbmodule.PostgreSQL && strings.Contains(definition, "INITIALLY DEFERRED") {
		draft.Up, draft.Down = checkedAtOnce(draft.Up), checkedAtOnce(draft.Down)
	}
	m := branchedHistory(t, d.engine, compare(t, d.engine, schema.NewRealm(), old).Up, draft, tables)
	up := func(target string) {
		t.Helper()
		if _, err := m.Upgrade(t.Context(), d.whole, target); err != nil {
			t.Fatalf("upgrade %s: %v\nin\n%s", target, err, strings.Join(draft.Up, ";\n"))
		}
	}
	up("made")
	migrateEach(t, d, c.rows)
	t.Cleanup(func() {
		for _, statement := range unmadeByHand(d.engine, tables) {
			if _, err := d.db.DB.ExecContext(context.WithoutCancel(t.Context()), statement); err != nil {
				t.Error(err)
			}
		}
	})
	migrateEach(t, d, madeByHand(d.engine, tables, definition))
	up("branch")
	for _, table := range tables {
		migrateEach(t, d, []string{fmt.Sprintf(`UPDATE "%s" SET by_hand_branch = 'precious'`, table)})
	}
	before := byHand(t, d, tables)
	differs := strings.Join(compareLive(t, d, old, nil, c.old).Up, "\n")

	up("merged")
	if after := byHand(t, d, tables); after != before {
		t.Errorf("up: %s, want %s\n%s", after, before, strings.Join(draft.Up, ";\n"))
	}
	quietButByHand(t, "up", compareLive(t, d, now, nil, c.new))
	if _, err := m.Downgrade(t.Context(), d.whole, "change@made"); err != nil {
		t.Fatalf("downgrade: %v\nin\n%s", err, strings.Join(draft.Down, ";\n"))
	}
	if heads, err := m.Current(t.Context(), d.whole.DB()); err != nil || !slices.Equal(heads, []string{"branch"}) {
		t.Fatalf("after the way down at %v, %v, want the other branch", heads, err)
	}
	if after := byHand(t, d, tables); after != before {
		t.Errorf("down: %s, want %s\n%s", after, before, strings.Join(draft.Down, ";\n"))
	}
	found := compareLive(t, d, old, nil, c.old)
	quietButByHand(t, "down", found)
	if got := strings.Join(found.Up, "\n"); got != differs {
		t.Errorf("after the way down a comparison finds\n%s\nand before it\n%s", got, differs)
	}
	return true
}

// checkedAtOnce adds to a draft for PostgreSQL what the error of a table with a
// deferred constraint asks for.
func checkedAtOnce(statements []string) []string {
	var out []string
	for _, statement := range statements {
		if out = append(out, statement); strings.HasPrefix(statement, "UPDATE") {
			out = append(out, "SET CONSTRAINTS ALL IMMEDIATE")
		}
	}
	return out
}

// branchedHistory has the revisions made, change (a draft) and branch after
// it, and merged after both. branch adds a column and an index to each table.
func branchedHistory(t *testing.T, engine dbmodule.Engine, made []string, draft autogen.Draft, tables []string) *revisions.Migrator {
	t.Helper()
	var up, down []string
	for i, table := range tables {
		dropIndex := fmt.Sprintf("DROP INDEX by_hand_bx%d", i)
		if engine == dbmodule.MySQL {
			dropIndex += fmt.Sprintf(` ON "%s"`, table)
		}
		up = append(up, quoted(engine, fmt.Sprintf(`ALTER TABLE "%s" ADD COLUMN by_hand_branch varchar(20) DEFAULT 'kept'`, table)),
			quoted(engine, fmt.Sprintf(`CREATE INDEX by_hand_bx%d ON "%s" (by_hand_branch)`, i, table)))
		down = append(down, quoted(engine, dropIndex), quoted(engine, fmt.Sprintf(`ALTER TABLE "%s" DROP COLUMN by_hand_branch`, table)))
	}
	files := fstest.MapFS{}
	revision := func(id, revises, label string, up, down []string) {
		text := "-- migrate:upgrade\n" + strings.Join(append(up, ""), ";\n") + "-- migrate:downgrade\n" + strings.Join(append(down, ""), ";\n")
		files[id+"/"+revisions.RevisionFile] = &fstest.MapFile{Data: []byte("test\n\nRevision ID: " + id + "\nRevises: " + revises + "\nBranch Labels: " + label + "\n")}
		files[id+"/"+string(engine)+".sql"] = &fstest.MapFile{Data: []byte(text)}
	}
	revision("made", "", "", slices.Clone(made), nil)
	revision("change1", "made", "change", slices.Clone(draft.Up), slices.Clone(draft.Down))
	revision("branch", "made", "", up, down)
	revision("merged", "change1, branch", "", nil, nil)
	m, err := revisions.New([]revisions.Source{{FS: files}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// stayingTables are those that both states have.
func stayingTables(old, now *schema.Realm) []string {
	var names []string
	before, ok := old.Schema("")
	after, ok2 := now.Schema("")
	if !ok || !ok2 {
		return nil
	}
	for _, table := range before.Tables {
		if _, stays := after.Table(table.Name); stays {
			names = append(names, table.Name)
		}
	}
	return names
}

func madeByHand(engine dbmodule.Engine, tables []string, definition string) []string {
	out := []string{"CREATE TABLE by_hand_log (n varchar(20))", "CREATE UNIQUE INDEX by_hand_key ON by_hand_log (n)", "INSERT INTO by_hand_log VALUES ('precious')"}
	body := "BEGIN INSERT INTO by_hand_log VALUES (NULL); END"
	switch engine {
	case dbmodule.PostgreSQL:
		out = append(out, "CREATE FUNCTION by_hand_f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO by_hand_log VALUES (NULL); RETURN NEW; END $$")
		body = "FOR EACH ROW EXECUTE FUNCTION by_hand_f()"
	case dbmodule.MySQL:
		body = "FOR EACH ROW INSERT INTO by_hand_log VALUES (NULL)"
	}
	for i, table := range tables {
		out = append(
			out,
			fmt.Sprintf(`ALTER TABLE "%s" ADD COLUMN by_hand %s`, table, definition),
			fmt.Sprintf(`UPDATE "%s" SET by_hand = 'precious'`, table),
			fmt.Sprintf(`CREATE INDEX by_hand_ix%d ON "%s" (by_hand)`, i, table),
			fmt.Sprintf(`CREATE VIEW by_hand_v%d AS SELECT by_hand FROM "%s"`, i, table),
			fmt.Sprintf(`CREATE TRIGGER by_hand_tr%d AFTER INSERT ON "%s" %s`, i, table, body),
		)
	}
	return out
}

func unmadeByHand(engine dbmodule.Engine, tables []string) []string {
	var out []string
	for i := range tables {
		out = append(out, fmt.Sprintf("DROP VIEW IF EXISTS by_hand_v%d", i))
	}
	if engine == dbmodule.PostgreSQL {
		out = append(out, "DROP FUNCTION IF EXISTS by_hand_f() CASCADE")
	}
	return out
}

// byHand describes what was made by hand.
func byHand(t *testing.T, d database, tables []string) string {
	t.Helper()
	var parts []string
	for i, table := range tables {
		parts = append(parts, fmt.Sprintf("%s: %d and %d values, %d seen", table,
			count(t, d, quoted(d.engine, fmt.Sprintf(`SELECT count(*) FROM "%s" WHERE by_hand = 'precious'`, table))),
			count(t, d, quoted(d.engine, fmt.Sprintf(`SELECT count(*) FROM "%s" WHERE by_hand_branch = 'precious'`, table))),
			count(t, d, fmt.Sprintf("SELECT count(*) FROM by_hand_v%d", i))))
	}
	queries := map[dbmodule.Engine][]string{
		dbmodule.SQLite: {"SELECT count(*) FROM sqlite_master WHERE type IN ('index', 'trigger') AND name LIKE 'by_hand%'"},
		dbmodule.PostgreSQL: {
			"SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'by_hand%'", "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'by_hand%'",
			"SELECT count(*) FROM information_schema.columns WHERE column_name LIKE 'by_hand%' AND column_default LIKE '%kept%'",
		},
		dbmodule.MySQL: {
			"SELECT count(DISTINCT index_name) FROM information_schema.statistics WHERE table_schema = DATABASE() AND index_name LIKE 'by_hand%'",
			"SELECT count(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE()",
			"SELECT count(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND column_name LIKE 'by_hand%' AND column_default LIKE '%kept%'",
		},
	}
	for _, query := range queries[d.engine] {
		parts = append(parts, fmt.Sprint(count(t, d, query)))
	}
	return strings.Join(parts, "; ")
}

// quietButByHand fails if a comparison finds more than what was made by hand.
// Where that takes a rebuild on SQLite, the columns of it are those of models.
func quietButByHand(t *testing.T, when string, draft autogen.Draft) {
	t.Helper()
	isRebuild := func(s string) bool { return strings.HasPrefix(s, "CREATE TABLE `new_") }
	loud := slices.ContainsFunc(draft.Warnings, func(w autogen.Warning) bool { return !w.Down && !strings.Contains(w.String(), "by_hand") })
	if !slices.ContainsFunc(draft.Up, isRebuild) {
		// MariaDB numbers the keys that have no names: things_ibfk_1, cut to 64 characters.
		loud = loud || slices.ContainsFunc(draft.Up, func(s string) bool { return !strings.Contains(s, "by_hand") && !strings.Contains(s, "_ibf") })
	}
	if loud {
		t.Errorf("%s: a comparison with the database finds\n%s\n%s", when, strings.Join(draft.Up, "\n"), joinWarnings(draft.Warnings))
	}
}

// handMade are definitions of a column by hand, each in an engine's own words.
var handMade = map[dbmodule.Engine][]string{
	dbmodule.SQLite: {
		"varchar(20) DEFAULT 'kept'", "TEXT NOT NULL DEFAULT ('kept') COLLATE NOCASE", "DEFAULT 'kept' CHECK (by_hand <> 'bad')",
		"decimal(10, 2) CONSTRAINT \"by, hand\" NOT NULL DEFAULT 'kept' CONSTRAINT other CHECK (length(by_hand) > 1)",
		"text REFERENCES by_hand_log (n) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED",
	},
	dbmodule.PostgreSQL: {
		"varchar(20) DEFAULT 'kept'", `text NOT NULL DEFAULT lower('Kept') COLLATE "C"`, "text DEFAULT 'kept' CHECK (by_hand <> 'bad')",
		"char(8) CONSTRAINT other CHECK (length(by_hand) > 1)",
		"varchar(20) REFERENCES by_hand_log (n) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED",
	},
	dbmodule.MySQL: {
		"varchar(20) DEFAULT 'kept'", "varchar(20) COLLATE utf8mb4_bin NOT NULL DEFAULT 'kept' COMMENT 'it''s by hand'", "varchar(20) DEFAULT 'kept' CHECK (by_hand <> 'bad')",
		"varchar(20) NOT NULL DEFAULT (lower('Kept')) INVISIBLE",
		"varchar(20) REFERENCES by_hand_log (n) ON DELETE SET NULL",
	},
}

// The seeds are some of the changes: all of them take too long for a test that runs
// beside TestMatrixWithWhatNoModelKnows.
func FuzzMatrix(f *testing.F) { fuzzMatrix(f, dbmodule.SQLite, 7) }

func FuzzMatrixPostgreSQL(f *testing.F) { fuzzMatrix(f, dbmodule.PostgreSQL, 20) }

func FuzzMatrixMySQL(f *testing.F) { fuzzMatrix(f, dbmodule.MySQL, 20) }

// fuzzMatrix takes a change of the matrix over columns of any kind that no model
// knows. Its seeds are every step-th change.
func fuzzMatrix(f *testing.F, engine dbmodule.Engine, step int) {
	definitions := handMade[engine]
	changes := matrix()
	for i := 0; i < len(changes); i += step {
		f.Add(uint8(i), uint8(i))
	}
	// One database for all of them, emptied after each: making and dropping one
	// takes longer than a change does. And one change for each execution: Go
	// takes one of more than 10 s for a deadlock.
	cfg := dbtest.Config(f, engine)
	cfg.SlowQuery = 0 // f must not log while an execution runs
	whole := dbtest.Open(f, cfg)
	d := database{engine: engine, db: whole.DB(), whole: whole}
	f.Fuzz(func(t *testing.T, change, definition uint8) {
		c := changes[int(change)%len(changes)]
		if len(c.only) > 0 && !slices.Contains(c.only, engine) {
			return
		}
		t.Cleanup(func() { empty(t, d) })
		t.Logf("%s, over %s", c.name, definitions[int(definition)%len(definitions)])
		c.runByHand(t, d, definitions[int(definition)%len(definitions)])
	})
}
