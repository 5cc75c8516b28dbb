package migrate_test

import (
	"errors"
	"testing"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
)

func TestUpgradeAndDowngrade(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		m := newMigrator(t, source(bookshop()...))
		if s := state(t, m, db); len(s.Current) != 0 || len(s.Pending) != 3 || s.Ready() {
			t.Errorf("before: %+v", s)
		}
		for _, step := range []struct {
			target, ran, current, tables string
			down                         bool
		}{
			{"+1", "a1", "a1", "authors", false},
			{"head", "b2 c3", "c3", "authors books", false},
			{"heads", "", "c3", "authors books", false},
			{"-1", "c3", "b2", "authors books", true},
			{"a1", "b2", "a1", "authors", true},
			{"base", "a1", "", "", true},
			{"b2", "a1 b2", "b2", "authors books", false},
			{"head", "c3", "c3", "authors books", false},
		} {
			var ran []migrate.Step
			var err error
			if step.down {
				ran, err = m.Downgrade(t.Context(), db, step.target)
			} else {
				ran, err = m.Upgrade(t.Context(), db, step.target)
			}
			if err != nil {
				t.Fatalf("%s: %v", step.target, err)
			}
			if got := stepIDs(ran); got != step.ran {
				t.Errorf("%s: ran %q, want %q", step.target, got, step.ran)
			}
			if got := current(t, m, db); got != step.current {
				t.Errorf("%s: at %q, want %q", step.target, got, step.current)
			}
			if got := tables(t, db); got != step.tables {
				t.Errorf("%s: tables %q, want %q", step.target, got, step.tables)
			}
		}
		if s := state(t, m, db); !s.Ready() || len(s.Drifted) != 0 {
			t.Errorf("after: %+v", s)
		}
		if n := count(t, db, "SELECT count(*) FROM authors"); n != 2 {
			t.Errorf("%d authors, want 2", n)
		}
		history, err := m.History(t.Context(), db.DB())
		if err != nil || len(history) != 9 {
			t.Fatalf("%d entries, %v", len(history), err)
		}
		for _, entry := range history {
			if entry.Status != migrate.StatusDone || entry.Build != "test 1" || entry.StatementsDone != entry.StatementsTotal || len(entry.Checksum) != 64 {
				t.Errorf("%+v", entry)
			}
		}
	})
}

// A failing statement leaves nothing on engines whose DDL has transactions,
// and is where the next run goes on elsewhere.
func TestFailingStatement(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		broken := folder{id: "a1", up: "CREATE TABLE one (id INTEGER PRIMARY KEY);\nINSERT INTO one VALUES (1);\nINSERT INTO nowhere VALUES (1);\nCREATE TABLE three (id INTEGER PRIMARY KEY);"}
		m := newMigrator(t, source(broken))
		ran, err := m.Upgrade(t.Context(), db, "head")
		var failed *migrate.StatementError
		if !errors.As(err, &failed) || failed.Index != 3 || failed.Total != 4 || failed.Line != 4 || len(ran) != 0 {
			t.Fatalf("ran %q, %v", stepIDs(ran), err)
		}
		t.Log(err)
		if got := current(t, m, db); got != "" {
			t.Errorf("at %q", got)
		}
		resumes := db.Engine() == dbmodule.MySQL
		want := ""
		if resumes {
			want = "one"
		}
		if got := tables(t, db); got != want {
			t.Errorf("tables %q, want %q", got, want)
		}
		s := state(t, m, db)
		if (len(s.Dirty) == 1) != resumes || s.Ready() {
			t.Errorf("%+v", s)
		}

		if resumes {
			edited := broken
			edited.up = "CREATE TABLE uno (id INTEGER PRIMARY KEY);\nINSERT INTO one VALUES (1);\nCREATE TABLE three (id INTEGER PRIMARY KEY);"
			_, err := newMigrator(t, source(edited)).Upgrade(t.Context(), db, "head")
			var changed *migrate.EditedError
			if !errors.As(err, &changed) || changed.Index != 1 {
				t.Errorf("edited: %v", err)
			}
		}
		broken.up = "CREATE TABLE one (id INTEGER PRIMARY KEY);\nINSERT INTO one VALUES (1);\nCREATE TABLE two (id INTEGER PRIMARY KEY);\nCREATE TABLE three (id INTEGER PRIMARY KEY);"
		m = newMigrator(t, source(broken))
		if ran, err := m.Upgrade(t.Context(), db, "head"); err != nil || stepIDs(ran) != "a1" {
			t.Fatalf("mended: ran %q, %v", stepIDs(ran), err)
		}
		if got := tables(t, db); got != "one three two" {
			t.Errorf("tables %q", got)
		}
		if n := count(t, db, "SELECT count(*) FROM one"); n != 1 {
			t.Errorf("%d rows, want 1", n)
		}
		if s := state(t, m, db); !s.Ready() || len(s.Drifted) != 0 {
			t.Errorf("%+v", s)
		}
	})
}
