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

// What WriteSQL prints leads to the same database as running the steps.
func TestWrittenSQLIsWhatRuns(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		m := newMigrator(t, source(bookshop()...))
		apply := func(down bool, target string) string {
			t.Helper()
			plan := m.PlanUpgrade
			if down {
				plan = func(ctx context.Context, db bun.IDB, targets ...string) ([]migrate.Step, error) {
					return m.PlanDowngrade(ctx, db, targets[0])
				}
			}
			steps, err := plan(t.Context(), db.DB(), target)
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			if err := m.WriteSQL(&text, db, steps); err != nil {
				t.Fatal(err)
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
					t.Fatalf("%s: %v", statement.Text, err)
				}
			}
			return text.String()
		}
		text := apply(false, "head")
		for _, want := range []string{"-- Running upgrade  -> a1, revision a1\n", "-- Running upgrade a1 -> b2, revision b2\n", "COMMIT;"} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in\n%s", want, text)
			}
		}
		if s := state(t, m, db); !s.Ready() || len(s.Drifted) != 0 || current(t, m, db) != "c3" || tables(t, db) != "authors books" {
			t.Errorf("%+v, tables %s", s, tables(t, db))
		}
		if n := count(t, db, "SELECT count(*) FROM authors"); n != 2 {
			t.Errorf("%d authors", n)
		}
		apply(true, "base")
		if current(t, m, db) != "" || tables(t, db) != "" {
			t.Errorf("at %q, tables %s", current(t, m, db), tables(t, db))
		}
		if history, err := m.History(t.Context(), db.DB()); err != nil || len(history) != 6 {
			t.Errorf("%d entries, %v", len(history), err)
		}
		// The history that was written holds up: its own runner goes on from it.
		if ran, err := m.Upgrade(t.Context(), db, "head"); err != nil || stepIDs(ran) != "a1 b2 c3" {
			t.Errorf("ran %s, %v", stepIDs(ran), err)
		}
	})
}

// What db upgrade reads from the live table, printed SQL can't: it says so at its top.
func TestWrittenSQLOfMySQLSaysWhatItCannotCarry(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.MySQL))
	m := newMigrator(t, source(folder{id: "a1", up: "CREATE TABLE a (x int);", down: "DROP TABLE a;"}))
	steps, err := m.PlanUpgrade(t.Context(), db.DB(), "head")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := m.WriteSQL(&text, db, steps); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(text.String(), "-- MODIFY and CHANGE state a column whole.") {
		t.Errorf("it does not say what it leaves out:\n%s", text.String())
	}
}
