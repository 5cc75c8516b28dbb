package migrate_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/openhands-go/server/dbmodule"
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
