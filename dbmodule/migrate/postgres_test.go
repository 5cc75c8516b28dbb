package migrate_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// CREATE INDEX CONCURRENTLY runs outside a transaction, does not wait for the
// lock's own, and leaves an invalid index when it fails: that one is replaced.
func TestConcurrently(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.PostgreSQL))
	const index = "CREATE UNIQUE INDEX CONCURRENTLY uq ON books (title);\nINSERT INTO books (id, title) VALUES (3, 'three');"
	table := folder{id: "a1", up: "CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT);\nINSERT INTO books VALUES (1, 'one'), (2, 'one');"}
	up := func(text string) folder {
		return folder{id: "b2", revises: "a1", up: "INSERT INTO books (id, title) VALUES (9, 'nine');\n" + text}
	}

	_, err := newMigrator(t, source(table, up(index))).Upgrade(t.Context(), db, "head")
	if err == nil || !strings.Contains(err.Error(), `put the line "-- migrate:no-transaction" right before it`) {
		t.Fatalf("unmarked: %v", err)
	}
	if n := count(t, db, "SELECT count(*) FROM books"); n != 2 {
		t.Errorf("unmarked: %d rows", n)
	}

	m := newMigrator(t, source(table, up("-- migrate:no-transaction\n"+index)))
	if _, err := m.Upgrade(t.Context(), db, "head"); err == nil || !strings.Contains(err.Error(), "statements 1 to 1 stay done") {
		t.Fatalf("duplicates: %v", err)
	}
	if n := count(t, db, "SELECT count(*) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid WHERE c.relname = 'uq' AND NOT i.indisvalid"); n != 1 {
		t.Errorf("%d invalid indexes: the server left none, and this test shows nothing", n)
	}
	if s := state(t, m, db); len(s.Dirty) != 1 {
		t.Errorf("%+v", s)
	}
	if _, err := db.DB().ExecContext(t.Context(), "DELETE FROM books WHERE id = 2"); err != nil {
		t.Fatal(err)
	}
	if steps, err := m.Upgrade(t.Context(), db, "head"); err != nil || stepIDs(steps) != "b2" {
		t.Fatal(stepIDs(steps), err)
	}
	for query, want := range map[string]int{
		"SELECT count(*) FROM books": 3,
		"SELECT count(*) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid WHERE c.relname = 'uq' AND i.indisvalid":                     1,
		"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())": 0,
	} {
		if got := count(t, db, query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
}

// A revision of several transactions stops once its lock is gone, before it
// records anything more.
func TestSpanningLockIsLost(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.PostgreSQL))
	m := newMigrator(t, source(bookshop()[0], folder{
		id: "b2", revises: "a1",
		up: "INSERT INTO authors (id, name) VALUES (1, 'one');\n-- migrate:no-transaction\nVACUUM authors;\nINSERT INTO authors (id, name) VALUES (2, 'two');",
	}))
	killing := m.With(migrate.WithProgress(func(p migrate.Progress) {
		if p.Phase == migrate.PhaseStatement && p.Step.Revision.ID == "b2" && p.Statement == 1 {
			if n := count(t, db, "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"); n != 1 {
				t.Errorf("%d locks are held between the transactions, want 1", n)
			}
		}
	}))
	if _, err := killing.Upgrade(t.Context(), db, "head"); err == nil || !strings.Contains(err.Error(), "the lock on revisions was lost") {
		t.Fatal(err)
	}
	if n := count(t, db, "SELECT count(*) FROM authors"); n != 1 || current(t, m, db) != "a1" {
		t.Errorf("%d rows, at %s", n, current(t, m, db))
	}
	if steps, err := m.Upgrade(t.Context(), db, "head"); err != nil || stepIDs(steps) != "b2" {
		t.Errorf("%s, %v", stepIDs(steps), err)
	}
	if n := count(t, db, "SELECT count(*) FROM authors"); n != 2 {
		t.Errorf("%d rows", n)
	}
}

// While a revision of several transactions runs, nobody else begins anything
// between them, not on another branch either.
func TestNothingBetweenTransactions(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Config(t, dbmodule.PostgreSQL)
	db, other := dbtest.Open(t, cfg), dbtest.Open(t, cfg)
	folders := []folder{
		{id: "a1", up: "CREATE TABLE one (id INTEGER);\n-- migrate:no-transaction\nSELECT pg_sleep(0.7);\nINSERT INTO one VALUES (1);"},
		{id: "b2", up: "CREATE TABLE two (id INTEGER);"},
	}
	var finished atomic.Bool
	var wg sync.WaitGroup
	m := newMigrator(t, source(folders...))
	upgrading := m.With(migrate.WithProgress(func(p migrate.Progress) {
		switch {
		case p.Phase == migrate.PhaseStatement && p.Statement == 1:
			wg.Go(func() {
				if steps, err := m.Upgrade(t.Context(), other, "b2"); err != nil || stepIDs(steps) != "b2" {
					t.Error(stepIDs(steps), err)
				}
				finished.Store(true)
			})
		case p.Phase == migrate.PhaseStatement && finished.Load():
			t.Error("another revision was run in between")
		}
	}))
	if steps, err := upgrading.Upgrade(t.Context(), db, "a1"); err != nil || stepIDs(steps) != "a1" {
		t.Error(stepIDs(steps), err)
	}
	wg.Wait()
	if got := current(t, m, db); got != "a1 b2" {
		t.Errorf("at %s", got)
	}
}

// What else uses a column or a table stands in the way of a change. The error says what to do, and
// that helps.
func TestWhatDependsOnAColumn(t *testing.T) {
	t.Parallel()
	const made, view = "CREATE TABLE t (a int, b text);\n", "CREATE VIEW v AS SELECT a FROM t;\n"
	for name, test := range map[string]struct{ change, hint string }{
		"another type": {"ALTER TABLE t ALTER COLUMN a TYPE bigint;\n", "drop what uses the column before this statement"},
		"no column":    {"ALTER TABLE t DROP COLUMN a, ADD COLUMN a int;\n", "drop what depends on it before this statement"},
		"no table":     {"DROP TABLE t;\n" + made, "drop what depends on it before this statement"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.Open(t, dbtest.Config(t, dbmodule.PostgreSQL))
			if err := applied(t, db, made+view+test.change); err == nil || !strings.Contains(err.Error(), test.hint) {
				t.Errorf("%v", err)
			}
			if err := applied(t, db, made+view+"DROP VIEW v;\n"+test.change+view); err != nil {
				t.Error(err)
			}
		})
	}
}

// Rows that a deferred constraint has yet to look at stand in the way of ALTER
// TABLE. The error says how to have them looked at, and that helps.
func TestRowsThatWaitForADeferredConstraint(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.PostgreSQL))
	const (
		made  = "CREATE TABLE p (id int PRIMARY KEY);\nCREATE TABLE t (a text, p_id int REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO p VALUES (1);\nINSERT INTO t VALUES (NULL, 1);\n"
		alter = "ALTER TABLE t ALTER COLUMN a SET NOT NULL;\n"
		fill  = "UPDATE t SET a = 'x';\n"
	)
	err := applied(t, db, made+fill+alter)
	if err == nil || !strings.Contains(err.Error(), "pending trigger events") || !strings.Contains(err.Error(), `put the line "SET CONSTRAINTS ALL IMMEDIATE;" before this statement`) {
		t.Errorf("%v", err)
	}
	if err := applied(t, db, made+fill+"SET CONSTRAINTS ALL IMMEDIATE;\n"+alter); err != nil {
		t.Error(err)
	}
}
