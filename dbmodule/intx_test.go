package dbmodule_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
)

func TestInTx(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, test := range map[string]struct {
		fn      func(ctx context.Context, s *dbmodule.Session) error
		wantErr error
		want    []string
	}{
		"nil commits": {func(ctx context.Context, s *dbmodule.Session) error { return insert(ctx, s, "a") }, nil, []string{"a"}},
		"an error rolls back": {func(ctx context.Context, s *dbmodule.Session) error {
			return errors.Join(insert(ctx, s, "a"), boom)
		}, boom, []string{}},
		"a swallowed failure stores nothing": {func(ctx context.Context, s *dbmodule.Session) error {
			_ = insert(ctx, s, "a")
			_ = insert(ctx, s, "a")
			return nil
		}, dbmodule.ErrPendingRollback, []string{}},
		"a commit of its own stays": {func(ctx context.Context, s *dbmodule.Session) error {
			return errors.Join(insert(ctx, s, "a"), s.Commit(ctx), insert(ctx, s, "b"), boom)
		}, boom, []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, db *dbmodule.Database) {
				err := db.Sessions().InTx(t.Context(), test.fn)
				require.ErrorIs(t, err, test.wantErr)
				assert.Equal(t, test.want, names(t, db))
				assert.Zero(t, db.Stats().InUse)
			})
		})
	}
}

func TestInTxRollsBackAPanic(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		require.PanicsWithValue(t, "boom", func() {
			_ = db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
				require.NoError(t, insert(ctx, s, "a"))
				panic("boom")
			})
		})
		assert.Zero(t, db.Stats().InUse)
		assert.Empty(t, names(t, db))
	})
}

func TestInTxRepeatsConflictsWithinBounds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		attempts := 0
		err := db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
			attempts++
			if err := insert(ctx, s, fmt.Sprint("attempt ", attempts)); err != nil || attempts == 3 {
				return err
			}
			return dbmodule.ErrConflict
		})
		require.NoError(t, err)
		assert.Equal(t, []string{"attempt 3"}, names(t, db))

		attempts = 0
		err = db.Sessions().InTx(t.Context(), func(context.Context, *dbmodule.Session) error {
			attempts++
			return dbmodule.ErrConflict
		}, dbmodule.MaxAttempts(4))
		require.ErrorIs(t, err, dbmodule.ErrConflict)
		assert.Equal(t, 4, attempts)

		attempts = 0
		err = db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
			attempts++
			return errors.Join(insert(ctx, s, fmt.Sprint("own commit ", attempts)), s.Commit(ctx), dbmodule.ErrConflict)
		})
		require.ErrorIs(t, err, dbmodule.ErrConflict)
		assert.Equal(t, 1, attempts, "what committed by itself is not repeated")

		attempts = 0
		ctx, cancel := context.WithCancel(t.Context())
		err = db.Sessions().InTx(ctx, func(context.Context, *dbmodule.Session) error {
			attempts++
			cancel()
			return dbmodule.ErrConflict
		})
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, 1, attempts)
	})
}

// Two units of work that lock two rows in opposite order deadlock on engines
// with row locks; each must be repeated until both are stored.
func TestInTxSurvivesDeadlocks(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		require.NoError(t, insert(t.Context(), db.DB(), "x"))
		require.NoError(t, insert(t.Context(), db.DB(), "y"))
		var met sync.WaitGroup
		met.Add(2)
		var conflicts atomic.Int64
		add := func(first, second string) error {
			attempt := 0
			return db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
				attempt++
				for i, name := range []string{first, second} {
					_, err := s.NewUpdate().Model((*Account)(nil)).Set("balance = balance + 1").Where("name = ?", name).Exec(ctx)
					if errors.Is(err, dbmodule.ErrConflict) {
						conflicts.Add(1)
					}
					if err != nil {
						return err
					}
					if i == 0 && attempt == 1 && db.Engine() != dbmodule.SQLite {
						met.Done()
						met.Wait()
					}
				}
				return nil
			})
		}
		var wg sync.WaitGroup
		errs := make([]error, 2)
		wg.Go(func() { errs[0] = add("x", "y") })
		wg.Go(func() { errs[1] = add("y", "x") })
		wg.Wait()
		require.NoError(t, errors.Join(errs...))
		if db.Engine() != dbmodule.SQLite {
			assert.Positive(t, conflicts.Load(), "the test made no deadlock")
		}
		var balances []int64
		require.NoError(t, db.DB().NewSelect().Model((*Account)(nil)).Column("balance").Scan(t.Context(), &balances))
		assert.Equal(t, []int64{2, 2}, balances)
	})
}

// MySQL rolls the whole transaction back on a deadlock: going on would store
// the second half alone.
func TestSwallowedDeadlockStoresNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		if db.Engine() == dbmodule.SQLite {
			return // one writer: no deadlocks
		}
		ctx := t.Context()
		require.NoError(t, insert(ctx, db.DB(), "x"))
		require.NoError(t, insert(ctx, db.DB(), "y"))
		var met sync.WaitGroup
		met.Add(2)
		swallow := func(first, second, mark string) (deadlocked bool, err error) {
			s := db.Sessions().New()
			defer func() { err = errors.Join(err, s.Close()) }()
			lock := func(name string) error {
				_, err := s.NewUpdate().Model((*Account)(nil)).Set("balance = balance + 1").Where("name = ?", name).Exec(ctx)
				return err
			}
			if err := lock(first); err != nil {
				return false, err
			}
			met.Done()
			met.Wait()
			err = s.InNested(ctx, func(context.Context) error { return lock(second) })
			deadlocked = errors.Is(err, dbmodule.ErrConflict)
			if db.Engine() == dbmodule.PostgreSQL && deadlocked {
				return true, nil // a savepoint does survive a deadlock there
			}
			_ = insert(ctx, s, mark)
			return deadlocked, s.Commit(ctx)
		}
		type outcome struct {
			mark       string
			deadlocked bool
			err        error
		}
		outcomes := make([]outcome, 2)
		var wg sync.WaitGroup
		for i, names := range [][3]string{{"x", "y", "first"}, {"y", "x", "second"}} {
			wg.Go(func() {
				deadlocked, err := swallow(names[0], names[1], names[2])
				outcomes[i] = outcome{names[2], deadlocked, err}
			})
		}
		wg.Wait()
		stored := names(t, db)
		seen := 0
		for _, o := range outcomes {
			if !o.deadlocked {
				require.NoError(t, o.err)
				assert.Contains(t, stored, o.mark)
				continue
			}
			seen++
			if db.Engine() == dbmodule.MySQL {
				require.ErrorIs(t, o.err, dbmodule.ErrPendingRollback)
			}
			assert.NotContains(t, stored, o.mark)
		}
		assert.Equal(t, 1, seen, "the test made no deadlock")
	})
}

// Readers that then write are what SQLite answers with "database is locked",
// PostgreSQL (serializable) with 40001 and MySQL with lost updates or 1213.
func TestReadThenWriteFromManyWorkersIsExact(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		const workers, rounds = 8, 10
		require.NoError(t, insert(t.Context(), db.DB(), "x"))
		options := []dbmodule.SessionOption{dbmodule.MaxAttempts(100)}
		if db.Engine() == dbmodule.PostgreSQL {
			options = append(options, dbmodule.Isolation(sql.LevelSerializable))
		}
		var wg sync.WaitGroup
		errs := make([]error, workers)
		for worker := range workers {
			wg.Go(func() {
				for range rounds {
					errs[worker] = errors.Join(errs[worker], db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
						account := new(Account)
						query := s.NewSelect().Model(account).Where("name = 'x'")
						if db.Engine() == dbmodule.MySQL {
							query = query.For("UPDATE")
						}
						if err := query.Scan(ctx); err != nil {
							return err
						}
						account.Balance++
						_, err := s.NewUpdate().Model(account).WherePK().Exec(ctx)
						return err
					}, options...))
				}
			})
		}
		wg.Wait()
		require.NoError(t, errors.Join(errs...))
		account := new(Account)
		require.NoError(t, db.DB().NewSelect().Model(account).Scan(t.Context()))
		assert.EqualValues(t, workers*rounds, account.Balance)
	})
}
