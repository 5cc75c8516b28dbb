package migrate_test

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// A program that uses tables in another order than the revision does not
// deadlock with it: the revision locks all of them first, and lets go of them
// before the server looks for somebody to fail.
func TestRevisionsDoNotDeadlockWithWriters(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ up, first, second string }{
		"rows of a table that it refers to": {
			up: "CREATE TABLE prizes (author_id INTEGER NOT NULL REFERENCES authors (id));\n" +
				"INSERT INTO prizes (author_id) SELECT id FROM authors;",
			first:  "SELECT id FROM authors WHERE id = 1 FOR UPDATE",
			second: "UPDATE authors SET name = 'other' WHERE id = 1",
		},
		"two tables": {
			up:     "ALTER TABLE authors ADD COLUMN age INTEGER;\nALTER TABLE books ADD COLUMN age INTEGER;",
			first:  "UPDATE books SET title = 'other' WHERE id = 1",
			second: "UPDATE authors SET name = 'other' WHERE id = 1",
		},
		"a foreign key that goes": {
			up:     "CREATE INDEX ix_authors_name ON authors (name);\nDROP TABLE prices;",
			first:  "UPDATE books SET title = 'other' WHERE id = 1",
			second: "UPDATE authors SET name = 'other' WHERE id = 1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.Open(t, dbtest.Config(t, dbmodule.PostgreSQL))
			before := "CREATE TABLE prices (book_id INTEGER REFERENCES books (id), n INTEGER);\n" +
				"INSERT INTO books (id, title) VALUES (1, 'one');\nINSERT INTO authors (id, name) VALUES (1, 'one');"
			m := newMigrator(t, source(bookshop()[0], bookshop()[1],
				folder{id: "c3", revises: "b2", up: before}, folder{id: "d4", revises: "c3", up: test.up}))
			if _, err := m.Upgrade(t.Context(), db, "c3"); err != nil {
				t.Fatal(err)
			}
			writer, err := db.DB().BeginTx(t.Context(), &sql.TxOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = writer.Rollback() }()
			exec := func(statement string) {
				t.Helper()
				if _, err := writer.ExecContext(t.Context(), "?", bun.Safe(statement)); err != nil {
					t.Fatalf("the writer failed: %s: %v", statement, err)
				}
			}
			exec(test.first)
			done := make(chan error, 1)
			go func() {
				_, err := m.Upgrade(t.Context(), db, "head")
				done <- err
			}()
			awaitWaits(t, db, done)
			exec(test.second)
			if err := writer.Commit(); err != nil {
				t.Fatalf("the writer failed: %v", err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		})
	}
}

// awaitWaits returns once a revision has waited for a lock for longer than the
// server's deadlock_timeout, or has let go and waits again.
func awaitWaits(t *testing.T, db *dbmodule.Database, done <-chan error) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	starts := map[string]bool{}
	for {
		select {
		case err := <-done:
			t.Fatalf("the revision did not wait: %v", err)
		case <-tick.C:
		}
		var waits []struct {
			Start time.Time
			Long  bool
		}
		if err := db.DB().NewRaw(`SELECT query_start AS start, clock_timestamp() - query_start > current_setting('deadlock_timeout')::interval * 1.2 AS long
FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(t.Context(), &waits); err != nil {
			t.Fatal(err)
		}
		for _, w := range waits {
			starts[fmt.Sprint(w.Start)] = true
			if w.Long || len(starts) > 1 {
				return
			}
		}
	}
}
