package migrate_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// otherShop is the other program of the tests.
func otherShop(dependsOn string) []folder {
	return []folder{
		{id: "s1", up: "CREATE TABLE shops (id INTEGER PRIMARY KEY);", down: "DROP TABLE shops;", dependsOn: dependsOn},
		{id: "s2", revises: "s1", up: "INSERT INTO shops (id) VALUES (1);", down: "DELETE FROM shops;"},
	}
}

// Two programs that share a database, and even the version table, leave each
// other's revisions alone.
func TestTwoPrograms(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		books, shops := newMigrator(t, source(bookshop()...)), newMigrator(t, source(otherShop("")...))
		for _, m := range []*migrate.Migrator{books, shops} {
			if _, err := m.Upgrade(t.Context(), db, "head"); err != nil {
				t.Fatal(err)
			}
		}
		for _, m := range []*migrate.Migrator{books, shops} {
			for _, target := range []string{"head", "heads"} {
				if steps, err := m.Upgrade(t.Context(), db, target); err != nil || len(steps) > 0 {
					t.Errorf("upgrade %s: %s, %v", target, stepIDs(steps), err)
				}
			}
			if s := state(t, m, db); !s.Ready() || len(s.Ahead) > 0 || len(s.Current) != 2 {
				t.Errorf("%+v", s)
			}
		}
		if steps, err := books.Downgrade(t.Context(), db, "-1"); err != nil || stepIDs(steps) != "c3" {
			t.Errorf("downgrade -1: %s, %v", stepIDs(steps), err)
		}
		if steps, err := books.Downgrade(t.Context(), db, "base"); err != nil || stepIDs(steps) != "b2 a1" || tables(t, db) != "shops" || current(t, books, db) != "s2" {
			t.Errorf("downgrade base: %s, %v, tables %s, at %s", stepIDs(steps), err, tables(t, db), current(t, books, db))
		}
		if steps, err := books.Upgrade(t.Context(), db, "+1"); err != nil || stepIDs(steps) != "a1" {
			t.Errorf("upgrade +1: %s, %v", stepIDs(steps), err)
		}
		if _, err := shops.Stamp(t.Context(), db, false, "base"); err != nil || current(t, books, db) != "a1" {
			t.Errorf("stamp base: %v, at %s", err, current(t, books, db))
		}
		if _, err := shops.Stamp(t.Context(), db, false, "head"); err != nil || current(t, books, db) != "a1 s2" {
			t.Errorf("stamp head: %v, at %s", err, current(t, books, db))
		}
		// Told so by name, a program takes back what the history knows.
		if steps, err := books.Downgrade(t.Context(), db, "s1"); err != nil || stepIDs(steps) != "s2" || current(t, books, db) != "a1 s1" {
			t.Errorf("downgrade s1: %s, %v, at %s", stepIDs(steps), err, current(t, books, db))
		}
		if steps, err := books.Downgrade(t.Context(), db, "s1@base"); err != nil || stepIDs(steps) != "s1" || tables(t, db) != "authors" {
			t.Errorf("downgrade s1@base: %s, %v, tables %s", stepIDs(steps), err, tables(t, db))
		}
	})
}

// What another program's revision depends on stays as long as that does.
func TestAnotherProgramDependsOnOne(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		books, both := newMigrator(t, source(bookshop()...)), newMigrator(t, source(bookshop()...), source(otherShop("b2")...))
		if _, err := both.Upgrade(t.Context(), db, "s2"); err != nil || current(t, both, db) != "s2" {
			t.Fatal(err, current(t, both, db))
		}
		if steps, err := books.Upgrade(t.Context(), db, "head"); err != nil || stepIDs(steps) != "c3" || current(t, books, db) != "c3 s2" {
			t.Errorf("upgrade: %s, %v, at %s", stepIDs(steps), err, current(t, books, db))
		}
		var held *graph.HeldError
		if steps, err := books.Downgrade(t.Context(), db, "base"); !errors.As(err, &held) || held.Revision != "b2" || held.By[0] != "s1" || len(steps) > 0 {
			t.Errorf("downgrade base: %s, %v", stepIDs(steps), err)
		}
		if steps, err := books.Downgrade(t.Context(), db, "b2"); err != nil || stepIDs(steps) != "c3" || current(t, books, db) != "s2" {
			t.Errorf("downgrade b2: %s, %v, at %s", stepIDs(steps), err, current(t, books, db))
		}
		if steps, err := books.Downgrade(t.Context(), db, "s1@base"); err != nil || stepIDs(steps) != "s2 s1" || current(t, books, db) != "b2" {
			t.Errorf("downgrade s1@base: %s, %v, at %s", stepIDs(steps), err, current(t, books, db))
		}
	})
}

// A revision of another program that is half done is that one's business.
func TestAnotherProgramIsHalfDone(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.MySQL))
	if _, err := newMigrator(t, source(folder{id: "s1", up: "CREATE TABLE shops (id INT);\nCREATE TABLE shops (id INT);"})).Upgrade(t.Context(), db, "head"); err == nil {
		t.Fatal("it was applied")
	}
	books := newMigrator(t, source(bookshop()...))
	if steps, err := books.Upgrade(t.Context(), db, "head"); err != nil || len(steps) != 3 || !state(t, books, db).Ready() {
		t.Errorf("%s, %v, %+v", stepIDs(steps), err, state(t, books, db))
	}
}

func TestVersionTableIsNamed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		table := migrate.VersionTable{Name: "Shop versions"}
		list := "SELECT count(*) FROM main.sqlite_master WHERE name IN ('Shop versions', 'Shop versions_history')"
		switch db.Engine() {
		case dbmodule.PostgreSQL:
			table.Schema, table.History = "Ops", "what ran"
			list = `SELECT count(*) FROM pg_tables WHERE schemaname = 'Ops' AND tablename IN ('Shop versions', 'what ran')`
			if _, err := db.DB().ExecContext(t.Context(), `CREATE SCHEMA "Ops"`); err != nil {
				t.Fatal(err)
			}
		case dbmodule.MySQL:
			table.Schema = dbName(t, db) + "_ops"
			list = "SELECT count(*) FROM information_schema.tables WHERE table_schema = '" + table.Schema + "' AND table_name LIKE 'Shop%'"
			if _, err := db.DB().ExecContext(t.Context(), "CREATE DATABASE `"+table.Schema+"`"); err != nil {
				t.Fatal(err)
			}
			defer db.DB().ExecContext(t.Context(), "DROP DATABASE `"+table.Schema+"`") //nolint:errcheck // it goes with the server otherwise
		}
		one := source(otherShop("")...)
		one.VersionTable = table
		shops, books := newMigrator(t, one, source(folder{id: "s3", revises: "s2", up: "SELECT 1;"})), newMigrator(t, source(bookshop()...))
		for _, m := range []*migrate.Migrator{shops, books} {
			if _, err := m.Upgrade(t.Context(), db, "head"); err != nil {
				t.Fatal(err)
			}
		}
		if at := current(t, shops, db) + ", " + current(t, books, db); at != "s3, c3" || count(t, db, list) != 2 {
			t.Errorf("at %s; %d tables", at, count(t, db, list))
		}
		if named := shops.VersionTable(); named.Name != table.Name || named.History == "" || books.VersionTable().History != "alembic_version_history" {
			t.Errorf("%+v", named)
		}
		if h, err := shops.History(t.Context(), db.DB()); err != nil || len(h) != 3 {
			t.Errorf("%v, %v", h, err)
		}
		if steps, err := shops.Downgrade(t.Context(), db, "base"); err != nil || len(steps) != 3 || tables(t, db) == "" {
			t.Errorf("%s, %v", stepIDs(steps), err)
		}
	})
	other := source(bookshop()...)
	other.VersionTable.Name = "other"
	third := migrate.Source{FS: fstest.MapFS{}, VersionTable: migrate.VersionTable{Name: "third"}}
	if _, err := migrate.New([]migrate.Source{other, third}); err == nil || !strings.Contains(err.Error(), "two version tables") {
		t.Error(err)
	}
}
