package migrate_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// A build that lacks the newest revisions leaves them alone, works on, and can
// take them back by what the database keeps.
func TestOlderBuild(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		newer := bookshop()
		newer[2].labels = "extra"
		m := newMigrator(t, source(newer...))
		if _, err := m.Upgrade(t.Context(), db, "head"); err != nil {
			t.Fatal(err)
		}
		old := newMigrator(t, source(bookshop()[:1]...))
		s := state(t, old, db)
		if !s.Ready() || !slices.Equal(s.Ahead, []string{"b2", "c3"}) || s.Behind() || len(s.Unknown) > 0 {
			t.Errorf("%+v", s)
		}
		if steps, err := old.Upgrade(t.Context(), db, "heads"); err != nil || len(steps) > 0 {
			t.Errorf("upgrade: %s, %v", stepIDs(steps), err)
		}
		steps, err := old.Downgrade(t.Context(), db, "a1")
		if err != nil || stepIDs(steps) != "c3 b2" || tables(t, db) != "authors" {
			t.Fatalf("downgrade: %s, %v, tables %s", stepIDs(steps), err, tables(t, db))
		}
		if s := state(t, old, db); !s.Ready() || len(s.Ahead) > 0 {
			t.Errorf("%+v", s)
		}
		if steps, err := m.Upgrade(t.Context(), db, "head"); err != nil || stepIDs(steps) != "b2 c3" {
			t.Errorf("again: %s, %v", stepIDs(steps), err)
		}
	})
}

func TestIrreversible(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite))
	folders := bookshop()
	folders[1].down = "-"
	m := newMigrator(t, source(folders...))
	if _, err := m.Upgrade(t.Context(), db, "head"); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*migrate.Migrator{m, newMigrator(t, source(folders[:1]...))} {
		steps, err := m.Downgrade(t.Context(), db, "base")
		var irreversible *migrate.IrreversibleError
		if !errors.As(err, &irreversible) || irreversible.Revision.ID != "b2" || len(steps) > 0 {
			t.Errorf("%s, %v", stepIDs(steps), err)
		}
	}
	if got := current(t, m, db); got != "c3" {
		t.Errorf("at %s: it went down before it saw that it can't", got)
	}
}

func TestDrift(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		if _, err := newMigrator(t, source(bookshop()...)).Upgrade(t.Context(), db, "head"); err != nil {
			t.Fatal(err)
		}
		edited := bookshop()
		edited[0].up = "-- a comment\n" + strings.ReplaceAll(edited[0].up, ";", ";\n\n")
		if s := state(t, newMigrator(t, source(edited...)), db); len(s.Drifted) > 0 {
			t.Errorf("comments and empty lines: %+v", s)
		}
		edited[0].up = strings.ReplaceAll(edited[0].up, "50", "60")
		m := newMigrator(t, source(edited...))
		if s := state(t, m, db); !slices.Equal(s.Drifted, []string{"a1"}) || !s.Ready() {
			t.Errorf("%+v", s)
		}
		// Run again, it is what it says.
		if _, err := m.Downgrade(t.Context(), db, "base"); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Upgrade(t.Context(), db, "head"); err != nil {
			t.Fatal(err)
		}
		if s := state(t, m, db); len(s.Drifted) > 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestStamp(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		m := newMigrator(t, source(bookshop()...))
		for _, step := range []struct {
			target, current string
			purge           bool
		}{
			{"b2", "b2", false}, {"head", "c3", false}, {"a1", "a1", false}, {"base", "", false}, {"heads", "c3", true},
		} {
			if _, err := m.Stamp(t.Context(), db, step.purge, step.target); err != nil {
				t.Fatalf("%s: %v", step.target, err)
			}
			if got := current(t, m, db); got != step.current || tables(t, db) != "" {
				t.Errorf("%s: at %q, tables %s", step.target, got, tables(t, db))
			}
		}
		// What somebody else stamped is refused by all but a purge.
		if _, err := db.DB().ExecContext(t.Context(), "UPDATE alembic_version SET version_num = 'stranger'"); err != nil {
			t.Fatal(err)
		}
		var unknown *migrate.UnknownVersionError
		_, upErr := m.Upgrade(t.Context(), db, "head")
		_, downErr := m.Downgrade(t.Context(), db, "base")
		_, stampErr := m.Stamp(t.Context(), db, false, "head")
		for _, err := range []error{upErr, downErr, stampErr} {
			if !errors.As(err, &unknown) || !slices.Equal(unknown.Revisions, []string{"stranger"}) {
				t.Error(err)
			}
		}
		if s := state(t, m, db); s.Ready() || !slices.Equal(s.Unknown, []string{"stranger"}) {
			t.Errorf("%+v", s)
		}
		if _, err := m.Stamp(t.Context(), db, true, "a1"); err != nil || current(t, m, db) != "a1" {
			t.Errorf("purge: %v, at %s", err, current(t, m, db))
		}
	})
}

// A stamp settles what was left half done.
func TestStampSettles(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.MySQL))
	folders := bookshop()
	folders[1].up = "CREATE TABLE books (id INTEGER PRIMARY KEY);\nDROP TABLE nothing;"
	m := newMigrator(t, source(folders...))
	if _, err := m.Upgrade(t.Context(), db, "head"); err == nil {
		t.Fatal("it was applied")
	}
	var dirty *migrate.DirtyError
	if _, err := m.Downgrade(t.Context(), db, "base"); !errors.As(err, &dirty) || dirty.Entries[0].Revision != "b2" || dirty.Entries[0].StatementsDone != 1 {
		t.Errorf("downgrade: %v", err)
	}
	if history, err := m.History(t.Context(), db.DB()); err != nil || !strings.Contains(history[1].Error, "nothing") {
		t.Errorf("%+v, %v", history, err)
	}
	if _, err := m.Stamp(t.Context(), db, false, "b2"); err != nil {
		t.Fatal(err)
	}
	if s := state(t, m, db); len(s.Dirty) > 0 || !slices.Equal(s.Pending, []string{"c3"}) {
		t.Errorf("%+v", s)
	}
	if steps, err := m.Upgrade(t.Context(), db, "head"); err != nil || stepIDs(steps) != "c3" {
		t.Errorf("%s, %v", stepIDs(steps), err)
	}
}

func TestReadOnlyDatabase(t *testing.T) {
	t.Parallel()
	url := dbtest.URL(t, dbmodule.SQLite)
	open := func(suffix string) *dbmodule.Database {
		cfg := dbmodule.DefaultConfig()
		if err := cfg.URL.UnmarshalText([]byte(url + suffix)); err != nil {
			t.Fatal(err)
		}
		return dbtest.Open(t, cfg)
	}
	m := newMigrator(t, source(bookshop()...))
	if _, err := m.Upgrade(t.Context(), open(""), "a1"); err != nil {
		t.Fatal(err)
	}
	db := open("?mode=ro")
	if s := state(t, m, db); !slices.Equal(s.Pending, []string{"b2", "c3"}) {
		t.Errorf("%+v", s)
	}
	_, err := m.Upgrade(t.Context(), db, "head")
	if !errors.Is(err, dbmodule.ErrReadOnly) || !strings.Contains(err.Error(), "b2") {
		t.Errorf("%v", err)
	}
}

// Tables that were made without revisions are not mistaken for anything, and
// the error says how to go on.
func TestTablesWithoutRevision(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		if _, err := db.DB().ExecContext(t.Context(), "CREATE TABLE authors (id INTEGER PRIMARY KEY)"); err != nil {
			t.Fatal(err)
		}
		m := newMigrator(t, source(bookshop()...))
		_, err := m.Upgrade(t.Context(), db, "head")
		if err == nil || !strings.Contains(err.Error(), "record that by stamp a1") {
			t.Fatal(err)
		}
		if _, err := m.Stamp(t.Context(), db, false, "a1"); err != nil {
			t.Fatal(err)
		}
		if steps, err := m.Upgrade(t.Context(), db, "b2"); err != nil || stepIDs(steps) != "b2" {
			t.Errorf("%s, %v", stepIDs(steps), err)
		}
	})
}
