package dbtest_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// failing notes that a test failed instead of failing.
type failing struct {
	testing.TB
	failed bool
}

func (f *failing) Error(...any)          { f.failed = true }
func (f *failing) Errorf(string, ...any) { f.failed = true }

func TestRolledBack(t *testing.T) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			db := dbtest.New(t, engine, dbtest.WithModels((*customer)(nil)))
			count := func() int64 {
				n, err := db.DB().NewSelect().Model((*customer)(nil)).Count(t.Context())
				require.NoError(t, err)
				return int64(n)
			}
			add := func(ctx context.Context, s *dbmodule.Session) error {
				_, err := s.NewInsert().Model(&customer{Email: "ann@example.com"}).Exec(ctx)
				return err
			}
			for range 2 { // the second finds nothing of the first
				dbtest.RolledBack(t, db, func(ctx context.Context, s *dbmodule.Session) {
					require.NoError(t, db.Sessions().With(dbmodule.Join()).InTx(ctx, add), "a factory that joins")
					n, err := s.NewSelect().Model((*customer)(nil)).Count(ctx)
					require.NoError(t, err)
					assert.EqualValues(t, 1, n)
				})
				assert.Zero(t, count())
			}
			told := &failing{TB: t}
			dbtest.RolledBack(told, db, func(ctx context.Context, s *dbmodule.Session) {
				require.NoError(t, add(ctx, s))
				require.NoError(t, s.Commit(ctx))
			})
			assert.True(t, told.failed, "a session that is committed is told")
			assert.EqualValues(t, 1, count())
		})
	}
}
