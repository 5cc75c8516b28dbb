//go:build faults

package dbmodule_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

var errChangedMind = errors.New("changed its mind")

// Behind PgBouncer's transaction pooling the next transaction has another
// session of the server: named statements, session settings and what a
// rollback should have ended are somebody else's there.
func TestFaultTransactionPooling(t *testing.T) {
	const workers, units, sessions, drops = 16, 75, 4, 5
	ctx := t.Context()
	raw := dbtest.URL(t, dbmodule.PostgreSQL)
	cfg := dbmodule.DefaultConfig()
	require.NoError(t, cfg.URL.UnmarshalText([]byte(raw)))
	direct := dbtest.Open(t, cfg)
	_, err := direct.DB().NewCreateTable().Model((*Account)(nil)).Exec(ctx)
	require.NoError(t, err)
	require.NoError(t, cfg.URL.UnmarshalText([]byte(dbtest.StartPooler(t, raw, "transaction", sessions))))
	cfg.PoolSize, cfg.MaxOverflow = workers, 0
	db := dbtest.Open(t, cfg)

	var mu sync.Mutex
	acknowledged, undone := map[string]bool{}, map[string]bool{}
	var unknown, failed, reads atomic.Int64
	var wg sync.WaitGroup
	work := func(name string, rollBack bool) {
		err := db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
			if err := insert(ctx, s, name); err != nil {
				return err
			}
			n, err := s.NewSelect().Model((*Account)(nil)).Where("name = ?", name).Count(ctx)
			if err != nil {
				return err
			}
			if n != 1 {
				return fmt.Errorf("a transaction sees %d of the row that it stored", n)
			}
			if rollBack {
				return errChangedMind
			}
			return nil
		})
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			acknowledged[name] = true
		case errors.Is(err, errChangedMind):
			undone[name] = true
		case errors.Is(err, dbmodule.ErrCommitUnknown):
			unknown.Add(1)
		case errors.Is(err, dbmodule.ErrUnavailable):
			failed.Add(1)
		default:
			t.Errorf("%s: %v", name, err)
		}
	}
	var done atomic.Int64
	for worker := range workers {
		wg.Go(func() {
			for i := range units {
				work(fmt.Sprint(worker, " ", i), i%5 == 4)
				s := db.Sessions().New(dbmodule.ReadOnly())
				_, err := s.NewSelect().Model((*Account)(nil)).Where("balance > ?", i).Count(ctx)
				if assert.NoError(t, s.Close()) && err == nil {
					reads.Add(1)
				}
				done.Add(1)
			}
		})
	}
	for i := range drops { // the server ends the pooler's sessions, in use or not
		for done.Load() < int64((i+1)*workers*units/(drops+1)) {
			after(time.Millisecond)
		}
		_, err := direct.DB().ExecContext(ctx,
			"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		require.NoError(t, err)
	}
	wg.Wait()

	stored := map[string]int{}
	for _, name := range names(t, direct) {
		stored[name]++
	}
	lost := 0
	for name := range acknowledged {
		if stored[name] != 1 {
			lost++
		}
	}
	for name := range undone {
		assert.Zero(t, stored[name], "%s was rolled back", name)
	}
	left := func(query string) (n int) {
		require.NoError(t, db.DB().NewRaw(query).Scan(ctx, &n))
		return n
	}
	locks, prepared := left("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), left("SELECT count(*) FROM pg_prepared_statements")
	t.Logf("figure 10, PgBouncer, transaction pooling: %d workers on %d sessions, each ended %d times: %d units of work acknowledged, %d rolled back, %d of unknown outcome, %d failed with a lost connection, %d reads: %d lost; %d statements and %d locks left behind",
		workers, sessions, drops, len(acknowledged), len(undone), unknown.Load(), failed.Load(), reads.Load(), lost, prepared, locks)
	assert.Zero(t, lost)
	assert.Zero(t, locks)
	assert.Zero(t, prepared)
	const cutOff = drops * (sessions + workers)
	assert.LessOrEqual(t, unknown.Load()+failed.Load(), int64(cutOff), "only those that were cut off fail")
	assert.GreaterOrEqual(t, reads.Load(), int64(workers*units-cutOff), "only those that were cut off fail")
	assert.Zero(t, db.Stats().InUse)
	require.NoError(t, insert(ctx, db.DB(), "unaided"))
}
