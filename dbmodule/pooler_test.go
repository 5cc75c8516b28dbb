package dbmodule_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// Outside a transaction a pooler may change the server session between two trips of one
// statement. Then the second trip would run what somebody else has left there.
func TestPoolerAnswersEachStatementInOneTrip(t *testing.T) {
	t.Parallel()
	raw := dbtest.URL(t, dbmodule.PostgreSQL)
	cfg := dbmodule.DefaultConfig()
	require.NoError(t, cfg.URL.UnmarshalText([]byte(raw)))
	direct := dbtest.Open(t, cfg)
	// pgx does not read text with German dates: it asks for results in binary form.
	_, err := direct.DB().ExecContext(t.Context(), "ALTER DATABASE ? SET DateStyle = 'German'", bun.Ident(cfg.URL.Database()))
	require.NoError(t, err)

	require.NoError(t, cfg.URL.UnmarshalText([]byte(dbtest.StartPooler(t, raw, "transaction", 3))))
	cfg.PoolSize, cfg.MaxOverflow = 8, 0
	db := dbtest.Open(t, cfg)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 200 {
				want := fmt.Sprintf("%d-%d", worker, i)
				s := db.Sessions().New(dbmodule.Autocommit())
				var got string
				if err := s.QueryRowContext(t.Context(), "SELECT '"+want+"'::text || lower('')").Scan(&got); err != nil || got != want {
					t.Errorf("got %q, want %q: %v", got, want, err)
				}
				if err := s.Close(); err != nil || t.Failed() {
					return
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
		var day time.Time
		require.NoError(t, s.QueryRowContext(ctx, "SELECT '31.12.2024'::date").Scan(&day))
		assert.Equal(t, "2024-12-31", day.Format(time.DateOnly))
		return nil
	}))
}
