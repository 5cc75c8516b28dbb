package dbmodule_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
)

// What a function leaves behind must not keep a connection for ever, which on SQLite is the only
// one that writes.
func TestGoroutineThatOutlivesItsUnitOfWork(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan *dbmodule.Session, 1)
		err := db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
			require.NoError(t, insert(ctx, s, "undone"))
			go func() {
				limited := dbmodule.WithStatementTimeout(context.WithoutCancel(ctx), time.Second)
				err := dbmodule.ErrConcurrentUse
				for errors.Is(err, dbmodule.ErrConcurrentUse) { // as while the other looks
					_, err = s.ExecContext(limited, slowly(db.Engine()))
				}
				assert.ErrorIs(t, err, dbmodule.ErrTimeout)
				left <- s
			}()
			require.Eventually(t, func() bool {
				_, err := s.ExecContext(ctx, "SELECT 1")
				return errors.Is(err, dbmodule.ErrConcurrentUse)
			}, 5*time.Second, time.Millisecond)
			leave()
			return ctx.Err()
		})
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, dbmodule.ErrConcurrentUse)

		s := <-left
		assert.False(t, s.Active())
		assert.Zero(t, db.Stats().InUse)
		require.ErrorIs(t, insert(t.Context(), s, "later"), dbmodule.ErrSessionClosed)
		assert.Zero(t, db.Stats().InUse)
		assert.Empty(t, names(t, db))
	})
}
