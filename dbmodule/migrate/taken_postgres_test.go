package migrate_test

import (
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// PostgreSQL drops with a column what uses it together with others. A revision that
// does not know such an object is refused whole.
func TestPostgresKeepsWhatOtherColumnsNeed(t *testing.T) {
	t.Parallel()
	const dropped, added = "ALTER TABLE t DROP COLUMN v;", "ALTER TABLE t ADD COLUMN v bigint;"
	tests := map[string]struct {
		byHand, up, down string
		want             string // "" if it runs
	}{
		"two columns":     {"CREATE UNIQUE INDEX x ON t (v, w)", dropped, added, "index x of table t would be dropped with one of its columns"},
		"a condition":     {"CREATE UNIQUE INDEX x ON t (w) WHERE v IS NULL", dropped, added, "index x of table t"},
		"an expression":   {"CREATE INDEX x ON t ((v + w))", dropped, added, "index x of table t"},
		"INCLUDE":         {"CREATE INDEX x ON t (w) INCLUDE (v)", dropped, added, "index x of table t"},
		"a check":         {`ALTER TABLE t ADD CONSTRAINT "X" CHECK (v > 0 OR w > 0)`, dropped, added, "constraint X of table t"},
		"a key":           {"ALTER TABLE t ADD CONSTRAINT x FOREIGN KEY (v, w) REFERENCES p (a, b)", dropped, added, "constraint x of table t"},
		"statistics":      {"CREATE STATISTICS x ON v, w FROM t", dropped, added, "statistics x of table t"},
		"of both columns": {"CREATE UNIQUE INDEX x ON t (v, w)", "ALTER TABLE t DROP v; ALTER TABLE t DROP w;", added + "ALTER TABLE t ADD w bigint;", ""},
		"of it alone":     {"CREATE UNIQUE INDEX x ON t (v)", dropped, added, ""},
		"of other ones":   {"CREATE UNIQUE INDEX x ON t (w, id)", "ALTER TABLE t DROP v, ALTER w TYPE integer;", added + "ALTER TABLE t ALTER w TYPE bigint;", ""},
		"known by name":   {"CREATE UNIQUE INDEX x ON t (v, w)", dropped, added + "CREATE UNIQUE INDEX IF NOT EXISTS X ON t (v, w);", ""},
		"dropped":         {"CREATE UNIQUE INDEX x ON t (v, w)", "DROP INDEX x;" + dropped, added, ""},
		"with the table":  {"CREATE UNIQUE INDEX x ON t (v, w)", dropped + "DROP TABLE t;", "CREATE TABLE t (id bigint PRIMARY KEY, v bigint, w bigint);", ""},
		"another's index": {"CREATE UNIQUE INDEX x ON p (c)", dropped, added, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.Open(t, dbtest.Config(t, dbmodule.PostgreSQL))
			m := newMigrator(t, source(
				folder{id: "a1", up: "CREATE TABLE p (a bigint, b bigint, c bigint, PRIMARY KEY (a, b)); CREATE TABLE t (id bigint PRIMARY KEY, v bigint, w bigint);", down: "DROP TABLE t; DROP TABLE p;"},
				folder{id: "b2", revises: "a1", ups: map[dbmodule.Engine]string{dbmodule.PostgreSQL: tt.up}, down: tt.down},
			))
			if _, err := m.Upgrade(t.Context(), db, "a1"); err != nil {
				t.Fatal(err)
			}
			run(t, db, tt.byHand)
			_, err := m.Upgrade(t.Context(), db, "head")
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) || current(t, m, db) != "a1" {
					t.Errorf("at %s: %v, want %s", current(t, m, db), err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := m.Downgrade(t.Context(), db, "a1"); err != nil {
				t.Error(err)
			}
		})
	}
}
