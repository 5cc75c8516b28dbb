package dbmodule_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// groupedConfig is of a file whose commits sync.
func groupedConfig(t testing.TB, configure ...func(*dbmodule.Config)) dbmodule.Config {
	t.Helper()
	cfg := dbtest.Config(t, dbmodule.SQLite)
	url, _, _ := strings.Cut(cfg.URL.String(), "?")
	var err error
	cfg.URL, err = dbmodule.ParseURL(url + "?synchronous=FULL")
	require.NoError(t, err)
	cfg.PoolTimeout, cfg.StatementTimeout = time.Minute, 0
	for _, change := range configure {
		change(&cfg)
	}
	return cfg
}

// openGrouped opens a file whose commits sync, with the accounts table.
func openGrouped(t testing.TB, configure ...func(*dbmodule.Config)) *dbmodule.Database {
	t.Helper()
	return openAccounts(t, groupedConfig(t, configure...))
}

func openAccounts(t testing.TB, cfg dbmodule.Config, opts ...dbmodule.Option) *dbmodule.Database {
	t.Helper()
	db, err := dbmodule.Open(cfg, zap.NewNop(), opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	ctx := t.Context()
	require.NoError(t, db.Connect(ctx))
	_, err = db.DB().NewCreateTable().Model((*Account)(nil)).Exec(ctx)
	require.NoError(t, err)
	return db
}

func storedNames(t testing.TB, db *dbmodule.Database) map[string]bool {
	t.Helper()
	var list []string
	s := db.Sessions().New(dbmodule.ReadOnly())
	defer func() { assert.NoError(t, s.Close()) }()
	require.NoError(t, s.NewSelect().Model((*Account)(nil)).Column("name").Scan(t.Context(), &list))
	found := map[string]bool{}
	for _, name := range list {
		found[name] = true
	}
	return found
}

// Units of work that are stored in groups end as they would alone, whatever
// the others in the group do: what is acknowledged is there and can be seen,
// what failed is not, and nobody waits for ever.
func TestGroupCommitUnderStress(t *testing.T) {
	t.Parallel()
	const workers, rounds = 16, 60
	db := openGrouped(t)
	require.NoError(t, insert(t.Context(), db.DB(), "taken"))
	errPlanned := errors.New("planned")
	kinds := map[string]func(ctx context.Context, name string) (stored bool, err error){
		"store": func(ctx context.Context, name string) (bool, error) {
			err := db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error { return insert(ctx, s, name) })
			return true, err
		},
		"store with savepoints": func(ctx context.Context, name string) (bool, error) {
			err := db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
				err := s.InNested(ctx, func(ctx context.Context) error {
					return errors.Join(insert(ctx, s, "no "+name), insert(ctx, s, "taken"))
				})
				if !errors.Is(err, dbmodule.ErrUnique) {
					return fmt.Errorf("want ErrUnique, got %w", err)
				}
				return s.InNested(ctx, func(ctx context.Context) error { return insert(ctx, s, name) })
			})
			return true, err
		},
		"store by hand": func(ctx context.Context, name string) (bool, error) {
			s := db.Sessions().New()
			ran := false
			s.AfterCommit(func(context.Context) { ran = true })
			err := insert(ctx, s, name)
			if err == nil {
				err = s.Commit(ctx)
			}
			if ran != (err == nil) {
				t.Errorf("%s: hook ran: %t, error: %v", name, ran, err)
			}
			return true, errors.Join(err, s.Close())
		},
		"store without a session": func(ctx context.Context, name string) (bool, error) {
			return true, insert(ctx, db.DB(), name)
		},
		"vacuum": func(ctx context.Context, _ string) (bool, error) {
			_, err := db.DB().ExecContext(ctx, "VACUUM") // refused inside a transaction
			return false, err
		},
		"fail": func(ctx context.Context, name string) (bool, error) {
			err := db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
				return errors.Join(insert(ctx, s, name), errPlanned)
			})
			if errors.Is(err, errPlanned) {
				err = nil
			}
			return false, err
		},
		"fail on a constraint": func(ctx context.Context, name string) (bool, error) {
			err := db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
				_ = insert(ctx, s, name)
				_ = insert(ctx, s, "taken")
				return nil // Commit refuses
			})
			if errors.Is(err, dbmodule.ErrPendingRollback) && errors.Is(err, dbmodule.ErrUnique) {
				err = nil
			}
			return false, err
		},
		"panic": func(ctx context.Context, name string) (_ bool, err error) {
			defer func() {
				if cause := recover(); cause != "planned" {
					err = fmt.Errorf("panic: %v", cause)
				}
			}()
			return false, db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
				_ = insert(ctx, s, name)
				panic("planned")
			})
		},
		"roll back all": func(ctx context.Context, name string) (bool, error) {
			// A trigger's or statement's ROLLBACK takes the whole transaction.
			s := db.Sessions().New()
			_ = insert(ctx, s, name)
			_, err := s.ExecContext(ctx, "INSERT OR ROLLBACK INTO accounts (name, balance) VALUES ('taken', 0)")
			if errors.Is(err, dbmodule.ErrUnique) {
				err = nil
			}
			return false, errors.Join(err, s.Close())
		},
	}
	names := make([]string, 0, len(kinds))
	for name := range kinds {
		names = append(names, name)
	}
	slices.Sort(names)

	var mu sync.Mutex
	want, unknown := map[string]bool{"taken": true}, map[string]bool{}
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			for round := range rounds {
				kind := names[rand.IntN(len(names))]
				if rand.IntN(2) == 0 {
					kind = "store"
				}
				if kind == "vacuum" && round%10 > 0 || kind == "roll back all" && round%10 != 5 {
					kind = "store by hand"
				}
				name := fmt.Sprint(kind, " ", worker, "-", round)
				ctx, cancel := t.Context(), func() {}
				leaves := rand.IntN(5) == 0
				if leaves {
					ctx, cancel = context.WithTimeout(ctx, time.Duration(rand.IntN(5000))*time.Microsecond)
				}
				stores, err := kinds[kind](ctx, name)
				cancel()
				mu.Lock()
				switch {
				case err == nil && stores:
					want[name] = true
				case err == nil:
				case errors.Is(err, dbmodule.ErrCommitUnknown):
					unknown[name] = true
				case leaves && kind == "store without a session":
					unknown[name] = true // Bun's own path tells no more
				case leaves, stores && errors.Is(err, dbmodule.ErrConflict):
					// Nothing is stored: another took the whole transaction along.
				default:
					t.Errorf("%s: %v", name, err)
				}
				mu.Unlock()
				if err == nil && stores && rand.IntN(4) == 0 {
					assert.True(t, storedNames(t, db)[name], "%s is acknowledged and can't be seen", name)
				}
			}
		})
	}
	wg.Wait()
	found := storedNames(t, db)
	for name := range want {
		assert.True(t, found[name], "%s: acknowledged, not stored", name)
	}
	for name := range found {
		assert.True(t, want[name] || unknown[name], "%s: stored, not acknowledged", name)
	}
	commits, units := dbmodule.GroupedCommits(db)
	t.Logf("%d units of work in %d commits; %d of unknown outcome", units, commits, len(unknown))
	assert.Greater(t, units, commits, "no groups were formed")
	assert.Zero(t, db.Stats().InUse)
}

// together makes units of work meet: the first holds the writer until all
// others wait for it. Its own error is the last.
func together(t *testing.T, db *dbmodule.Database, units ...func(ctx context.Context, s *dbmodule.Session) error) []error {
	t.Helper()
	errs := make([]error, len(units)+1)
	var wg sync.WaitGroup
	holder := db.Sessions().New()
	require.NoError(t, insert(t.Context(), holder, fmt.Sprint("holder ", rand.Int())))
	waits := db.Stats().WaitCount
	for i, unit := range units {
		wg.Go(func() {
			errs[i] = db.Sessions().InTx(t.Context(), unit)
		})
		require.Eventually(t, func() bool { return db.Stats().WaitCount > waits+int64(i) }, time.Minute, time.Millisecond)
	}
	errs[len(units)] = holder.Commit(t.Context())
	wg.Wait()
	return errs
}

func inserts(name string) func(ctx context.Context, s *dbmodule.Session) error {
	return func(ctx context.Context, s *dbmodule.Session) error { return insert(ctx, s, name) }
}

func TestGroupCommitSharesASync(t *testing.T) {
	t.Parallel()
	const rounds = 30 // on a busy machine those that meet may be too slow for a group
	for name, test := range map[string]struct {
		configure func(*dbmodule.Config)
		prepare   string // a statement before
		shared    bool
	}{
		"on":  {func(*dbmodule.Config) {}, "", true},
		"off": {func(cfg *dbmodule.Config) { cfg.GroupCommit = false }, "", false},
		"a deferred constraint somewhere": {
			func(*dbmodule.Config) {}, "CREATE TABLE d (id INTEGER PRIMARY KEY, p INTEGER REFERENCES accounts (id) DEFERRABLE INITIALLY DEFERRED)", false,
		},
		"commits that do not sync": {
			func(cfg *dbmodule.Config) {
				url, _, _ := strings.Cut(cfg.URL.String(), "?")
				cfg.URL, _ = dbmodule.ParseURL(url + "?synchronous=NORMAL")
			}, "", false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := openGrouped(t, test.configure)
			if test.prepare != "" {
				_, err := db.DB().ExecContext(t.Context(), test.prepare)
				require.NoError(t, err)
			}
			shared := false
			for round := 0; round < rounds && !shared; round++ {
				names := []string{fmt.Sprint("a", round), fmt.Sprint("b", round), fmt.Sprint("c", round)}
				errs := together(t, db, inserts(names[0]), inserts(names[1]), inserts(names[2]))
				assert.NoError(t, errors.Join(errs...))
				commits, units := dbmodule.GroupedCommits(db)
				shared = commits < units
				for _, name := range names {
					assert.True(t, storedNames(t, db)[name], name)
				}
			}
			assert.Equal(t, test.shared, shared)
		})
	}
}

// A constraint that comes later counts too.
func TestGroupsEndWithTheFirstDeferredConstraint(t *testing.T) {
	t.Parallel()
	const rounds = 30
	db := openGrouped(t)
	shared := func(round int) bool {
		commits, units := dbmodule.GroupedCommits(db)
		errs := together(t, db, inserts(fmt.Sprint("a", round)), inserts(fmt.Sprint("b", round)))
		require.NoError(t, errors.Join(errs...))
		commitsAfter, unitsAfter := dbmodule.GroupedCommits(db)
		return commitsAfter-commits < unitsAfter-units
	}
	formed := false
	for round := 0; round < rounds && !formed; round++ {
		formed = shared(round)
	}
	require.True(t, formed, "no groups were formed")
	_, err := db.DB().ExecContext(t.Context(), "CREATE TABLE d (id INTEGER PRIMARY KEY, p INTEGER REFERENCES accounts (id) DEFERRABLE INITIALLY DEFERRED)")
	require.NoError(t, err)
	for round := range rounds {
		require.False(t, shared(rounds+round))
	}
}

// Who is in a hurry does not wait for those behind, and knows that it does not
// know.
func TestDeadlineWhileOthersHoldTheGroup(t *testing.T) {
	t.Parallel()
	const rounds = 30
	db := openGrouped(t)
	for round := range rounds {
		first := db.Sessions().New()
		ran := false
		first.AfterCommit(func(context.Context) { ran = true })
		name := fmt.Sprint("first ", round)
		require.NoError(t, insert(t.Context(), first, name))
		entered, leave := make(chan struct{}), make(chan struct{})
		waits := db.Stats().WaitCount
		var wg sync.WaitGroup
		wg.Go(func() {
			assert.NoError(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
				err := insert(ctx, s, fmt.Sprint("second ", round))
				close(entered)
				<-leave
				return err
			}, dbmodule.MaxAttempts(1)))
		})
		require.Eventually(t, func() bool { return db.Stats().WaitCount > waits }, time.Minute, time.Millisecond)
		ctx, cancel := context.WithCancel(t.Context())
		var err error
		var committed sync.WaitGroup
		committed.Go(func() { err = first.Commit(ctx) })
		<-entered
		cancel()
		committed.Wait()
		close(leave)
		wg.Wait()
		require.True(t, storedNames(t, db)[name])
		if err != nil { // else it was committed before the second began
			require.ErrorIs(t, err, dbmodule.ErrCommitUnknown)
			assert.False(t, ran)
			return
		}
	}
	t.Error("no groups were formed")
}

// A session whose commit failed with the others' knows that nothing is stored.
func TestGroupThatFailsIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	const rounds = 30
	for range rounds {
		if failsTogether(t) {
			return
		}
	}
	t.Error("no group failed as one")
}

// failsTogether reports whether the second of two units of work, which takes
// the whole transaction along, met the first in a group.
func failsTogether(t *testing.T) bool {
	t.Helper()
	db := openGrouped(t)
	first := db.Sessions().New()
	require.NoError(t, insert(t.Context(), first, "first"))
	waits := db.Stats().WaitCount
	second := db.Sessions().New()
	var wg sync.WaitGroup
	var firstErr, secondErr error
	wg.Go(func() {
		secondErr = insert(t.Context(), second, "second")
		assert.NoError(t, dbmodule.LoseConn(second)) // takes the whole transaction along
		assert.NoError(t, second.Close())
	})
	require.Eventually(t, func() bool { return db.Stats().WaitCount > waits }, time.Minute, time.Millisecond)
	ran := false
	first.AfterCommit(func(context.Context) { ran = true })
	firstErr = first.Commit(t.Context())
	wg.Wait()
	require.NoError(t, secondErr)
	if firstErr == nil {
		assert.True(t, ran)
		return false
	}
	failed := time.Now()
	require.ErrorIs(t, firstErr, dbmodule.ErrConflict)
	assert.NotErrorIs(t, firstErr, dbmodule.ErrCommitUnknown)
	assert.False(t, ran, "the hook ran")
	assert.Empty(t, storedNames(t, db))
	require.NoError(t, insert(t.Context(), first, "again"))
	require.NoError(t, first.Commit(t.Context()))
	assert.True(t, storedNames(t, db)["again"])

	// For a while each commits alone, lest they fail together again.
	commits, units := dbmodule.GroupedCommits(db)
	errs := together(t, db, inserts("a"), inserts("b"), inserts("c"))
	require.NoError(t, errors.Join(errs...))
	commitsAfter, unitsAfter := dbmodule.GroupedCommits(db)
	if time.Since(failed) < dbmodule.GroupPause {
		assert.Equal(t, unitsAfter-units, commitsAfter-commits, "COMMITs for as many units of work")
	}
	return true
}

// The one for whom the transaction was left open may go away.
func TestGroupIsCommittedWhenNobodyJoins(t *testing.T) {
	t.Parallel()
	db := openGrouped(t)
	for round := range 50 {
		holder := db.Sessions().New()
		require.NoError(t, insert(t.Context(), holder, fmt.Sprint("round ", round)))
		ctx, leave := context.WithCancel(t.Context())
		waits := db.Stats().WaitCount
		var wg sync.WaitGroup
		wg.Go(func() {
			s := db.Sessions().New()
			_ = insert(ctx, s, fmt.Sprint("visitor ", round))
			assert.NoError(t, s.Close())
		})
		require.Eventually(t, func() bool { return db.Stats().WaitCount > waits }, time.Minute, time.Millisecond)
		wg.Go(leave)
		require.NoError(t, holder.Commit(t.Context()))
		assert.True(t, storedNames(t, db)[fmt.Sprint("round ", round)])
		wg.Wait()
	}
}

func TestSessionRefusesToEndItsTransactionByText(t *testing.T) {
	t.Parallel()
	db := openGrouped(t)
	for statement, refused := range map[string]bool{
		"COMMIT": true, " end;": true, "ROLLBACK": true, "rollback transaction;": true,
		"COMMIT\tTRANSACTION": true, "end\ntransaction": true, "ROLLBACK\nTRANSACTION": true, "\fCOMMIT": true,
		"/* all */ COMMIT": true, "-- all\n/* of */; COMMIT": true, "COMMIT/* all */": true, "COMMIT; SELECT 1": true,
		"ROLLBACK -- TO a": true, "ROLLBACK/* TO */": true, "SAVEPOINT a; ROLLBACK TO a": false, "ROLLBACK TO a; COMMIT": true,
		"SELECT 1; COMMIT": true, "SELECT ';'; -- and\n end": true, "\ufeffCOMMIT": true, "SELECT 1;\ufeffROLLBACK": true,
		"CREATE TABLE b (x); COMMIT": true, "CREATE TEMP TRIGGER c AFTER INSERT ON accounts BEGIN SELECT 1; END; COMMIT": true,
		"CREATE TRIGGER d AFTER INSERT ON accounts BEGIN SELECT CASE WHEN 1 THEN 2 END; SELECT 3; END": false,
		"SELECT '; COMMIT'": false, "SELECT 1 -- ; COMMIT": false, `SELECT 1 AS "; rollback"`: false,
		"SAVEPOINT a": false, "CREATE TABLE commits (x)": false, "EXPLAIN SELECT 1": false, "SELECT 1; SELECT 2;": false,
	} {
		s := db.Sessions().New()
		_, err := s.ExecContext(t.Context(), statement)
		if refused {
			assert.ErrorContains(t, err, "call the session's Commit or Rollback", statement)
		} else {
			assert.NoError(t, err, statement)
		}
		require.NoError(t, s.Close())
	}
	s := db.Sessions().New()
	_, err := s.ExecContext(t.Context(), "SAVEPOINT a")
	require.NoError(t, err)
	for _, statement := range []string{"ROLLBACK TO a", "/* all */ rollback\ttransaction to savepoint a;"} {
		_, err = s.ExecContext(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	require.NoError(t, s.Close())

	// Who works on a connection of Bun's shares nothing.
	conn, err := db.DB().Conn(t.Context())
	require.NoError(t, err)
	for _, statement := range []string{"BEGIN", "COMMIT", "BEGIN", "ROLLBACK"} {
		_, err = conn.ExecContext(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	require.NoError(t, conn.Close())
}

// BenchmarkGroupCommit stores rows one a unit of work from several writers,
// on a disk that syncs: with shared commits and with one commit each.
func BenchmarkGroupCommit(b *testing.B) {
	for _, writers := range []int{1, 4, 16, 64} {
		for _, on := range []bool{true, false} {
			b.Run(fmt.Sprintf("writers=%d/shared=%t", writers, on), func(b *testing.B) {
				db := openGrouped(b, func(cfg *dbmodule.Config) { cfg.GroupCommit = on })
				var next atomic.Int64
				b.ResetTimer()
				var wg sync.WaitGroup
				for range writers {
					wg.Go(func() {
						for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
							if err := db.Sessions().InTx(b.Context(), inserts(fmt.Sprint(i))); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
			})
		}
	}
}
