package dbmodule_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// Units of work that meet on a few rows fail in most cases when they are not
// repeated, and lose changes without an error when they do not lock.
func TestHotRows(t *testing.T) {
	t.Parallel()
	const workers, rounds, rows = 16, 125, 4
	for _, test := range []struct {
		name    string
		engine  dbmodule.Engine
		options []dbmodule.SessionOption
		lock    bool
	}{
		{"postgresql, serializable", dbmodule.PostgreSQL, []dbmodule.SessionOption{dbmodule.Isolation(sql.LevelSerializable)}, false},
		{"mariadb, for update", dbmodule.MySQL, nil, true},
		{"sqlite", dbmodule.SQLite, nil, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.Open(t, dbtest.Config(t, test.engine))
			ctx := t.Context()
			_, err := db.DB().NewCreateTable().Model((*Account)(nil)).Exec(ctx)
			require.NoError(t, err)
			for i := range rows {
				require.NoError(t, insert(ctx, db.DB(), fmt.Sprint(i)))
			}
			add := func(ctx context.Context, s *dbmodule.Session, name string) error {
				account := new(Account)
				query := s.NewSelect().Model(account).Where("name = ?", name)
				if test.lock {
					query = dbmodule.ForUpdate(query)
				}
				if err := query.Scan(ctx); err != nil {
					return err
				}
				account.Balance++
				_, err := s.NewUpdate().Model(account).WherePK().Exec(ctx)
				return err
			}
			var succeeded, attempts atomic.Int64
			var wg sync.WaitGroup
			for range workers {
				wg.Go(func() {
					for range rounds {
						row := fmt.Sprint(rand.IntN(rows))
						if db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
							attempts.Add(1)
							return add(ctx, s, row)
						}, test.options...) == nil {
							succeeded.Add(1)
						}
					}
				})
			}
			wg.Wait()
			var sum int64
			require.NoError(t, db.DB().NewSelect().Model((*Account)(nil)).ColumnExpr("SUM(balance)").Scan(ctx, &sum))
			t.Logf("figure 9, %s: %d workers on %d rows: %d of %d units of work succeeded (%.2f %%) in %d attempts; the counters sum up to %d, want %d",
				test.name, workers, rows, succeeded.Load(), workers*rounds, 100*float64(succeeded.Load())/(workers*rounds),
				attempts.Load(), sum, succeeded.Load())
			assert.GreaterOrEqual(t, succeeded.Load(), int64(workers*rounds*999/1000))
			assert.Equal(t, succeeded.Load(), sum)
		})
	}
}
