package dbmodule_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// goingContext has ended, and holds up who asks why until it is let go: a
// session that counts as waiting and won't come.
type goingContext struct {
	context.Context
	letGo chan struct{}
}

func newGoingContext(t *testing.T) goingContext {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return goingContext{ctx, make(chan struct{})}
}

func (c goingContext) Err() error {
	<-c.letGo
	return c.Context.Err()
}

// visit waits for the writer with a context that is about to end.
func visit(t *testing.T, db *dbmodule.Database, wg *sync.WaitGroup) (letGo chan struct{}) {
	ctx := newGoingContext(t)
	wg.Go(func() {
		s := db.Sessions().New()
		assert.ErrorIs(t, insert(ctx, s, "visitor"), context.Canceled)
		assert.NoError(t, s.Close())
	})
	synctest.Wait()
	return ctx.letGo
}

// The one for whom a group stays open may go away before it comes.
func TestGroupIsCommittedWhenTheLastWhoWaitsLeaves(t *testing.T) {
	t.Parallel()
	inOwnTime(t, groupedConfig(t), func(t *testing.T, db *dbmodule.Database) {
		holder := db.Sessions().New()
		require.NoError(t, insert(t.Context(), holder, "holder"))
		var wg sync.WaitGroup
		letGo := visit(t, db, &wg)
		committed := make(chan error, 1)
		go func() { committed <- holder.Commit(t.Context()) }()
		synctest.Wait()
		assert.Empty(t, committed, "the group is open for the visitor")
		assert.Empty(t, storedNames(t, db))
		close(letGo)
		require.NoError(t, <-committed)
		wg.Wait()
		assert.Equal(t, map[string]bool{"holder": true}, storedNames(t, db))
	})
}

// afterCommitStatement is a hook of Bun's: a session's COMMIT has ended, which
// for a member of a group means its part.
type afterCommitStatement func()

func (afterCommitStatement) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context {
	return ctx
}

func (f afterCommitStatement) AfterQuery(_ context.Context, event *bun.QueryEvent) {
	if event.Query == "COMMIT" {
		f()
	}
}

// A member may leave as soon as its part has ended: that is stored with the
// others', and it knows that it does not know.
func TestMemberLeavesBeforeTheGroupIsCommitted(t *testing.T) {
	t.Parallel()
	inOwnTime(t, groupedConfig(t), func(t *testing.T, db *dbmodule.Database) {
		var leaves []context.CancelFunc // of those whose part has ended, in turn
		hook := afterCommitStatement(func() {
			if len(leaves) > 0 {
				leaves[0]()
				leaves = leaves[1:]
			}
		})
		db.DB().AddQueryHook(hook) //nolint:staticcheck // WithQueryHook makes a database that no session uses
		first, leaveFirst := context.WithCancel(t.Context())
		second, leaveSecond := context.WithCancel(t.Context())
		leaves = append(leaves, leaveFirst, leaveSecond)
		var wg sync.WaitGroup
		// member waits for the writer, and then to be let go.
		member := func(ctx context.Context, name string) (letGo chan struct{}, committed chan error) {
			letGo, committed = make(chan struct{}), make(chan error, 1)
			wg.Go(func() {
				s := db.Sessions().New()
				assert.NoError(t, insert(ctx, s, name))
				<-letGo
				committed <- s.Commit(ctx)
			})
			synctest.Wait()
			return letGo, committed
		}
		letFirst, firstErr := member(first, "first")
		letSecond, secondErr := member(second, "second")
		close(letFirst)
		require.ErrorIs(t, <-firstErr, dbmodule.ErrCommitUnknown)
		letThird, thirdErr := member(t.Context(), "third")
		close(letSecond)
		require.ErrorIs(t, <-secondErr, dbmodule.ErrCommitUnknown)
		close(letThird)
		require.NoError(t, <-thirdErr)
		wg.Wait()
		assert.Equal(t, map[string]bool{"first": true, "second": true, "third": true}, storedNames(t, db))
		commits, units := dbmodule.GroupedCommits(db)
		assert.EqualValues(t, 3, units)
		assert.EqualValues(t, 1, commits)
	})
}

// SQLite rolls a whole transaction back when a statement that writes is
// interrupted. A member's that is soon done is not: no time passes meanwhile.
func TestMemberWhoLeavesDuringAStatementHarmsNobody(t *testing.T) {
	t.Parallel()
	inOwnTime(t, groupedConfig(t), func(t *testing.T, db *dbmodule.Database) {
		err := meet(t, db, func(ctx context.Context, s *dbmodule.Session) error {
			if err := insert(ctx, s, unique(db)); err != nil {
				return err
			}
			leaving, leave := context.WithCancel(ctx)
			go leave()
			_, err := s.ExecContext(leaving, "INSERT INTO accounts (name, balance) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT 'late', count(*) FROM n")
			return err
		}, lasting(db, 0))
		require.NoError(t, err)
		commits, units := dbmodule.GroupedCommits(db)
		assert.EqualValues(t, 3, units)
		assert.EqualValues(t, 1, commits)
	})
}
