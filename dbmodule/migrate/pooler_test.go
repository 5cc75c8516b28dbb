package migrate_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// The lock holds although PgBouncer hands each transaction to another server
// connection, of which there are fewer than processes that want one.
func TestBehindTransactionPooling(t *testing.T) {
	t.Parallel()
	through := dbtest.StartPooler(t, dbtest.URL(t, dbmodule.PostgreSQL), "transaction", 3)
	folders := ledger()
	folders = append(folders, folder{
		id: "s1", revises: folders[len(folders)-1].id,
		up: "-- migrate:no-transaction\nCREATE INDEX CONCURRENTLY ix_ledger ON ledger (revision);",
	})
	cfg := dbmodule.DefaultConfig()
	require.NoError(t, cfg.URL.UnmarshalText([]byte(through)))
	cfg.PoolSize, cfg.MaxOverflow = 1, 0
	var ran atomic.Int32
	var wg sync.WaitGroup
	for range 10 {
		db := dbtest.Open(t, cfg)
		m := newMigrator(t, source(folders...))
		wg.Go(func() {
			steps, err := m.Upgrade(t.Context(), db, "head")
			if err != nil {
				t.Error(err)
			}
			ran.Add(int32(len(steps)))
		})
	}
	wg.Wait()
	if ran.Load() != ledgerLength+2 {
		t.Errorf("%d revisions ran, want %d", ran.Load(), ledgerLength+2)
	}
	db := dbtest.Open(t, cfg)
	if n := count(t, db, "SELECT count(*) FROM ledger"); n != ledgerLength {
		t.Errorf("%d rows in the ledger, want %d", n, ledgerLength)
	}
	if s := state(t, newMigrator(t, source(folders...)), db); !s.Ready() {
		t.Errorf("%+v", s)
	}
}
