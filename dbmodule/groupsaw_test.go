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

	"github.com/openhands-go/server/dbmodule"
)

// undone are units of work that see the row "first" of somebody else, whose COMMIT is still
// to come, and store nothing themselves. Each returns what its caller is told.
var undone = map[string]struct {
	run  func(ctx context.Context, db *dbmodule.Database) error
	want error
}{
	"a key that is there": {func(ctx context.Context, db *dbmodule.Database) error {
		return db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
			return insert(ctx, s, "with the key")
		}, dbmodule.IdempotencyKey("key"), dbmodule.MaxAttempts(1))
	}, nil},
	"a row with the same value": {func(ctx context.Context, db *dbmodule.Database) error {
		return db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
			return insert(ctx, s, "first")
		}, dbmodule.MaxAttempts(1))
	}, dbmodule.ErrUnique},
	"an error of the unit of work": {func(ctx context.Context, db *dbmodule.Database) error {
		return db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
			if n, err := s.NewSelect().Model((*Account)(nil)).Where("name = ?", "first").Count(ctx); err != nil || n == 0 {
				return errors.Join(err, errors.New("it is not seen"))
			}
			return errTaken
		}, dbmodule.MaxAttempts(1))
	}, errTaken},
	"Rollback": {func(ctx context.Context, db *dbmodule.Database) error {
		s := db.Sessions().New()
		return errors.Join(insert(ctx, s, "second"), s.Rollback(ctx), s.Close())
	}, nil},
	"Close": {func(ctx context.Context, db *dbmodule.Database) error {
		s := db.Sessions().New()
		return errors.Join(insert(ctx, s, "second"), s.Close())
	}, nil},
	"Seal": {func(ctx context.Context, db *dbmodule.Database) error {
		s := db.Sessions().New()
		return errors.Join(insert(ctx, s, "second"), s.Seal(nil))
	}, nil},
}

var errTaken = errors.New("it is taken")

// aroundUndone runs a unit of work after the one that stores "first", and before one that
// has the writer until it is let go. told is what the undone one's caller learns.
func aroundUndone(
	t *testing.T, db *dbmodule.Database, run func(ctx context.Context, db *dbmodule.Database) error,
	last func(s *dbmodule.Session) error,
) (told, firstErr error) {
	t.Helper()
	createKeys(t, db)
	first := db.Sessions().New()
	require.NoError(t, insert(t.Context(), first, "first"))
	_, err := first.NewInsert().Model(dbmodule.KeyRow("key")).Exec(t.Context())
	require.NoError(t, err)
	var wg sync.WaitGroup
	undone, letGo := make(chan error, 1), make(chan struct{})
	wg.Go(func() { undone <- run(t.Context(), db) })
	synctest.Wait() // it waits for the writer
	wg.Go(func() {
		s := db.Sessions().New()
		assert.NoError(t, insert(t.Context(), s, "last"))
		<-letGo
		assert.NoError(t, last(s))
	})
	synctest.Wait()
	wg.Go(func() { firstErr = first.Commit(t.Context()) })
	synctest.Wait() // the last has the writer
	select {
	case err := <-undone:
		t.Errorf("it is told %v of what is not stored", err)
		undone <- err
	default:
	}
	close(letGo)
	wg.Wait()
	return <-undone, firstErr
}

// A unit of work that is undone may have seen what others did, in a transaction that is to be
// committed later. Its caller hears of it only once that is stored.
func TestUndoneMemberWaitsForWhatItSaw(t *testing.T) {
	t.Parallel()
	for name, test := range undone {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inOwnTime(t, groupedConfig(t), func(t *testing.T, db *dbmodule.Database) {
				told, firstErr := aroundUndone(t, db, test.run, func(s *dbmodule.Session) error { return s.Commit(t.Context()) })
				require.NoError(t, firstErr)
				if test.want == nil {
					require.NoError(t, told)
				} else {
					require.ErrorIs(t, told, test.want)
				}
				assert.Equal(t, map[string]bool{"first": true, "last": true}, storedNames(t, db))
			})
		})
	}
}

// If what it saw is not stored, its caller is told to do it again.
func TestUndoneMemberSawWhatIsNotStored(t *testing.T) {
	t.Parallel()
	for name, test := range undone {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inOwnTime(t, groupedConfig(t), func(t *testing.T, db *dbmodule.Database) {
				told, firstErr := aroundUndone(t, db, test.run, func(s *dbmodule.Session) error {
					return errors.Join(dbmodule.LoseConn(s), s.Close())
				})
				require.ErrorIs(t, firstErr, dbmodule.ErrConflict)
				require.NotErrorIs(t, told, dbmodule.ErrCommitUnknown)
				require.ErrorIs(t, told, dbmodule.ErrConflict)
				assert.Empty(t, storedNames(t, db))
			})
		})
	}
}

// InTx does it again by itself.
func TestKeyOfWorkThatIsNotStoredIsDoneAgain(t *testing.T) {
	t.Parallel()
	inOwnTime(t, groupedConfig(t), func(t *testing.T, db *dbmodule.Database) {
		told, firstErr := aroundUndone(t, db, func(ctx context.Context, db *dbmodule.Database) error {
			return db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
				return insert(ctx, s, "with the key")
			}, dbmodule.IdempotencyKey("key"))
		}, func(s *dbmodule.Session) error { return errors.Join(dbmodule.LoseConn(s), s.Close()) })
		require.ErrorIs(t, firstErr, dbmodule.ErrConflict)
		require.NoError(t, told)
		assert.Equal(t, map[string]bool{"with the key": true}, storedNames(t, db))
	})
}

// Rollback waits for what others store as long as its context lasts, and not longer: what they
// store, and its own changes, are as they would be.
func TestRollbackWaitsNoLongerThanItsContext(t *testing.T) {
	t.Parallel()
	inOwnTime(t, groupedConfig(t), func(t *testing.T, db *dbmodule.Database) {
		impatient := func(ctx context.Context, db *dbmodule.Database) error {
			s := db.Sessions().New()
			if err := insert(ctx, s, "second"); err != nil {
				return err
			}
			short, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			return errors.Join(s.Rollback(short), s.Close())
		}
		first := db.Sessions().New()
		require.NoError(t, insert(t.Context(), first, "first"))
		told, letGo := make(chan error, 1), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { told <- impatient(t.Context(), db) })
		synctest.Wait() // it waits for the writer
		wg.Go(func() {
			s := db.Sessions().New()
			assert.NoError(t, insert(t.Context(), s, "last"))
			<-letGo
			assert.NoError(t, s.Commit(t.Context()))
		})
		synctest.Wait()
		wg.Go(func() { assert.NoError(t, first.Commit(t.Context())) })
		require.ErrorIs(t, <-told, context.DeadlineExceeded)
		close(letGo)
		wg.Wait()
		assert.Equal(t, map[string]bool{"first": true, "last": true}, storedNames(t, db))
	})
}
