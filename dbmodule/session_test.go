package dbmodule_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

func TestSessionTakesNothingBeforeItsFirstStatement(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		s := db.Sessions().New()
		assert.False(t, s.Active())
		assert.Zero(t, db.Stats().InUse)

		require.NoError(t, insert(t.Context(), s, "a"))
		assert.True(t, s.Active())
		assert.Equal(t, 1, db.Stats().InUse)

		require.NoError(t, s.Commit(t.Context()))
		assert.False(t, s.Active())
		assert.Zero(t, db.Stats().InUse)
	})
}

func TestSessionEnds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		end  func(ctx context.Context, s *dbmodule.Session) error
		want []string
	}{
		"commit":   {func(ctx context.Context, s *dbmodule.Session) error { return s.Commit(ctx) }, []string{"a", "b"}},
		"rollback": {func(ctx context.Context, s *dbmodule.Session) error { return s.Rollback(ctx) }, []string{}},
		"close":    {func(_ context.Context, s *dbmodule.Session) error { return s.Close() }, []string{}},
		"close twice": {func(_ context.Context, s *dbmodule.Session) error {
			return errors.Join(s.Close(), s.Close())
		}, []string{}},
		"commit then close": {func(ctx context.Context, s *dbmodule.Session) error {
			return errors.Join(s.Commit(ctx), s.Close())
		}, []string{"a", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, db *dbmodule.Database) {
				ctx := t.Context()
				s := db.Sessions().New()
				require.NoError(t, insert(ctx, s, "a"))
				require.NoError(t, insert(ctx, s, "b"))
				assert.Empty(t, names(t, db), "others see nothing before the commit")
				require.NoError(t, test.end(ctx, s))
				assert.Equal(t, test.want, names(t, db))
				assert.Zero(t, db.Stats().InUse)

				// The same session begins again.
				require.NoError(t, insert(ctx, s, "c"))
				require.NoError(t, s.Commit(ctx))
				assert.Equal(t, append(test.want, "c"), names(t, db))
			})
		})
	}
}

func TestSessionWithoutStatementsCommitsAndClosesAsNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		s := db.Sessions().New()
		ran := false
		s.AfterCommit(func(context.Context) { ran = true })
		require.NoError(t, s.Commit(t.Context()))
		assert.True(t, ran)
		require.NoError(t, s.Rollback(t.Context()))
		require.NoError(t, s.Close())
	})
}

func TestSessionIsABunIDB(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		s := db.Sessions().New()
		defer func() { assert.NoError(t, s.Close()) }()
		require.NoError(t, insert(ctx, s, "a"))

		result, err := s.ExecContext(ctx, "INSERT INTO accounts (name, balance) VALUES (?, ?)", "b' ?", 7)
		require.NoError(t, err)
		affected, err := result.RowsAffected()
		require.NoError(t, err)
		assert.EqualValues(t, 1, affected)

		var balance int64
		require.NoError(t, s.QueryRowContext(ctx, "SELECT balance FROM accounts WHERE name = ?", "b' ?").Scan(&balance))
		assert.EqualValues(t, 7, balance)

		rows, err := s.QueryContext(ctx, "SELECT name FROM accounts ORDER BY id")
		require.NoError(t, err)
		got := []string{}
		for rows.Next() {
			var name string
			require.NoError(t, rows.Scan(&name))
			got = append(got, name)
		}
		require.NoError(t, errors.Join(rows.Err(), rows.Close()))
		assert.Equal(t, []string{"a", "b' ?"}, got)

		_, err = s.NewUpdate().Model((*Account)(nil)).Set("balance = balance + 1").Where("name = ?", "a").Exec(ctx)
		require.NoError(t, err)
		count, err := s.NewSelect().Model((*Account)(nil)).Where("balance > 0").Count(ctx)
		require.NoError(t, err)
		assert.EqualValues(t, 2, count)
		_, err = s.NewDelete().Model((*Account)(nil)).Where("name = ?", "a").Exec(ctx)
		require.NoError(t, err)
		require.NoError(t, s.NewRaw("SELECT balance FROM accounts").Scan(ctx, &balance))
		assert.EqualValues(t, 7, balance)
		assert.Equal(t, db.DB().Dialect().Name(), s.Dialect().Name())

		// bun.IDB has both forms of nested transactions.
		var idb bun.IDB = s
		require.NoError(t, idb.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
			return insert(ctx, tx, "nested")
		}))
		tx, err := idb.BeginTx(ctx, nil)
		require.NoError(t, err)
		require.NoError(t, insert(ctx, tx, "dropped"))
		require.NoError(t, tx.Rollback())
		require.NoError(t, s.Commit(ctx))
		assert.Equal(t, []string{"b' ?", "nested"}, names(t, db))
	})
}

func TestMissingRowIsErrNotFoundAndNoFailure(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		s := db.Sessions().New()
		require.NoError(t, insert(ctx, s, "a"))
		err := s.NewSelect().Model(new(Account)).Where("name = 'nobody'").Scan(ctx)
		require.ErrorIs(t, err, dbmodule.ErrNotFound)
		require.ErrorIs(t, err, sql.ErrNoRows)
		require.NoError(t, s.Commit(ctx))
		assert.Equal(t, []string{"a"}, names(t, db))
	})
}

func TestFailedStatementEndsTheTransaction(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		s := db.Sessions().New()
		require.NoError(t, insert(ctx, s, "a"))
		require.ErrorIs(t, insert(ctx, s, "a"), dbmodule.ErrUnique)

		err := insert(ctx, s, "b")
		require.ErrorIs(t, err, dbmodule.ErrPendingRollback)
		require.ErrorIs(t, err, dbmodule.ErrUnique, "the first error is named")
		require.ErrorIs(t, s.QueryRowContext(ctx, "SELECT 1").Err(), dbmodule.ErrPendingRollback)
		require.ErrorIs(t, s.Commit(ctx), dbmodule.ErrPendingRollback)
		assert.Empty(t, names(t, db), "a swallowed error stores nothing")

		require.NoError(t, insert(ctx, s, "c"), "the session begins anew after the failed commit")
		require.Error(t, insert(ctx, s, "c"))
		require.NoError(t, s.Rollback(ctx))
		require.NoError(t, insert(ctx, s, "d"))
		require.NoError(t, s.Commit(ctx))
		assert.Equal(t, []string{"d"}, names(t, db))
	})
}

func TestPlainBunTransactionsKeepBunsBehaviour(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		if db.Engine() == dbmodule.PostgreSQL {
			return // PostgreSQL itself refuses to go on after an error
		}
		ctx := t.Context()
		require.NoError(t, db.DB().RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
			require.NoError(t, insert(ctx, tx, "a"))
			require.ErrorIs(t, insert(ctx, tx, "a"), dbmodule.ErrUnique)
			return insert(ctx, tx, "b")
		}))
		assert.Equal(t, []string{"a", "b"}, names(t, db))
	})
}

func TestSavepoints(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, test := range map[string]struct {
		run  func(ctx context.Context, t *testing.T, s *dbmodule.Session)
		want []string
	}{
		"released": {func(ctx context.Context, t *testing.T, s *dbmodule.Session) {
			require.NoError(t, s.InNested(ctx, func(ctx context.Context) error { return insert(ctx, s, "in") }))
		}, []string{"before", "in", "after"}},
		"undone by an error": {func(ctx context.Context, t *testing.T, s *dbmodule.Session) {
			err := s.InNested(ctx, func(ctx context.Context) error {
				require.NoError(t, insert(ctx, s, "in"))
				return boom
			})
			require.ErrorIs(t, err, boom)
		}, []string{"before", "after"}},
		"undone by a failed statement": {func(ctx context.Context, t *testing.T, s *dbmodule.Session) {
			err := s.InNested(ctx, func(ctx context.Context) error {
				require.NoError(t, insert(ctx, s, "in"))
				return insert(ctx, s, "before")
			})
			require.ErrorIs(t, err, dbmodule.ErrUnique)
		}, []string{"before", "after"}},
		"swallowed failure can't be released": {func(ctx context.Context, t *testing.T, s *dbmodule.Session) {
			err := s.InNested(ctx, func(ctx context.Context) error {
				require.NoError(t, insert(ctx, s, "in"))
				require.Error(t, insert(ctx, s, "before"))
				return nil
			})
			require.ErrorIs(t, err, dbmodule.ErrPendingRollback)
		}, []string{"before", "after"}},
		"undone by a panic": {func(ctx context.Context, t *testing.T, s *dbmodule.Session) {
			require.PanicsWithValue(t, "boom", func() {
				_ = s.InNested(ctx, func(ctx context.Context) error {
					require.NoError(t, insert(ctx, s, "in"))
					panic("boom")
				})
			})
		}, []string{"before", "after"}},
		"inner undone, outer kept": {func(ctx context.Context, t *testing.T, s *dbmodule.Session) {
			require.NoError(t, s.InNested(ctx, func(ctx context.Context) error {
				require.NoError(t, insert(ctx, s, "outer"))
				require.ErrorIs(t, s.InNested(ctx, func(ctx context.Context) error {
					return errors.Join(insert(ctx, s, "inner"), boom)
				}), boom)
				return insert(ctx, s, "outer 2")
			}))
		}, []string{"before", "outer", "outer 2", "after"}},
		"outer undone takes the inner along": {func(ctx context.Context, t *testing.T, s *dbmodule.Session) {
			require.ErrorIs(t, s.InNested(ctx, func(ctx context.Context) error {
				require.NoError(t, s.InNested(ctx, func(ctx context.Context) error { return insert(ctx, s, "inner") }))
				return boom
			}), boom)
		}, []string{"before", "after"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, db *dbmodule.Database) {
				ctx := t.Context()
				s := db.Sessions().New()
				defer func() { assert.NoError(t, s.Close()) }()
				require.NoError(t, insert(ctx, s, "before"))
				test.run(ctx, t, s)
				require.NoError(t, insert(ctx, s, "after"))
				require.NoError(t, s.Commit(ctx))
				assert.Equal(t, test.want, names(t, db))
			})
		})
	}
}

func TestAfterCommitHooks(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		s := db.Sessions().New()
		var ran []string
		hook := func(name string) { s.AfterCommit(func(context.Context) { ran = append(ran, name) }) }

		require.NoError(t, insert(ctx, s, "a"))
		hook("rolled back")
		require.NoError(t, s.Rollback(ctx))
		hook("closed")
		require.NoError(t, s.Close())
		require.NoError(t, s.Commit(ctx))
		assert.Empty(t, ran)

		require.NoError(t, insert(ctx, s, "a"))
		hook("failed")
		require.Error(t, insert(ctx, s, "a"))
		require.Error(t, s.Commit(ctx))

		hook("first")
		require.NoError(t, insert(ctx, s, "b"))
		require.Error(t, s.InNested(ctx, func(context.Context) error { hook("undone"); return errors.New("boom") }))
		require.NoError(t, s.InNested(ctx, func(context.Context) error { hook("nested"); return nil }))
		s.AfterCommit(func(ctx context.Context) {
			assert.NoError(t, insert(ctx, s, "from a hook"), "a hook may use the session")
			assert.NoError(t, s.Commit(ctx))
		})
		hook("last")
		assert.Empty(t, ran)
		require.NoError(t, s.Commit(ctx))
		assert.Equal(t, []string{"first", "nested", "last"}, ran)
		require.NoError(t, s.Commit(ctx))
		assert.Equal(t, []string{"first", "nested", "last"}, ran, "hooks run once")
		assert.Equal(t, []string{"b", "from a hook"}, names(t, db))
	})
}

func TestTransactionOutlivesTheContextOfItsFirstStatement(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		s := db.Sessions().New()
		first, cancel := context.WithCancel(t.Context())
		require.NoError(t, insert(first, s, "a"))
		cancel()
		require.NoError(t, insert(t.Context(), s, "b"))
		require.NoError(t, s.Commit(t.Context()))
		assert.Equal(t, []string{"a", "b"}, names(t, db))
	})
}

func TestContextEndedBeforeCommitRollsBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		s := db.Sessions().New()
		require.NoError(t, insert(t.Context(), s, "a"))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := s.Commit(ctx)
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, dbmodule.ErrCommitUnknown)
		assert.Empty(t, names(t, db))
		assert.Zero(t, db.Stats().InUse)

		require.ErrorIs(t, insert(ctx, s, "b"), context.Canceled)
		require.NoError(t, s.Close())
		require.NoError(t, insert(t.Context(), s, "c"))
		require.NoError(t, s.Commit(t.Context()))
	})
}

// slowly is a query that runs until it is cancelled.
func slowly(engine dbmodule.Engine) string {
	switch engine {
	case dbmodule.PostgreSQL:
		return "SELECT pg_sleep(60)"
	case dbmodule.MySQL:
		return "SELECT SLEEP(60)"
	default:
		return "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
	}
}

func TestCancelledStatementEndsTheTransaction(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		s := db.Sessions().New()
		require.NoError(t, insert(t.Context(), s, "a"))
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := s.ExecContext(ctx, slowly(db.Engine()))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, s.Commit(t.Context()), dbmodule.ErrPendingRollback)
		assert.Empty(t, names(t, db))

		require.NoError(t, insert(t.Context(), s, "b"))
		require.NoError(t, s.Commit(t.Context()))
		assert.Equal(t, []string{"b"}, names(t, db))
	})
}

func TestTwoGoroutinesOnOneSession(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		s := db.Sessions().New()
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			refused := dbmodule.ErrConcurrentUse
			for errors.Is(refused, dbmodule.ErrConcurrentUse) { // as while the other closes
				_, refused = s.ExecContext(ctx, slowly(db.Engine()))
			}
			assert.ErrorIs(t, refused, context.Canceled)
		})

		var err error
		require.Eventually(t, func() bool {
			err = s.Close() // closes while idle, reports once the other is at work
			return err != nil
		}, 10*time.Second, time.Millisecond)
		require.ErrorIs(t, err, dbmodule.ErrConcurrentUse)
		require.ErrorIs(t, insert(ctx, s, "a"), dbmodule.ErrConcurrentUse)
		require.ErrorIs(t, s.NewSelect().Model(new(Account)).Scan(ctx), dbmodule.ErrConcurrentUse)
		require.ErrorIs(t, s.QueryRowContext(ctx, "SELECT 1").Err(), dbmodule.ErrConcurrentUse)
		require.ErrorIs(t, s.Commit(ctx), dbmodule.ErrConcurrentUse)
		require.ErrorIs(t, s.Rollback(ctx), dbmodule.ErrConcurrentUse)
		cancel()
		wg.Wait()
		require.NoError(t, s.Close())
	})
}

func TestSealedSessionRefusesWithItsReason(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		reason := errors.New("the response has begun")
		s := db.Sessions().New()
		require.NoError(t, insert(ctx, s, "a"))
		require.NoError(t, s.Seal(reason))
		assert.Zero(t, db.Stats().InUse)
		require.ErrorIs(t, insert(ctx, s, "b"), reason)
		require.ErrorIs(t, s.Commit(ctx), reason)
		require.NoError(t, s.Close())
		assert.Empty(t, names(t, db))

		other := db.Sessions().New()
		require.NoError(t, other.Seal(nil))
		require.ErrorIs(t, insert(ctx, other, "b"), dbmodule.ErrSessionClosed)
	})
}
