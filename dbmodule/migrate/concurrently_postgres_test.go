package migrate_test

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// waiting selects the server processes that wait within a statement with CONCURRENTLY.
const waiting = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query ILIKE '%concurrently%'"

// cutOff is a database on which the second of two revisions has been cut off while its last
// statement, which is marked no-transaction, waited for a writer of the table held.
func cutOff(t *testing.T, made, held, text string) (db *dbmodule.Database, m *migrate.Migrator, writer *dbmodule.Session) {
	t.Helper()
	db = dbtest.Open(t, dbtest.Config(t, dbmodule.PostgreSQL))
	m = newMigrator(t, source(folder{id: "a1", up: made}, folder{id: "b2", revises: "a1", up: "-- migrate:no-transaction\n" + text}))
	if _, err := m.Upgrade(t.Context(), db, "a1"); err != nil {
		t.Fatal(err)
	}
	writer = db.Sessions().New()
	t.Cleanup(func() { _ = writer.Close() })
	hold(t, writer, held)
	failed := make(chan error, 1)
	go func() {
		_, err := m.Upgrade(context.WithoutCancel(t.Context()), db, "head")
		failed <- err
	}()
	awaitCount(t, db, "SELECT count(*) "+waiting, 1)
	if n := count(t, db, "SELECT count(pg_terminate_backend(pid)) "+waiting); n != 1 {
		t.Fatalf("%d server processes were ended, want 1", n)
	}
	if err := <-failed; err == nil {
		t.Fatal("the upgrade was not cut off")
	}
	return db, m, writer
}

// hold begins a transaction for which statements with CONCURRENTLY wait.
func hold(t *testing.T, s *dbmodule.Session, table string) {
	t.Helper()
	if _, err := s.NewRaw("INSERT INTO ? VALUES (1, 'held')", bun.Ident(table)).Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// awaitCount waits until a query counts as many as wanted.
func awaitCount(t *testing.T, db *dbmodule.Database, query string, want int) {
	t.Helper()
	for count(t, db, query) != want {
		select {
		case <-t.Context().Done():
			t.Fatal(query)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// What a statement with CONCURRENTLY left half done does not count as done: the next run completes it.
func TestCutOffConcurrently(t *testing.T) {
	t.Parallel()
	const (
		table   = "CREATE TABLE t (id int, x text);"
		parts   = "CREATE TABLE t (id int, x text) PARTITION BY RANGE (id);\nCREATE TABLE p PARTITION OF t FOR VALUES FROM (0) TO (9);"
		invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
		valid   = "SELECT count(*) FROM pg_class AS c JOIN pg_index AS i ON i.indexrelid = c.oid WHERE i.indisvalid AND c.relname = "
	)
	for name, test := range map[string]struct {
		made, text string
		done       string // counts 1 once it is done
		held       string // the table of the writer; t if it is ""
	}{
		"an index":                    {table, "CREATE INDEX CONCURRENTLY ix ON t (x);", valid + "'ix'", ""},
		"a quoted one":                {table, `CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "Ix" ON ONLY t (id);`, valid + "'Ix'", ""},
		"one with other letters":      {table, "CREATE INDEX CONCURRENTLY größe ON t (x);", valid + "'größe'", ""},
		"one with a comment":          {table, "CREATE INDEX /* long */ CONCURRENTLY ix ON t (x);", valid + "'ix'", ""},
		"one without a blank":         {table, `CREATE INDEX CONCURRENTLY"ix"ON"t"(x);`, valid + "'ix'", ""},
		"one of another schema":       {table + "\nCREATE SCHEMA s;\nCREATE TABLE s.b (id int, x text);", "CREATE INDEX CONCURRENTLY ix ON s.b (x);", valid + "'ix'", "s.b"},
		"an index that goes":          {table + "\nCREATE INDEX ix ON t (x);", "DROP INDEX CONCURRENTLY ix;", "SELECT 1 - count(*) FROM pg_class WHERE relname = 'ix'", ""},
		"a partition that is no more": {parts, "ALTER TABLE t DETACH PARTITION p CONCURRENTLY;", "SELECT 1 - count(*) FROM pg_inherits", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, m, writer := cutOff(t, test.made, cmp.Or(test.held, "t"), test.text)
			if err := writer.Close(); err != nil {
				t.Fatal(err)
			}
			if n := count(t, db, test.done); n != 0 {
				t.Fatalf("%s: %d before the next run: this test shows nothing", test.done, n)
			}
			if steps, err := m.Upgrade(t.Context(), db, "head"); err != nil || stepIDs(steps) != "b2" {
				t.Fatal(stepIDs(steps), err)
			}
			for query, want := range map[string]int{test.done: 1, invalid: 0} {
				if n := count(t, db, query); n != want {
					t.Errorf("%s: %d, want %d", query, n, want)
				}
			}
		})
	}
}

// An index without a name is not built twice.
func TestCutOffIndexWithoutName(t *testing.T) {
	t.Parallel()
	db, m, writer := cutOff(t, "CREATE TABLE t (id int, x text);", "t", "CREATE INDEX CONCURRENTLY /* any */ ON t (x);")
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Upgrade(t.Context(), db, "head"); err == nil || !strings.Contains(err.Error(), "stamp it") {
		t.Errorf("%v", err)
	}
	if n := count(t, db, "SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass"); n != 1 {
		t.Errorf("%d indexes, want 1", n)
	}
}

// A server goes on with the statement of a process that was killed. A run that waits for it in vain does
// not know that the statement was not done, so the run after it finds it done.
func TestStatementOfAKilledProcessGoesOn(t *testing.T) {
	t.Parallel()
	const build = "CREATE INDEX CONCURRENTLY ix ON t (x);"
	db, m, writer := cutOff(t, "CREATE TABLE t (id int, x text);", "t", build)
	if err := writer.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"DROP INDEX ix", "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET lock_timeout = 50', current_database()); END $$"} {
		if _, err := db.DB().ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	hold(t, writer, "t")
	// This connection stands for that of the killed process.
	conn, err := db.DB().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(t.Context(), "SET lock_timeout = 0"); err != nil {
		t.Fatal(err)
	}
	built := make(chan error, 1)
	go func() {
		_, err := conn.ExecContext(context.WithoutCancel(t.Context()), build)
		built <- err
	}()
	awaitCount(t, db, "SELECT count(*) "+waiting, 1)
	if _, err := m.Upgrade(t.Context(), db, "head"); !errors.Is(err, dbmodule.ErrConflict) {
		t.Errorf("%v, want a conflict", err)
	}
	if err := errors.Join(writer.Close(), <-built); err != nil {
		t.Fatal(err)
	}
	if steps, err := m.Upgrade(t.Context(), db, "head"); err != nil || stepIDs(steps) != "b2" {
		t.Error(stepIDs(steps), err)
	}
	if n := count(t, db, "SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass AND indisvalid"); n != 1 {
		t.Errorf("%d indexes, want 1", n)
	}
}
