package migrate_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// lockers are the engines on which readers can block DDL.
func lockers(t *testing.T, fn func(t *testing.T, cfg dbmodule.Config)) {
	t.Helper()
	for _, engine := range []dbmodule.Engine{dbmodule.PostgreSQL, dbmodule.MySQL} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			fn(t, dbtest.Config(t, engine))
		})
	}
}

// blocked is a database on which a reader holds the table that a pending
// revision changes.
func blocked(t *testing.T, cfg dbmodule.Config) (*dbmodule.Database, *migrate.Migrator, *dbmodule.Session) {
	t.Helper()
	db := dbtest.Open(t, cfg)
	m := newMigrator(t, source(bookshop()[0], folder{id: "b2", revises: "a1", up: "INSERT INTO authors (id, name) VALUES (5, 'five');\nALTER TABLE authors ADD COLUMN age INTEGER;"}))
	if _, err := m.Upgrade(t.Context(), db, "a1"); err != nil {
		t.Fatal(err)
	}
	reader := db.Sessions().New()
	t.Cleanup(func() { _ = reader.Close() })
	var n int
	if err := reader.NewRaw("SELECT count(*) FROM authors").Scan(t.Context(), &n); err != nil {
		t.Fatal(err)
	}
	return db, m, reader
}

func TestLockTimeout(t *testing.T) {
	t.Parallel()
	lockers(t, func(t *testing.T, cfg dbmodule.Config) {
		cfg.LockTimeout = time.Second
		if cfg.URL.Engine() == dbmodule.PostgreSQL {
			cfg.LockTimeout = 50 * time.Millisecond
		}
		db, m, reader := blocked(t, cfg)
		_, err := m.Upgrade(t.Context(), db, "head")
		if !errors.Is(err, dbmodule.ErrConflict) || !strings.Contains(err.Error(), "DATABASE_LOCK_TIMEOUT="+cfg.LockTimeout.String()) {
			t.Fatal(err)
		}
		if err := reader.Close(); err != nil {
			t.Fatal(err)
		}
		if steps, err := m.Upgrade(t.Context(), db, "head"); err != nil || stepIDs(steps) != "b2" {
			t.Errorf("%s, %v", stepIDs(steps), err)
		}
		if n := count(t, db, "SELECT count(*) FROM authors"); n != 1 {
			t.Errorf("%d rows", n)
		}
	})
}

func TestLockIsAwaited(t *testing.T) {
	t.Parallel()
	lockers(t, func(t *testing.T, cfg dbmodule.Config) {
		cfg.LockTimeout = time.Second
		db, m, reader := blocked(t, cfg)
		m = m.With(migrate.WithProgress(func(p migrate.Progress) {
			if p.Phase == migrate.PhaseRetry {
				if !strings.HasPrefix(p.Detail, "conflict with another transaction: ") || strings.Contains(p.Detail, "attempts") {
					t.Errorf("the reason to try again is %q, not what the database said alone", p.Detail)
				}
				if err := reader.Close(); err != nil {
					t.Error(err)
				}
			}
		}))
		if steps, err := m.Upgrade(t.Context(), db, "head"); err != nil || stepIDs(steps) != "b2" {
			t.Errorf("%s, %v", stepIDs(steps), err)
		}
		if reader.Active() {
			t.Error("it never met the lock")
		}
	})
}

// A DDL statement whose client left has taken effect or not; the next run finds
// out which.
func TestStatementInDoubt(t *testing.T) {
	t.Parallel()
	for name, effect := range map[string]bool{"it took effect": true, "it did not": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := dbtest.Config(t, dbmodule.MySQL)
			cfg.LockTimeout = 0
			db, m, reader := blocked(t, cfg)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			m = m.With(migrate.WithProgress(func(p migrate.Progress) {
				if p.Phase == migrate.PhaseStatement && p.Step.Revision.ID == "b2" {
					time.AfterFunc(200*time.Millisecond, cancel) // while ALTER waits for the reader
				}
			}))
			if _, err := m.Upgrade(ctx, db, "head"); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			history, err := m.History(t.Context(), db.DB())
			if last := history[len(history)-1]; err != nil || last.InDoubt == "" || last.StatementsDone != 1 || last.Status != migrate.StatusRunning {
				t.Fatalf("%+v, %v", last, err)
			}
			if err := reader.Close(); err != nil {
				t.Fatal(err)
			}
			if effect {
				// The server gives the statement up when its client leaves, unless it
				// went through at the last moment: this makes sure that it did.
				if _, err := db.DB().ExecContext(t.Context(), "ALTER TABLE authors ADD COLUMN age INTEGER"); err != nil && !strings.Contains(err.Error(), "Duplicate column") {
					t.Fatal(err)
				}
			}
			if steps, err := m.With(migrate.WithProgress(nil)).Upgrade(t.Context(), db, "head"); err != nil || stepIDs(steps) != "b2" {
				t.Fatalf("%s, %v", stepIDs(steps), err)
			}
			if n := count(t, db, "SELECT count(*) FROM authors WHERE age IS NULL"); n != 1 {
				t.Errorf("%d rows", n)
			}
		})
	}
}

// A statement that may be done, and would then be done twice, is not run again.
func TestStatementInDoubtIsNotDoneTwice(t *testing.T) {
	t.Parallel()
	for text, refused := range map[string]bool{
		"ALTER TABLE t ADD INDEX (a)":                                       true,
		"ALTER TABLE t ADD INDEX ix (a)":                                    false,
		"ALTER TABLE t ADD COLUMN d int, ADD UNIQUE (a)":                    true,
		"ALTER TABLE `t` ADD UNIQUE KEY (a)":                                true,
		"ALTER TABLE t ADD CONSTRAINT CHECK (a > 0)":                        true,
		"ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0)":                     false,
		"ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u (id)":               true,
		"ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES u (id)": false,
		"ALTER TABLE t CHANGE a b int, CHANGE COLUMN `b` `a` int":           true,
		"ALTER TABLE t RENAME COLUMN a TO b, RENAME COLUMN b TO a":          true,
		"ALTER TABLE t CHANGE a c int, CHANGE b a int":                      false,
		"ALTER TABLE t CHANGE a a bigint":                                   false,
		"ALTER TABLE t MODIFY a bigint":                                     false,
		"RENAME TABLE t TO x, u TO t, x TO u":                               true,
		"RENAME TABLE t TO old_t, u TO t":                                   false,
		"ALTER TABLE t DROP COLUMN a":                                       false,
		"CREATE INDEX ix ON t (a)":                                          false,
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			db := dbtest.Open(t, dbtest.Config(t, dbmodule.MySQL))
			const tables = "CREATE TABLE u (id int PRIMARY KEY, b int);\nCREATE TABLE t (id int PRIMARY KEY, a int, b int);\n"
			if err := applied(t, db, tables+text+";\nDROP TABLE nothing;"); err == nil {
				t.Fatal("it was applied")
			}
			// As if the process had died before it recorded that the statement is done.
			run(t, db, "UPDATE alembic_version_history SET in_doubt = CONCAT(SUBSTRING_INDEX(done_hashes, ' ', -1), ' before'), "+
				"statements_done = 2, error = '', done_hashes = SUBSTRING_INDEX(done_hashes, ' ', 2)")
			before := shown(t, db)
			err := applied(t, db, tables+text+";\nDROP TABLE IF EXISTS nothing;")
			if after := shown(t, db); after != before {
				t.Errorf("it was done twice: %s, before %s", after, before)
			}
			if refused != (err != nil) || refused && !strings.Contains(err.Error(), "done twice") {
				t.Errorf("%v", err)
			}
		})
	}
}

// shown describes the tables t and u.
func shown(t *testing.T, db *dbmodule.Database) string {
	t.Helper()
	var text strings.Builder
	for _, name := range []string{"t", "u"} {
		var table, create string
		if err := db.DB().QueryRowContext(t.Context(), "SHOW CREATE TABLE ?", bun.Ident(name)).Scan(&table, &create); err != nil {
			text.WriteString(name + " is gone\n")
		}
		text.WriteString(create + "\n")
	}
	return text.String()
}

// The lock of a cluster: one at a time, freed by its holder's death, and lost
// by a holder that did not renew it.
func TestLease(t *testing.T) {
	t.Parallel()
	leased := func(t *testing.T, folders ...folder) *migrate.Migrator {
		return newMigrator(t, source(folders...)).With(migrate.AlwaysLease())
	}
	t.Run("one at a time", func(t *testing.T) {
		t.Parallel()
		cfg := dbtest.Config(t, dbmodule.MySQL)
		var ran atomic.Int32
		var wg sync.WaitGroup
		for range 4 {
			db := dbtest.Open(t, cfg)
			m := leased(t, ledger()...)
			wg.Go(func() {
				steps, err := m.Upgrade(t.Context(), db, "head")
				if err != nil {
					t.Error(err)
				}
				ran.Add(int32(len(steps)))
			})
		}
		wg.Wait()
		if ran.Load() != ledgerLength+1 {
			t.Errorf("%d revisions ran", ran.Load())
		}
		checkLedger(t, dbtest.Open(t, cfg))
	})
	// hold has somebody else hold the lease.
	hold := func(t *testing.T, m *migrate.Migrator, db *dbmodule.Database) {
		t.Helper()
		if err := m.EnsureVersion(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		if _, err := db.DB().ExecContext(t.Context(), "INSERT INTO "+migrate.LeaseTable+" VALUES (1, 'another', UTC_TIMESTAMP(6))"); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("a dead holder's expires", func(t *testing.T) {
		t.Parallel()
		db := dbtest.Open(t, dbtest.Config(t, dbmodule.MySQL))
		waited := false
		m := leased(t, bookshop()...).With(migrate.LeaseTerm(time.Second), migrate.WithProgress(func(p migrate.Progress) { waited = waited || p.Phase == migrate.PhaseWaiting }))
		hold(t, m, db)
		if steps, err := m.Upgrade(t.Context(), db, "head"); err != nil || stepIDs(steps) != "a1 b2 c3" || !waited {
			t.Errorf("%s, %v, waited %v", stepIDs(steps), err, waited)
		}
		if n := count(t, db, "SELECT count(*) FROM "+migrate.LeaseTable); n != 0 {
			t.Errorf("%d leases are left", n)
		}
	})
	// A renewal that waited behind DDL, or for a server whose clock is wrong,
	// says a time that is past.
	t.Run("one that is renewed with a time past is kept", func(t *testing.T) {
		t.Parallel()
		db := dbtest.Open(t, dbtest.Config(t, dbmodule.MySQL))
		m := leased(t, bookshop()...).With(migrate.LeaseTerm(2 * time.Second))
		hold(t, m, db)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			for ctx.Err() == nil {
				if _, err := db.DB().ExecContext(t.Context(), "UPDATE "+migrate.LeaseTable+" SET expires_at = UTC_TIMESTAMP(6) - INTERVAL 1 MINUTE"); err != nil {
					t.Error(err)
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
		steps, err := m.Upgrade(ctx, db, "head")
		wg.Wait()
		if !errors.Is(err, context.DeadlineExceeded) || len(steps) != 0 {
			t.Errorf("%s, %v", stepIDs(steps), err)
		}
	})
	t.Run("one that was taken is noticed", func(t *testing.T) {
		t.Parallel()
		db := dbtest.Open(t, dbtest.Config(t, dbmodule.MySQL))
		m := leased(t, bookshop()...).With(migrate.WithProgress(func(p migrate.Progress) {
			if p.Phase == migrate.PhaseRunning && p.Step.Revision.ID == "b2" {
				if _, err := db.DB().ExecContext(t.Context(), "UPDATE "+migrate.LeaseTable+" SET owner = 'another'"); err != nil {
					t.Error(err)
				}
			}
		}))
		steps, err := m.Upgrade(t.Context(), db, "head")
		if err == nil || !strings.Contains(err.Error(), "lock on revisions was lost") || stepIDs(steps) != "a1" || current(t, m, db) != "a1" {
			t.Errorf("%s, %v, at %s", stepIDs(steps), err, current(t, m, db))
		}
	})
}

// A version table that somebody changes meanwhile, who knows no lock, is left
// as it is.
func TestVersionTableIsChangedMeanwhile(t *testing.T) {
	t.Parallel()
	lockers(t, func(t *testing.T, cfg dbmodule.Config) {
		db := dbtest.Open(t, cfg)
		m := newMigrator(t, source(bookshop()...))
		if _, err := m.Upgrade(t.Context(), db, "b2"); err != nil {
			t.Fatal(err)
		}
		meddling := m.With(migrate.WithProgress(func(p migrate.Progress) {
			if p.Phase == migrate.PhaseStatement && p.Statement == p.Statements {
				if _, err := db.DB().ExecContext(t.Context(), "UPDATE alembic_version SET version_num = 'a1'"); err != nil {
					t.Error(err)
				}
			}
		}))
		_, err := meddling.Upgrade(t.Context(), db, "head")
		if err == nil || !strings.Contains(err.Error(), "another process changed the version table") || current(t, m, db) != "a1" {
			t.Errorf("%v, at %s", err, current(t, m, db))
		}
	})
}
