package dbmodule_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// The pause after a group failed ends.
func TestGroupsFormAgainAfterOneFailed(t *testing.T) {
	t.Parallel()
	inOwnTime(t, groupedConfig(t), func(t *testing.T, db *dbmodule.Database) {
		requireGroups(t, db, true, "at first")
		err := meet(t, db, func(ctx context.Context, s *dbmodule.Session) error {
			return errors.Join(insert(ctx, s, "lost"), dbmodule.LoseConn(s), assert.AnError)
		})
		require.ErrorIs(t, err, dbmodule.ErrConflict)
		requireGroups(t, db, false, "after one failed")
		time.Sleep(dbmodule.GroupPause)
		requireGroups(t, db, true, "after the pause")
	})
}

// A connection that is not kept is not left with a transaction that is open.
func TestGroupIsCommittedOnAConnectionThatIsNotKept(t *testing.T) {
	t.Parallel()
	inOwnTime(t, groupedConfig(t), func(t *testing.T, db *dbmodule.Database) {
		broken := func(ctx context.Context, s *dbmodule.Session) error {
			err := insert(ctx, s, unique(db))
			dbmodule.BreakConn(s)
			return err
		}
		commits, stored := met(t, db, broken, broken)
		assert.EqualValues(t, 3, stored)
		assert.EqualValues(t, 2, commits) // the second has a connection of its own
	})
}

// A connection may turn out to be too old when the next session gets it.
func TestGroupIsCommittedWhenItsConnectionIsReplaced(t *testing.T) {
	t.Parallel()
	recycled := groupedConfig(t, func(cfg *dbmodule.Config) { cfg.PoolRecycle = time.Minute })
	inOwnTime(t, recycled, func(t *testing.T, db *dbmodule.Database) {
		holder := db.Sessions().New()
		require.NoError(t, insert(t.Context(), holder, "first"))
		time.Sleep(time.Hour)
		var wg sync.WaitGroup
		wg.Go(func() { assert.NoError(t, db.Sessions().InTx(t.Context(), inserts("second"))) })
		synctest.Wait()
		require.NoError(t, holder.Commit(t.Context()))
		wg.Wait()
		assert.Equal(t, map[string]bool{"first": true, "second": true}, storedNames(t, db))
		commits, units := dbmodule.GroupedCommits(db)
		assert.EqualValues(t, 2, units)
		assert.EqualValues(t, 2, commits)
	})
}

// A connection that is lost in the middle of a unit of work takes the group
// along: COMMIT would store what that did so far.
func TestGroupFailsWithTheConnectionOfAMember(t *testing.T) {
	t.Parallel()
	inOwnTime(t, groupedConfig(t), func(t *testing.T, db *dbmodule.Database) {
		err := meet(t, db, func(ctx context.Context, s *dbmodule.Session) error {
			return errors.Join(insert(ctx, s, unique(db)), dbmodule.LoseConn(s))
		})
		require.ErrorIs(t, err, dbmodule.ErrConflict)
		assert.Empty(t, storedNames(t, db))
		requireGroups(t, db, false, "after one failed")
	})
}

// A temporary table ends with the unit of work that made it, and its constraints
// with it.
func TestTemporaryTablesDoNotStay(t *testing.T) {
	t.Parallel()
	inOwnTime(t, groupedConfig(t), func(t *testing.T, db *dbmodule.Database) {
		_, err := db.DB().ExecContext(t.Context(), "CREATE TEMP TABLE d (id INTEGER PRIMARY KEY, p INTEGER REFERENCES d (id) DEFERRABLE INITIALLY DEFERRED)")
		require.NoError(t, err)
		requireGroups(t, db, true, "without a deferred constraint")
		_, err = db.DB().ExecContext(t.Context(), "SELECT * FROM d")
		require.ErrorContains(t, err, "no such table")
	})
}

// A transaction of Bun's knows no groups: its Commit would return before COMMIT.
func TestBunTransactionJoinsNoGroup(t *testing.T) {
	t.Parallel()
	inOwnTime(t, groupedConfig(t), func(t *testing.T, db *dbmodule.Database) {
		holder := db.Sessions().New()
		require.NoError(t, insert(t.Context(), holder, "holder"))
		var wg sync.WaitGroup
		letGo := visit(t, db, &wg)
		wg.Go(func() {
			assert.NoError(t, db.DB().RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx) error {
				assert.True(t, storedNames(t, db)["holder"], "the group is committed first")
				return insert(ctx, tx, "bun")
			}))
			assert.True(t, storedNames(t, db)["bun"])
		})
		synctest.Wait()
		require.NoError(t, holder.Commit(t.Context()))
		synctest.Wait()
		close(letGo)
		wg.Wait()
	})
}
