package dbmodule_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
)

// endings are statements that end a transaction on an engine.
var endings = map[dbmodule.Engine][]string{
	dbmodule.SQLite:     {"COMMIT", "END", "ROLLBACK", "SELECT 1; COMMIT"},
	dbmodule.PostgreSQL: {"COMMIT", "END", "ROLLBACK", "ABORT", "ROLLBACK AND CHAIN", "PREPARE TRANSACTION 'a'", "SELECT 1; COMMIT"},
	dbmodule.MySQL:      {"COMMIT", "ROLLBACK", "COMMIT AND CHAIN", "BEGIN", "START TRANSACTION", "/*!40101 COMMIT */"},
}

// Without a group, too, the session would not notice, and its next statement would commit by itself.
func TestSessionAloneEndsItsTransaction(t *testing.T) {
	t.Parallel()
	eachWith(t, func(cfg *dbmodule.Config) { cfg.GroupCommit = false }, func(t *testing.T, db *dbmodule.Database) {
		const told = "call the session's Commit or Rollback"
		failed := errors.New("the unit of work failed")
		for _, ending := range endings[db.Engine()] {
			require.ErrorIs(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
				require.NoError(t, insert(ctx, s, "before"))
				_, err := s.ExecContext(ctx, ending)
				require.ErrorContains(t, err, told, ending)
				require.ErrorIs(t, s.NewRaw("SELECT 1").Scan(ctx, new(int)), dbmodule.ErrPendingRollback, "for those who ignore the error")
				require.ErrorIs(t, s.Commit(ctx), dbmodule.ErrPendingRollback)
				require.NoError(t, insert(ctx, s, "later"))
				require.ErrorContains(t, s.NewRaw(ending).Scan(ctx, new(int)), told, ending)
				return failed
			}), failed)
			assert.Empty(t, names(t, db), "%s", ending)

			require.Error(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
				_, err := s.ExecContext(ctx, ending)
				require.ErrorContains(t, err, told, ending)
				return insert(ctx, s, "read-only")
			}, dbmodule.ReadOnly()))
			assert.Empty(t, names(t, db), "%s", ending)
		}
	})
}
