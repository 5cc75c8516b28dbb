package migrate_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// While a newer build's revision runs, or after it stopped in the middle, the build before
// works on: it is ready, and it can start again.
func TestNewerBuildsRevisionThatIsNotComplete(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		first := folder{id: "a1", up: "CREATE TABLE a (id INTEGER PRIMARY KEY);", down: "DROP TABLE a;"}
		older := newMigrator(t, source(first))
		newer := newMigrator(t, source(first, folder{id: "b2", revises: "a1", up: "-- migrate:no-transaction\nCREATE TABLE b (id INTEGER PRIMARY KEY);\n-- migrate:no-transaction\nDROP TABLE nothing;", down: "-"}))
		if _, err := older.Upgrade(t.Context(), db, "head"); err != nil {
			t.Fatal(err)
		}
		if _, err := newer.Upgrade(t.Context(), db, "head"); err == nil {
			t.Fatal("it was applied")
		}
		if s := state(t, newer, db); s.Ready() || !slices.Equal(s.Dirty, []string{"b2"}) || len(s.AheadDirty) > 0 {
			t.Errorf("the newer build: %+v", s)
		}
		if s := state(t, older, db); !s.Ready() || len(s.Dirty) > 0 || !slices.Equal(s.AheadDirty, []string{"b2"}) {
			t.Errorf("the older build: %+v", s)
		}
		if steps, err := older.Upgrade(t.Context(), db, "heads"); err != nil || len(steps) > 0 {
			t.Errorf("its start: %v, %v", steps, err)
		}
		var dirty *migrate.DirtyError
		for _, target := range []string{"a1", "base"} {
			if _, err := older.Downgrade(t.Context(), db, target); !errors.As(err, &dirty) {
				t.Errorf("downgrade to %s: %v", target, err)
			}
		}
		if _, err := newer.Upgrade(t.Context(), db, "a1"); !errors.As(err, &dirty) {
			t.Errorf("the newer build, upgrade to a1: %v", err)
		}
	})
}

// A newer build migrates the database between two revisions of an older one, as when both start at the
// same moment. The older one finds its revisions done, whatever the newer one has added to them.
func TestNewerBuildGoesFirst(t *testing.T) {
	t.Parallel()
	plain := func() []folder { return bookshop() }
	pieces := func() []folder {
		folders := bookshop()
		folders[1].up = "-- migrate:no-transaction\n" + folders[1].up
		return folders
	}
	for name, revisions := range map[string]func() []folder{"whole revisions": plain, "statement by statement": pieces} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, engine := range []dbmodule.Engine{dbmodule.SQLite, dbmodule.PostgreSQL} { // on MySQL the lock lasts the whole run
				cfg := dbtest.Config(t, engine)
				db, other := dbtest.Open(t, cfg), dbtest.Open(t, cfg)
				newer := newMigrator(t, source(append(revisions(),
					folder{id: "d4", revises: "c3", up: "CREATE TABLE four (id INTEGER);"}, folder{id: "e5", revises: "d4", up: "CREATE TABLE five (id INTEGER);"})...))
				older := newMigrator(t, source(revisions()...))
				older = older.With(migrate.WithProgress(func(p migrate.Progress) {
					if p.Phase == migrate.PhaseRunning && p.Step.Revision.ID == "b2" {
						if steps, err := newer.Upgrade(t.Context(), other, "head"); err != nil || stepIDs(steps) != "b2 c3 d4 e5" {
							t.Error(engine, stepIDs(steps), err)
						}
					}
				}))
				if steps, err := older.Upgrade(t.Context(), db, "head"); err != nil || stepIDs(steps) != "a1" {
					t.Errorf("%s: the older build ran %q: %v", engine, stepIDs(steps), err)
				}
				if got := current(t, newer, db); got != "e5" || count(t, db, "SELECT count(*) FROM authors") != 2 {
					t.Errorf("%s: at %s", engine, got)
				}
			}
		})
	}
}
