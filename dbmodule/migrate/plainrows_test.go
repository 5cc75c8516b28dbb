package migrate_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// Rows of a table without transactions stay when the run that wrote them dies.
// The next run refuses to write them again, and says which table it is; rows of
// other tables were rolled back, and it goes on.
func TestRowsWithoutTransactions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		engine string
		// killed takes back what a run that is told to stop still records.
		killed, refused bool
	}{
		"MyISAM":         {"MyISAM", false, true},
		"MyISAM, killed": {"MyISAM", true, true},
		"Aria":           {"Aria TRANSACTIONAL=0", false, true},
		"Aria, killed":   {"Aria TRANSACTIONAL=1", true, true},
		"InnoDB":         {"InnoDB", false, false},
		"InnoDB, killed": {"InnoDB", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.Open(t, dbtest.Config(t, dbmodule.MySQL))
			m := newMigrator(t, source(
				folder{id: "a1", ups: map[dbmodule.Engine]string{dbmodule.MySQL: "CREATE TABLE notes (x INT) ENGINE=" + test.engine + ";\nCREATE TABLE slow (x INT) ENGINE=InnoDB;"}},
				folder{id: "b2", revises: "a1", ups: map[dbmodule.Engine]string{dbmodule.MySQL: "INSERT INTO notes VALUES (1);\nINSERT INTO slow SELECT SLEEP(if((SELECT count(*) FROM gate) = 0, 30, 0));"}},
			))
			do := func(statement string) {
				t.Helper()
				if _, err := db.DB().ExecContext(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
			do("CREATE TABLE gate (x INT)")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			died := make(chan error, 1)
			go func() {
				_, err := m.Upgrade(ctx, db, "head")
				died <- err
			}()
			for deadline := time.Now().Add(20 * time.Second); count(t, db, "SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE 'INSERT INTO slow%'") == 0; {
				if time.Now().After(deadline) {
					t.Fatal("the second statement never ran")
				}
				time.Sleep(10 * time.Millisecond) // between two looks
			}
			cancel()
			if err := <-died; !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			do("INSERT INTO gate VALUES (1)")
			if test.killed {
				do("UPDATE alembic_version_history SET error = '', in_doubt = '' WHERE revision = 'b2'")
			}
			steps, err := m.Upgrade(t.Context(), db, "head")
			switch {
			case test.refused && (err == nil || !strings.Contains(err.Error(), "table notes has no transactions") || !strings.Contains(err.Error(), "stamp")):
				t.Errorf("%s, %v, want a refusal that names the table", stepIDs(steps), err)
			case !test.refused && err != nil:
				t.Error(err)
			}
			if n := count(t, db, "SELECT count(*) FROM notes"); n != 1 {
				t.Errorf("%d rows, want 1", n)
			}
			if !test.refused {
				return
			}
			// The way out.
			if _, err := m.Stamp(t.Context(), db, false, "b2"); err != nil || !state(t, m, db).Ready() {
				t.Errorf("%v, %+v", err, state(t, m, db))
			}
		})
	}
}

// A group of statements that met another transaction is tried again, but not
// where rows of its first attempt are still there.
func TestRowsWithoutTransactionsAreNotTriedAgain(t *testing.T) {
	t.Parallel()
	for engine, want := range map[string]string{"MyISAM": "table notes has no transactions", "InnoDB": "DATABASE_LOCK_TIMEOUT"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			cfg := dbtest.Config(t, dbmodule.MySQL)
			cfg.LockTimeout = time.Second
			db := dbtest.Open(t, cfg)
			if err := applied(t, db, "CREATE TABLE notes (x INT) ENGINE="+engine+";\nCREATE TABLE busy (id INT PRIMARY KEY) ENGINE=InnoDB;\nINSERT INTO busy VALUES (1);"); err != nil {
				t.Fatal(err)
			}
			tx, err := db.DB().BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback() }()
			if _, err := tx.ExecContext(t.Context(), "UPDATE busy SET id = 2"); err != nil {
				t.Fatal(err)
			}
			m := newMigrator(t, source(
				folder{id: "a1", ups: map[dbmodule.Engine]string{dbmodule.MySQL: "SELECT 1;"}},
				folder{id: "b2", revises: "a1", ups: map[dbmodule.Engine]string{dbmodule.MySQL: "INSERT INTO notes VALUES (1);\nDELETE FROM busy;"}}))
			if _, err := m.Stamp(t.Context(), db, true, "a1"); err != nil {
				t.Fatal(err)
			}
			if _, err := m.Upgrade(t.Context(), db, "head"); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
			if err := tx.Rollback(); err != nil {
				t.Fatal(err)
			}
			if n := count(t, db, "SELECT count(*) FROM notes"); engine == "MyISAM" && n != 1 || engine == "InnoDB" && n != 0 {
				t.Errorf("%d rows", n)
			}
			steps, err := m.Upgrade(t.Context(), db, "head")
			if (err == nil) != (engine == "InnoDB") {
				t.Errorf("%s, %v", stepIDs(steps), err)
			}
			if n := count(t, db, "SELECT count(*) FROM notes"); n != 1 {
				t.Errorf("in the end %d rows", n)
			}
		})
	}
}
