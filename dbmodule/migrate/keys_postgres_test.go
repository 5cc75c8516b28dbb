package migrate_test

import (
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// A foreign key that a revision drops and adds again keeps what models can't say, or
// the revision is refused.
func TestPostgresKeyMadeAgainKeepsWhatNoModelSays(t *testing.T) {
	t.Parallel()
	const (
		off  = "ALTER TABLE t DROP CONSTRAINT x; "
		on   = "ALTER TABLE t ADD CONSTRAINT x FOREIGN KEY (a, b) REFERENCES p (a, b) ON DELETE SET NULL"
		up   = off + "ALTER TABLE t ALTER c TYPE bigint; " + on
		down = off + "ALTER TABLE t ALTER c TYPE integer; " + on
	)
	tests := map[string]struct {
		byHand, up, down string
		want             string // the end of the key's definition, after the way up
		back             string // and after the way down, if it is another
		refused          string // or why it does not run
	}{
		"plain":               {"", up, down, "SET NULL", "", ""},
		"deferrable":          {"DEFERRABLE", up, down, "SET NULL DEFERRABLE", "", ""},
		"deferred":            {"DEFERRABLE INITIALLY DEFERRED", up, down, "DEFERRABLE INITIALLY DEFERRED", "", ""},
		"deferred, several":   {"DEFERRABLE INITIALLY DEFERRED", up + ", ADD CONSTRAINT y UNIQUE (c) DEFERRABLE", down + "; ALTER TABLE t DROP CONSTRAINT y", "DEFERRABLE INITIALLY DEFERRED", "", ""},
		"no longer":           {"DEFERRABLE", up, down + " DEFERRABLE", "SET NULL", "SET NULL DEFERRABLE", ""},
		"from now on":         {"", up + " DEFERRABLE", down, "SET NULL DEFERRABLE", "SET NULL", ""},
		"says NOT DEFERRABLE": {"DEFERRABLE", up + " NOT DEFERRABLE", down, "SET NULL", "", ""},
		"dropped":             {"DEFERRABLE", off, on, "", "SET NULL", ""},
		"some columns":        {"(a)", up, down, "", "", "foreign key x of table t would lose ON DELETE SET NULL (a)"},
		"some columns, known": {"(a)", up + " (a)", down + " (a)", "SET NULL (a)", "", ""},
		"others from now on":  {"(a)", up + " (b)", down + " (a)", "SET NULL (b)", "SET NULL (a)", ""},
		"MATCH FULL":          {"MATCH FULL", up, down, "", "", "would lose MATCH FULL"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.Open(t, dbtest.Config(t, dbmodule.PostgreSQL))
			m := newMigrator(t, source(
				folder{id: "a1", up: "CREATE TABLE p (a bigint, b bigint, PRIMARY KEY (a, b)); CREATE TABLE t (a bigint, b bigint, c integer);", down: "DROP TABLE t; DROP TABLE p;"},
				folder{id: "b2", revises: "a1", ups: map[dbmodule.Engine]string{dbmodule.PostgreSQL: tt.up + ";"}, down: tt.down + ";"},
			))
			if _, err := m.Upgrade(t.Context(), db, "a1"); err != nil {
				t.Fatal(err)
			}
			byHand := on + " " + tt.byHand
			if tt.byHand == "MATCH FULL" {
				byHand = strings.Replace(on, " ON DELETE", " MATCH FULL ON DELETE", 1)
			}
			run(t, db, byHand, "INSERT INTO p VALUES (1, 2)", "INSERT INTO t VALUES (1, 2, 3)")
			look := func(when, want string) {
				t.Helper()
				var got string
				err := db.DB().NewRaw("SELECT coalesce(max(pg_get_constraintdef(oid)), '') FROM pg_constraint WHERE conname = 'x'").Scan(t.Context(), &got)
				if err != nil || !strings.HasSuffix(got, want) || want == "" && got != "" {
					t.Errorf("%s: %q, %v, want %q at its end", when, got, err, want)
				}
			}
			_, err := m.Upgrade(t.Context(), db, "head")
			if tt.refused != "" {
				if err == nil || !strings.Contains(err.Error(), tt.refused) || current(t, m, db) != "a1" {
					t.Errorf("at %s: %v, want %s", current(t, m, db), err, tt.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			look("up", tt.want)
			if _, err := m.Downgrade(t.Context(), db, "a1"); err != nil {
				t.Fatal(err)
			}
			if tt.back != "" {
				tt.want = tt.back
			}
			look("down", tt.want)
		})
	}
}

// A unique constraint that another tool made goes where a revision drops its index, as
// drafts do for models.
func TestPostgresUniqueConstraintIsDroppedAsAnIndex(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.PostgreSQL))
	m := newMigrator(t, source(
		folder{id: "a1", up: `CREATE TABLE "T" (a bigint PRIMARY KEY, b bigint);`, down: `DROP TABLE "T";`},
		folder{id: "b2", revises: "a1", up: `DROP INDEX "Uq";`, down: `CREATE UNIQUE INDEX "Uq" ON "T" (b);`},
	))
	if _, err := m.Upgrade(t.Context(), db, "a1"); err != nil {
		t.Fatal(err)
	}
	run(t, db, `ALTER TABLE "T" ADD CONSTRAINT "Uq" UNIQUE (b)`)
	for _, form := range []string{"a constraint", "an index"} {
		if _, err := m.Upgrade(t.Context(), db, "b2"); err != nil {
			t.Fatalf("%s: %v", form, err)
		}
		if n := count(t, db, "SELECT count(*) FROM pg_class WHERE relname = 'Uq'"); n != 0 {
			t.Errorf("%s: it is still there", form)
		}
		if _, err := m.Downgrade(t.Context(), db, "a1"); err != nil {
			t.Fatalf("%s: %v", form, err)
		}
	}
}
