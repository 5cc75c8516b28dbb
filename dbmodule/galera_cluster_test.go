//go:build cluster

package dbmodule_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// upToDate makes a node's reads wait for what the others have committed.
const upToDate = "init_command=SET+SESSION+wsrep_sync_wait=1"

// throughEach opens the cluster once for each node, which comes first among
// the hosts of its URL.
func throughEach(t *testing.T, nodes []*dbtest.Server) []*dbmodule.Database {
	t.Helper()
	dbs := make([]*dbmodule.Database, len(nodes))
	for i := range nodes {
		cfg := nodes[i].Config(t)
		order := append(append([]*dbtest.Server(nil), nodes[i:]...), nodes[:i]...)
		require.NoError(t, cfg.URL.UnmarshalText([]byte(dbtest.URLOf(upToDate, order...))))
		dbs[i] = dbtest.Open(t, cfg)
	}
	return dbs
}

func TestClusterGalera(t *testing.T) {
	began := time.Now()
	nodes := dbtest.StartGalera(t, 3)
	t.Logf("three nodes in %s", time.Since(began).Round(time.Millisecond))
	dbs := throughEach(t, nodes)
	for i, db := range dbs {
		assertOn(t, db, nodes[i])
	}
	_, err := dbs[0].DB().NewCreateTable().Model((*Account)(nil)).Exec(t.Context())
	require.NoError(t, err)

	// Locks do not reach other nodes: who comes second is told so at COMMIT.
	t.Run("counters", func(t *testing.T) {
		const workers, rounds, rows = 16, 60, 4
		ctx := t.Context()
		for i := range rows {
			require.NoError(t, insert(ctx, dbs[0].DB(), fmt.Sprint("counter ", i)))
		}
		var attempts, succeeded, atCommit atomic.Int64
		var wg sync.WaitGroup
		for worker := range workers {
			db := dbs[worker%len(dbs)]
			wg.Go(func() {
				for range rounds {
					name := fmt.Sprint("counter ", rand.IntN(rows))
					err := db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
						attempts.Add(1)
						account := new(Account)
						if err := dbmodule.ForUpdate(s.NewSelect().Model(account).Where("name = ?", name)).Scan(ctx); err != nil {
							return err
						}
						account.Balance++
						if _, err := s.NewUpdate().Model(account).WherePK().Exec(ctx); err != nil {
							return err
						}
						atCommit.Add(1)
						return nil
					}, dbmodule.MaxAttempts(100))
					if assert.NoError(t, err) {
						succeeded.Add(1)
					}
				}
			})
		}
		wg.Wait()
		// A node applies what others committed when it gets round to it.
		var sum int64
		assert.Eventually(t, func() bool {
			err := dbs[1].DB().NewSelect().Model((*Account)(nil)).ColumnExpr("SUM(balance)").Scan(ctx, &sum)
			return assert.NoError(t, err) && sum == workers*rounds
		}, 20*time.Second, 10*time.Millisecond)
		t.Logf("figure 14, Galera: %d workers over %d nodes on %d rows: %d of %d units of work succeeded in %d attempts, %d of which failed at COMMIT; the counters sum up to %d",
			workers, len(nodes), rows, succeeded.Load(), workers*rounds, attempts.Load(), atCommit.Load()-succeeded.Load(), sum)
		assert.EqualValues(t, workers*rounds, sum)
		assert.Positive(t, atCommit.Load()-succeeded.Load(), "no conflict at COMMIT: that tests nothing")
	})

	// The survivors stall until they give the dead node up.
	t.Run("node killed", func(t *testing.T) {
		const writers = 12
		var l ledger
		l.write(t.Context(), writers, dbs...)
		l.await(t, 300)
		require.NoError(t, nodes[0].Kill())
		killed := time.Now()
		l.slowest.Store(0)
		last := l.last.Load()
		var gap time.Duration
		for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(time.Millisecond) {
			now := l.last.Load()
			gap, last = max(gap, time.Duration(now-last)), now
			if time.Since(killed) > 10*time.Second && time.Since(time.Unix(0, now)) < 100*time.Millisecond {
				break
			}
		}
		l.await(t, 300)
		l.stop()
		for i, db := range dbs {
			lost, doubled := l.check(t, db)
			if i == 0 {
				t.Logf("figure 15, Galera: one of %d nodes killed under %d writers: %d acknowledged, %d of unknown outcome, %d failed: %d lost, %d doubled; the longest time without an acknowledgement %d ms, the longest unit of work %d ms, the suspect timeout 5000 ms",
					len(nodes), writers, l.acknowledged.Load(), l.unknown.Load(), l.failed.Load(), lost, doubled, gap.Milliseconds(), time.Duration(l.slowest.Load()).Milliseconds())
			}
			assert.Zero(t, lost)
			assert.Zero(t, doubled)
		}
		assert.Less(t, gap, 15*time.Second, "wanted: the suspect timeout + 2 s; the rest is a busy machine's")
	})

	// What is left is no quorum, and says so at once when it knows.
	t.Run("no quorum", func(t *testing.T) {
		require.NoError(t, nodes[1].Kill())
		require.Eventually(t, func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			err := dbs[2].Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
				return insert(ctx, s, "alone")
			}, dbmodule.MaxAttempts(1))
			require.Error(t, err)
			return errors.Is(err, dbmodule.ErrUnavailable)
		}, time.Minute, 100*time.Millisecond)
	})
}
