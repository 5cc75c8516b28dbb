package migrate_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// childURL names the database for a process that only upgrades it.
const childURL = "MIGRATE_TEST_URL"

func TestMain(m *testing.M) {
	if url := os.Getenv(childURL); url != "" {
		if err := upgradeAsChild(context.Background(), url); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func upgradeAsChild(ctx context.Context, url string) error {
	cfg := dbmodule.DefaultConfig()
	var err error
	if cfg.URL, err = dbmodule.ParseURL(url); err != nil {
		return err
	}
	db, err := dbmodule.Open(cfg, nil)
	if err != nil {
		return err
	}
	if err := db.Connect(ctx); err != nil {
		return errors.Join(err, db.Close())
	}
	m, err := migrate.New([]migrate.Source{source(ledger()...)}, migrate.WithBuild(fmt.Sprint(os.Getpid())), migrate.WithProgress(func(p migrate.Progress) {
		if p.Phase == migrate.PhaseRunning || p.Phase == migrate.PhaseStatement {
			fmt.Println("at", p.Step.Revision.ID, p.Statement)
		}
	}))
	if err != nil {
		return errors.Join(err, db.Close())
	}
	_, err = m.Upgrade(ctx, db, "head")
	return errors.Join(err, db.Close())
}

// ledgerLength is how many revisions a ledger has.
const ledgerLength = 12

// ledger is a history in which each revision makes a table, a column and a row,
// with a moment between them to be killed in.
func ledger() []folder {
	folders := []folder{{id: "r00", up: "CREATE TABLE ledger (revision INTEGER NOT NULL);"}}
	for i := 1; i <= ledgerLength; i++ {
		statements := []string{
			fmt.Sprintf("CREATE TABLE t%d (id INTEGER PRIMARY KEY);", i),
			"%s",
			fmt.Sprintf("INSERT INTO ledger (revision) VALUES (%d);", i),
			fmt.Sprintf("ALTER TABLE t%d ADD COLUMN more INTEGER;", i),
			"%s",
			fmt.Sprintf("INSERT INTO t%d (id, more) VALUES (%d, %d);", i, i, i),
		}
		text := strings.Join(statements, "\n")
		fill := func(moment string) string { return strings.ReplaceAll(text, "%s", moment) }
		folders = append(folders, folder{
			id: fmt.Sprintf("r%02d", i), revises: fmt.Sprintf("r%02d", i-1),
			ups: map[dbmodule.Engine]string{
				dbmodule.SQLite:     fill("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT count(*) FROM n;"),
				dbmodule.PostgreSQL: fill("SELECT pg_sleep(0.02);"),
				dbmodule.MySQL:      fill("SELECT sleep(0.02);"),
			},
		})
	}
	return folders
}

// Fifty processes upgrade one database at once. Ten of them are killed: five
// at random, five while they are at work on a revision. Every revision is
// applied once, and all that were not killed succeed.
func TestFiftyProcessesUpgradeAtOnce(t *testing.T) {
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			url := dbtest.URL(t, engine)
			upgradeAtOnce(t, []string{url}, 50, 5, 5)
			cfg := dbmodule.DefaultConfig()
			if err := cfg.URL.UnmarshalText([]byte(url)); err != nil {
				t.Fatal(err)
			}
			checkLedger(t, dbtest.Open(t, cfg))
		})
	}
}

// upgradeAtOnce has processes upgrade the databases, in turn, and kills some of
// them. All others must succeed.
func upgradeAtOnce(t *testing.T, urls []string, processes, atRandom, atWork int) {
	t.Helper()
	var (
		wg              sync.WaitGroup
		killed, working atomic.Int32
		mu              sync.Mutex
		failures        []string
	)
	began := time.Now()
	for i := range processes {
		wg.Go(func() {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childURL+"="+urls[i%len(urls)])
			out, err := cmd.StdoutPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Error(err)
				return
			}
			dead := false
			end := func() { dead = cmd.Process.Kill() == nil && killed.Add(1) > 0 }
			if i < atRandom {
				time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond)
				end()
			}
			var told []string
			scanner := bufio.NewScanner(out)
			for scanner.Scan() {
				line := scanner.Text()
				if !strings.HasPrefix(line, "at ") {
					told = append(told, line)
				} else if !dead && rand.IntN(8) == 0 && working.Add(1) <= int32(atWork) {
					end()
				}
			}
			if err := cmd.Wait(); err != nil && !dead {
				mu.Lock()
				failures = append(failures, strings.Join(told, "\n")+": "+err.Error())
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	t.Logf("%d processes in %s, %d killed, %d of them at work", processes, time.Since(began).Round(time.Millisecond), killed.Load(), min(working.Load(), int32(atWork)))
	for _, failure := range failures {
		t.Error(failure)
	}
}

func checkLedger(t *testing.T, db *dbmodule.Database) {
	t.Helper()
	m := newMigrator(t, source(ledger()...))
	if s := state(t, m, db); !s.Ready() || len(s.Pending) > 0 || len(s.Drifted) > 0 {
		t.Fatalf("%+v", s)
	}
	if n := count(t, db, "SELECT count(*) FROM ledger"); n != ledgerLength {
		t.Errorf("%d rows in the ledger, want %d", n, ledgerLength)
	}
	for i := 1; i <= ledgerLength; i++ {
		if n := count(t, db, fmt.Sprintf("SELECT count(*) FROM t%d WHERE more = %d", i, i)); n != 1 {
			t.Errorf("table t%d has %d rows, want 1", i, n)
		}
	}
	history, err := m.History(t.Context(), db.DB())
	if err != nil || len(history) != ledgerLength+1 {
		t.Errorf("%d entries, want %d; %v", len(history), ledgerLength+1, err)
	}
	for _, entry := range history {
		if entry.Status != migrate.StatusDone {
			t.Errorf("%+v", entry)
		}
	}
}
