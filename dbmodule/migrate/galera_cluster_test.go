//go:build cluster

package migrate_test

import (
	"context"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// onNode opens a database through a node. With fresh, its reads see what any
// node had committed before.
func onNode(t *testing.T, url string, fresh bool) *dbmodule.Database {
	t.Helper()
	if fresh {
		url += "?init_command=SET+SESSION+wsrep_sync_wait=15"
	}
	cfg := dbmodule.DefaultConfig()
	require.NoError(t, cfg.URL.UnmarshalText([]byte(url)))
	return dbtest.Open(t, cfg)
}

// another makes a second database and returns its URLs.
func another(t *testing.T, urls []string, name string) []string {
	t.Helper()
	others := make([]string, len(urls))
	for i, url := range urls {
		db := onNode(t, url, true)
		if i == 0 {
			_, err := db.DB().ExecContext(t.Context(), "CREATE DATABASE "+name+" CHARACTER SET utf8mb4")
			require.NoError(t, err)
		}
		if n := count(t, db, "SELECT count(*) FROM information_schema.schemata WHERE schema_name = '"+name+"'"); n != 1 {
			t.Fatalf("node %d has no %s", i+1, name)
		}
		others[i] = strings.TrimSuffix(url, "/dbtest") + "/" + name
	}
	return others
}

func TestClusterGaleraMigrations(t *testing.T) {
	began := time.Now()
	nodes := dbtest.StartGalera(t, 3)
	t.Logf("three nodes in %s", time.Since(began).Round(time.Millisecond))
	urls := make([]string, len(nodes))
	for i, node := range nodes {
		urls[i] = node.URL()
	}

	// Twelve processes upgrade through three nodes at once. The one that is
	// killed at work holds the lease, which the others wait out.
	t.Run("processes on all nodes", func(t *testing.T) {
		upgradeAtOnce(t, urls, 12, 1, 1)
		for i, url := range urls {
			t.Run(strconv.Itoa(i+1), func(t *testing.T) { checkLedger(t, onNode(t, url, true)) })
		}
	})

	// Records of progress that fail certification are made again, and what they
	// are about is not.
	t.Run("conflicts", func(t *testing.T) {
		urls := another(t, urls, "conflicts")
		db, other := onNode(t, urls[0], false), onNode(t, urls[1], true)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var wg sync.WaitGroup
		var written, retried atomic.Int32
		wg.Go(func() {
			for ctx.Err() == nil {
				_, err := other.DB().ExecContext(t.Context(), "UPDATE "+migrate.LeaseTable+" SET expires_at = UTC_TIMESTAMP(6) + INTERVAL 30 SECOND")
				if err == nil {
					written.Add(1)
				}
				time.Sleep(time.Duration(50+rand.IntN(300)) * time.Millisecond)
			}
		})
		m := newMigrator(t, source(ledger()...)).With(migrate.WithProgress(func(p migrate.Progress) {
			if p.Phase == migrate.PhaseRetry {
				retried.Add(1)
			}
		}))
		steps, err := m.Upgrade(t.Context(), db, "head")
		cancel()
		wg.Wait()
		t.Logf("%d conflicting writes, %d retries", written.Load(), retried.Load())
		if err != nil || len(steps) != ledgerLength+1 {
			t.Fatalf("%s, %v", stepIDs(steps), err)
		}
		checkLedger(t, other)
	})

	// DDL holds up every commit of the cluster, renewals of the lease too. Other
	// statements only keep their own transaction open.
	t.Run("statements that take longer than a lease", func(t *testing.T) {
		urls := another(t, urls, "lasting")
		const term = 2 * time.Second
		var took atomic.Int64
		folders := []folder{{id: "s1", up: "CREATE TABLE slow (id INTEGER PRIMARY KEY);\n" +
			"INSERT INTO slow SELECT seq FROM seq_1_to_250000;\n" +
			"DO SLEEP(5);\n" +
			"ALTER TABLE slow ADD COLUMN filled VARCHAR(128) DEFAULT (SHA2(REPEAT(UUID(), 100), 512)), ALGORITHM=COPY;\n" +
			"INSERT INTO slow (id) VALUES (0);"}, {id: "s2", revises: "s1", up: "CREATE TABLE after (id INTEGER PRIMARY KEY);"}}
		var wg sync.WaitGroup
		var ran atomic.Int32
		for i, url := range urls {
			db := onNode(t, url, false)
			last := time.Now()
			m := newMigrator(t, source(folders...)).With(migrate.LeaseTerm(term), migrate.WithProgress(func(p migrate.Progress) {
				if p.Phase == migrate.PhaseStatement && p.Statement == 4 {
					took.Store(int64(time.Since(last)))
				}
				last = time.Now()
			}))
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 500 * time.Millisecond) // the first one gets it
				steps, err := m.Upgrade(t.Context(), db, "head")
				if err != nil {
					t.Errorf("node %d: %v", i+1, err)
				}
				t.Logf("node %d ran %q", i+1, stepIDs(steps))
				ran.Add(int32(len(steps)))
			})
		}
		wg.Wait()
		t.Logf("DDL took %s", time.Duration(took.Load()).Round(time.Millisecond))
		if took.Load() < int64(term) {
			t.Error("that is too short to test anything")
		}
		if ran.Load() != 2 {
			t.Errorf("%d revisions ran", ran.Load())
		}
		for _, url := range urls {
			db := onNode(t, url, true)
			if s := state(t, newMigrator(t, source(folders...)), db); !s.Ready() || len(s.Pending) > 0 {
				t.Errorf("%+v", s)
			}
			if n := count(t, db, "SELECT count(*) FROM slow"); n != 250001 {
				t.Errorf("%d rows", n)
			}
		}
	})
}
