package dbmodule_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// inOwnTime runs fn with a database in a time that passes while all sleep or
// wait, and else stands still: what groups make of time is the same on a busy
// machine. synctest.Wait returns there once all others wait.
func inOwnTime(t *testing.T, cfg dbmodule.Config, fn func(t *testing.T, db *dbmodule.Database), opts ...dbmodule.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { fn(t, openAccounts(t, cfg, opts...)) })
}

// meet makes units of work meet, like together, in a time of the test's own.
func meet(t *testing.T, db *dbmodule.Database, units ...func(ctx context.Context, s *dbmodule.Session) error) error {
	t.Helper()
	holder := db.Sessions().New()
	require.NoError(t, insert(t.Context(), holder, unique(db)))
	errs := make([]error, len(units)+1)
	var wg sync.WaitGroup
	for i, unit := range units {
		wg.Go(func() { errs[i] = db.Sessions().InTx(t.Context(), unit, dbmodule.MaxAttempts(1)) })
	}
	synctest.Wait()
	errs[len(units)] = holder.Commit(t.Context())
	wg.Wait()
	return errors.Join(errs...)
}

// unique is a name that no account has.
func unique(db *dbmodule.Database) string { return fmt.Sprint(db.Sessions().New().ID()) }

// lasting is a unit of work that holds the writer for so long.
func lasting(db *dbmodule.Database, d time.Duration) func(ctx context.Context, s *dbmodule.Session) error {
	return func(ctx context.Context, s *dbmodule.Session) error {
		err := insert(ctx, s, unique(db))
		time.Sleep(d)
		return err
	}
}

// met returns how many COMMITs stored how many units of work that met.
func met(t *testing.T, db *dbmodule.Database, units ...func(ctx context.Context, s *dbmodule.Session) error) (commits, stored int64) {
	t.Helper()
	commits, stored = dbmodule.GroupedCommits(db)
	require.NoError(t, meet(t, db, units...))
	commitsAfter, storedAfter := dbmodule.GroupedCommits(db)
	return commitsAfter - commits, storedAfter - stored
}

// requireGroups requires that units of work share a COMMIT, or that none do.
func requireGroups(t *testing.T, db *dbmodule.Database, want bool, about string) {
	t.Helper()
	quick := lasting(db, 0)
	commits, units := met(t, db, quick, quick, quick)
	require.EqualValues(t, 4, units)
	if want {
		require.EqualValues(t, 1, commits, about)
	} else {
		require.EqualValues(t, 4, commits, about)
	}
}

func alone(t *testing.T, db *dbmodule.Database, times int, unit func(ctx context.Context, s *dbmodule.Session) error) {
	t.Helper()
	for range times {
		require.NoError(t, db.Sessions().InTx(t.Context(), unit))
	}
}

// The first member waits for so many others and no more.
func TestGroupIsBoundedInItsUnits(t *testing.T) {
	t.Parallel()
	inOwnTime(t, groupedConfig(t), func(t *testing.T, db *dbmodule.Database) {
		units := make([]func(ctx context.Context, s *dbmodule.Session) error, dbmodule.GroupUnits+5)
		for i := range units {
			units[i] = lasting(db, 0)
		}
		commits, stored := met(t, db, units[:dbmodule.GroupUnits-1]...)
		assert.EqualValues(t, dbmodule.GroupUnits, stored)
		assert.EqualValues(t, 1, commits)
		commits, stored = met(t, db, units...)
		assert.EqualValues(t, dbmodule.GroupUnits+6, stored)
		assert.EqualValues(t, 2, commits)
	})
}

// The first member waits for so long and no longer.
func TestGroupIsBoundedInItsAge(t *testing.T) {
	t.Parallel()
	inOwnTime(t, groupedConfig(t), func(t *testing.T, db *dbmodule.Database) {
		half := lasting(db, dbmodule.GroupAge/2)
		commits, stored := met(t, db, half, half, lasting(db, 0))
		assert.EqualValues(t, 4, stored)
		assert.EqualValues(t, 1, commits)
		long := lasting(db, dbmodule.GroupAge+1)
		commits, stored = met(t, db, long, long, long) // the last is in the group of the second
		assert.EqualValues(t, 4, stored)
		assert.EqualValues(t, 2, commits)
	})
}

// Where units of work are slow, a member would wait for more than its sync.
func TestSlowUnitsFormNoGroups(t *testing.T) {
	t.Parallel()
	inOwnTime(t, groupedConfig(t), func(t *testing.T, db *dbmodule.Database) {
		quick, slow := lasting(db, dbmodule.QuickUnit), lasting(db, dbmodule.QuickUnit+1)
		alone(t, db, 3*dbmodule.SlowUnits, quick)
		alone(t, db, dbmodule.SlowUnits/2+1, slow)
		requireGroups(t, db, true, "the one that holds the writer is quick, and most are not slow any more")
		alone(t, db, 3*dbmodule.SlowUnits, quick)
		alone(t, db, 3*dbmodule.SlowUnits, slow)
		requireGroups(t, db, false, "most were slow")
		requireGroups(t, db, true, "as many were quick since")
	})
}

func TestSlowMembersEndGroups(t *testing.T) {
	t.Parallel()
	inOwnTime(t, groupedConfig(t), func(t *testing.T, db *dbmodule.Database) {
		slow := lasting(db, dbmodule.QuickUnit+1)
		commits, stored := met(t, db, slow, slow)
		require.EqualValues(t, 3, stored)
		require.EqualValues(t, 1, commits)
		for range dbmodule.SlowUnits {
			commits, stored = met(t, db, slow, slow)
		}
		assert.EqualValues(t, 3, stored)
		assert.EqualValues(t, 3, commits)
	})
}

// Only units of work count as slow, not what stands between them.
func TestStatementsByThemselvesAreNotSlow(t *testing.T) {
	t.Parallel()
	inOwnTime(t, groupedConfig(t), func(t *testing.T, db *dbmodule.Database) {
		alone(t, db, 1, lasting(db, 0))
		for range 3 * dbmodule.SlowUnits {
			time.Sleep(time.Second)
			require.NoError(t, insert(t.Context(), db.DB(), unique(db)))
		}
		requireGroups(t, db, true, "no unit was slow")
	})
}

// onStatement is an observer that is called for each statement.
type onStatement func(statement dbmodule.Statement)

func (onStatement) UnitBegan(ctx context.Context, _ dbmodule.UnitOfWork) context.Context { return ctx }
func (onStatement) Acquired(context.Context, dbmodule.Acquisition)                       {}
func (onStatement) UnitEnded(context.Context, dbmodule.UnitEnd)                          {}
func (onStatement) Retrying(context.Context, dbmodule.Retry)                             {}

func (f onStatement) Statement(_ context.Context, statement dbmodule.Statement) { f(statement) }

// On a slow disk a member saves more than what a slow unit of work costs it.
func TestUnitsAreQuickBesideSlowCommits(t *testing.T) {
	t.Parallel()
	slowDisk := onStatement(func(statement dbmodule.Statement) {
		if statement.Operation() == "COMMIT" {
			time.Sleep(time.Second)
		}
	})
	inOwnTime(t, groupedConfig(t), func(t *testing.T, db *dbmodule.Database) {
		alone(t, db, 3*dbmodule.SlowUnits, lasting(db, 0))
		alone(t, db, 3*dbmodule.SlowUnits, lasting(db, 10*dbmodule.QuickUnit))
		requireGroups(t, db, true, "COMMIT takes longer")
	}, dbmodule.WithObserver(slowDisk))
}

// A constraint that another program makes counts too.
func TestGroupsEndWithAnothersDeferredConstraint(t *testing.T) {
	t.Parallel()
	cfg := groupedConfig(t)
	inOwnTime(t, cfg, func(t *testing.T, db *dbmodule.Database) {
		requireGroups(t, db, true, "at first")
		opened, err := dbmodule.Open(cfg, zap.NewNop())
		require.NoError(t, err)
		defer func() { assert.NoError(t, opened.Close()) }()
		require.NoError(t, opened.Connect(t.Context()))
		other := opened.DB()
		_, err = other.ExecContext(t.Context(), "CREATE TABLE other (id INTEGER PRIMARY KEY)")
		require.NoError(t, err)
		requireGroups(t, db, true, "after a table without one")
		_, err = other.ExecContext(t.Context(), "CREATE TABLE d (p INTEGER REFERENCES accounts (id) DEFERRABLE INITIALLY DEFERRED)")
		require.NoError(t, err)
		requireGroups(t, db, false, "with a deferred constraint")
		_, err = other.ExecContext(t.Context(), "DROP TABLE d")
		require.NoError(t, err)
		requireGroups(t, db, true, "without it")
	})
}

// The COMMIT of a group is told as a statement of the session that began it.
func TestGroupsCommitIsOfTheFirstMember(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var sessions []uint64
	witness := onStatement(func(statement dbmodule.Statement) {
		mu.Lock()
		defer mu.Unlock()
		if statement.Operation() == "COMMIT" && statement.Session > 0 {
			sessions = append(sessions, statement.Session)
		}
	})
	inOwnTime(t, groupedConfig(t), func(t *testing.T, db *dbmodule.Database) {
		holder := db.Sessions().New()
		require.NoError(t, insert(t.Context(), holder, "holder"))
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { assert.NoError(t, db.Sessions().InTx(t.Context(), lasting(db, 0))) })
		}
		synctest.Wait()
		require.NoError(t, holder.Commit(t.Context()))
		wg.Wait()
		assert.Equal(t, []uint64{holder.ID()}, sessions)
	}, dbmodule.WithObserver(witness))
}

// The log has the BEGIN and the end of each session, also of one that joins another's
// transaction.
func TestMembersOfAGroupAreLogged(t *testing.T) {
	t.Parallel()
	cfg := groupedConfig(t)
	cfg.Echo = dbmodule.EchoOn
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.InfoLevel)
		db, err := dbmodule.Open(cfg, zap.New(core))
		require.NoError(t, err)
		defer func() { require.NoError(t, db.Close()) }()
		_, err = db.DB().NewCreateTable().Model((*Account)(nil)).Exec(t.Context())
		require.NoError(t, err)
		logs.TakeAll()
		ends := errors.New("it ends")
		require.ErrorIs(t, meet(t, db, lasting(db, 0), func(ctx context.Context, s *dbmodule.Session) error {
			return errors.Join(insert(ctx, s, unique(db)), ends)
		}), ends)
		commits, units := dbmodule.GroupedCommits(db)
		require.Equal(t, []int64{1, 2}, []int64{commits, units})
		bySession := map[any][]string{}
		for _, line := range logs.All() {
			fields := line.ContextMap()
			bySession[fields["session"]] = append(bySession[fields["session"]], fmt.Sprint(fields["operation"]))
		}
		lines := map[string]int{}
		for _, session := range bySession {
			lines[strings.Join(session, " ")]++
		}
		assert.Equal(t, map[string]int{"BEGIN INSERT COMMIT": 2, "BEGIN INSERT ROLLBACK": 1}, lines)
	})
}

// Whoever reads rows slowly makes no slow statement of it.
func TestSlowReadersMakeNoSlowStatements(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Config(t, dbmodule.SQLite)
	cfg.Echo, cfg.SlowQuery, cfg.StatementTimeout = dbmodule.EchoOn, time.Second, 0
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.InfoLevel)
		var took []time.Duration
		db, err := dbmodule.Open(cfg, zap.New(core), dbmodule.WithObserver(onStatement(func(statement dbmodule.Statement) {
			took = append(took, statement.Took)
		})))
		require.NoError(t, err)
		defer func() { require.NoError(t, db.Close()) }()
		rows, err := db.DB().QueryContext(t.Context(), "SELECT 1 UNION ALL SELECT 2")
		require.NoError(t, err)
		read := 0
		for rows.Next() {
			time.Sleep(time.Minute)
			read++
		}
		require.NoError(t, errors.Join(rows.Err(), rows.Close()))
		require.Equal(t, 2, read)
		require.Equal(t, 1, logs.Len())
		assert.Equal(t, "query", logs.All()[0].Message)
		assert.Equal(t, map[string]any{
			"operation": "SELECT", "statement": "SELECT 1 UNION ALL SELECT 2", "duration": time.Duration(0), "rows": int64(2),
		}, logs.All()[0].ContextMap())
		assert.Equal(t, []time.Duration{2 * time.Minute}, took, "observers are told how long the result was open")
	})
}
