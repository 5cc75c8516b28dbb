package dbmodule_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
)

// A table that changes under prepared statements makes them fail on servers
// that keep their plans ("cached plan must not change result type").
func TestDDLUnderLoad(t *testing.T) {
	t.Parallel()
	const workers, changes = 8, 40
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		require.NoError(t, insert(ctx, db.DB(), "first"))
		read := func(ctx context.Context, s *dbmodule.Session, i int) error {
			var rows []map[string]any
			if err := s.NewRaw("SELECT * FROM accounts WHERE name = ? OR balance > ?", "first", i+1000).Scan(ctx, &rows); err != nil {
				return err
			}
			if n := len(rows); n != 1 || len(rows[0]) < 3 {
				return fmt.Errorf("%d rows: %v", n, rows)
			}
			return nil
		}
		var done atomic.Bool
		var reads, writes, failed atomic.Int64
		var wg sync.WaitGroup
		for worker := range workers {
			wg.Go(func() {
				for i := 0; !done.Load(); i++ {
					s := db.Sessions().New(dbmodule.ReadOnly())
					err := read(ctx, s, i)
					if assert.NoError(t, err) {
						reads.Add(1)
					} else {
						failed.Add(1)
					}
					assert.NoError(t, s.Close())
					err = db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
						if err := read(ctx, s, i); err != nil {
							return err
						}
						return insert(ctx, s, fmt.Sprint(worker, " ", i))
					})
					if assert.NoError(t, err) {
						writes.Add(1)
					} else {
						failed.Add(1)
					}
				}
			})
		}
		for i := range changes {
			statement := "ALTER TABLE accounts ADD COLUMN extra VARCHAR(10)"
			if i%2 == 1 {
				statement = "ALTER TABLE accounts DROP COLUMN extra"
			}
			before := reads.Load()
			require.NoError(t, db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
				_, err := s.ExecContext(ctx, statement)
				return err
			}))
			require.Eventually(t, func() bool { return reads.Load() > before+workers || t.Failed() }, time.Minute, time.Millisecond)
		}
		done.Store(true)
		wg.Wait()
		t.Logf("figure 10, %s: a table changed %d times under %d workers: %d reads and %d units of work, %d failed",
			db.Engine(), changes, workers, reads.Load(), writes.Load(), failed.Load())
		assert.Len(t, names(t, db), int(writes.Load())+1)
	})
}
