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
		"behind comments": {"CREATE UNIQUE INDEX x ON t (v, w)", "ALTER /* old */ TABLE t /* it's */ DROP COLUMN v; SELECT 'x';", added, "index x of table t"},
		"other letters":   {"ALTER TABLE t RENAME TO größe; CREATE UNIQUE INDEX x ON größe (v, w)", "ALTER TABLE größe DROP COLUMN v;", added, "index x of table \"größe\""},
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

// Partitions, and tables that inherit, lose the column with the table.
func TestPostgresKeepsWhatPartitionsNeed(t *testing.T) {
	t.Parallel()
	const (
		columns        = "CREATE TABLE t (id bigint, v bigint, w bigint)"
		parts          = columns + " PARTITION BY RANGE (id); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (id); CREATE TABLE t2 PARTITION OF t1 DEFAULT;"
		inherits       = columns + "; CREATE TABLE t1 (own bigint) INHERITS (t); CREATE TABLE t2 () INHERITS (t1);"
		dropped, added = "ALTER TABLE t DROP COLUMN v;", "ALTER TABLE t ADD COLUMN v bigint;"
	)
	tests := map[string]struct {
		made, byHand, up, down string
		want                   string // "" if it runs
	}{
		"a partition":           {parts, "CREATE INDEX x ON t1 (v, w)", dropped, added, "index x of table t1 would be dropped with one of its columns"},
		"a part of it":          {parts, "CREATE UNIQUE INDEX x ON t2 (v, w)", dropped, added, "index x of table t2"},
		"an heir":               {inherits, "ALTER TABLE t1 ADD CONSTRAINT x CHECK (v > own)", dropped, added, "constraint x of table t1"},
		"an heir's heir":        {inherits, "CREATE STATISTICS x ON v, own FROM t2", dropped, added, "statistics x of table t2"},
		"of it alone":           {parts, "CREATE INDEX x ON t2 (v)", dropped, added, ""},
		"known by name":         {parts, "CREATE INDEX x ON t (v, w)", "DROP INDEX x;" + dropped, added + "CREATE INDEX x ON t (v, w);", ""},
		"a check of all":        {inherits, "ALTER TABLE t ADD CONSTRAINT x CHECK (v > w)", "ALTER TABLE t DROP CONSTRAINT x, DROP v;", added, ""},
		"kept by one taken off": {parts, "CREATE INDEX x ON t2 (v, w)", "ALTER TABLE t DETACH PARTITION t1;" + dropped, "DROP TABLE t1;" + added, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.Open(t, dbtest.Config(t, dbmodule.PostgreSQL))
			m := newMigrator(t, source(
				folder{id: "a1", up: tt.made, down: "DROP TABLE t CASCADE;"},
				folder{id: "b2", revises: "a1", up: tt.up, down: tt.down},
			))
			if _, err := m.Upgrade(t.Context(), db, "a1"); err != nil {
				t.Fatal(err)
			}
			run(t, db, tt.byHand)
			_, err := m.Upgrade(t.Context(), db, "head")
			if tt.want == "" {
				if err == nil {
					_, err = m.Downgrade(t.Context(), db, "a1")
				}
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || current(t, m, db) != "a1" {
				t.Errorf("at %s: %v, want %s", current(t, m, db), err, tt.want)
			}
		})
	}
}
