package dbmodule_test

import (
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

// A driver that calls a broken connection safe to repeat on makes database/sql
// send statements again that the server has run: pgx 5.9 to 5.12 does, for
// statements without arguments, which is all that Bun sends. Nobody sees an
// error, and the rows are there twice.
func TestNoStatementRunsTwiceWhenConnectionsAreCut(t *testing.T) {
	t.Parallel()
	behindProxy(t, func(t *testing.T, db *dbmodule.Database, proxy *dbtest.Proxy) {
		ctx := t.Context()
		_, err := db.DB().ExecContext(ctx, "CREATE TABLE notes (k VARCHAR(40))")
		require.NoError(t, err)

		const writers, writes, cuts = 16, 1000, 30
		var acknowledged, failed atomic.Int64
		done := make(chan struct{})
		var wg sync.WaitGroup
		for writer := range writers {
			wg.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-done:
						return
					default:
					}
					if _, err := db.DB().ExecContext(ctx, "INSERT INTO notes (k) VALUES (?)", fmt.Sprint(writer, "-", i)); err == nil {
						acknowledged.Add(1)
					} else {
						failed.Add(1)
					}
				}
			})
		}
		// Cuts are spread over the writes, not over time: each meets some.
		cut := 0
		assert.Eventually(t, func() bool {
			if acknowledged.Load() >= int64((cut+1)*(writes+cuts-1)/cuts) && cut < cuts {
				proxy.Cut()
				cut++
			}
			return cut == cuts && acknowledged.Load() >= writes
		}, 2*time.Minute, time.Millisecond)
		close(done)
		wg.Wait()

		stored, distinct := 0, 0
		require.Eventually(t, func() bool { // the last cut has left stale connections
			return db.DB().QueryRowContext(ctx, "SELECT count(*), count(DISTINCT k) FROM notes").Scan(&stored, &distinct) == nil
		}, 10*time.Second, 10*time.Millisecond)
		t.Logf("figure 4, %s: %d cuts, %d writes acknowledged, %d failed, %d stored: %d doubled, %d lost",
			db.Engine(), cut, acknowledged.Load(), failed.Load(), stored, stored-distinct, max(0, acknowledged.Load()-int64(stored)))
		require.Positive(t, failed.Load(), "no cut met a statement")
		assert.Equal(t, distinct, stored, "rows are stored twice")
		assert.GreaterOrEqual(t, int64(stored), acknowledged.Load(), "acknowledged rows are lost")
	})
}
