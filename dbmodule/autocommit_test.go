package dbmodule_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

func TestAutocommitStoresEachStatement(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		s := db.Sessions().New(dbmodule.Autocommit())
		stored := func(want ...string) {
			t.Helper()
			assert.Equal(t, want, names(t, db))
			assert.Zero(t, db.Stats().InUse)
			assert.False(t, s.Active())
		}
		account := &Account{Name: "a"}
		_, err := s.NewInsert().Model(account).Exec(ctx)
		require.NoError(t, err)
		assert.NotZero(t, account.ID, "the database's key is there")
		stored("a")

		result, err := s.NewInsert().Model(&[]Account{{Name: "b"}, {Name: "c"}}).Returning("NULL").Exec(ctx)
		require.NoError(t, err)
		affected, err := result.RowsAffected()
		require.NoError(t, err)
		assert.EqualValues(t, 2, affected)
		stored("a", "b", "c")

		_, err = s.ExecContext(ctx, "DELETE FROM accounts WHERE name = ?", "b")
		require.NoError(t, err)
		stored("a", "c")

		_, err = s.NewInsert().Model(&Account{ID: account.ID, Name: "twice"}).Exec(ctx)
		require.ErrorIs(t, err, dbmodule.ErrUnique)
		require.NotErrorIs(t, err, dbmodule.ErrCommitUnknown)
		stored("a", "c")
		_, err = s.NewUpdate().Model((*Account)(nil)).Set("name = 'd'").Where("name = 'c'").Exec(ctx)
		require.NoError(t, err, "an error ends nothing but its statement")
		stored("a", "d")

		var found Account
		require.NoError(t, s.NewSelect().Model(&found).Where("name = ?", "d").Scan(ctx))
		require.NoError(t, s.Rollback(ctx))
		require.NoError(t, s.Close())
		stored("a", "d")
	})
}

func TestAutocommitRunsTheHooksOfItsCommit(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		s := db.Sessions().New(dbmodule.Autocommit())
		ran := 0
		s.AfterCommit(func(context.Context) { ran++ })
		require.NoError(t, insert(t.Context(), s, "a"))
		assert.Zero(t, ran)
		require.NoError(t, s.Commit(t.Context()))
		assert.Equal(t, 1, ran)
	})
}

func TestAutocommitHasNoTransactions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		s := db.Sessions().New(dbmodule.Autocommit())
		const why = "made with Autocommit"
		require.ErrorContains(t, s.InNested(ctx, func(context.Context) error { return nil }), why)
		_, err := s.BeginTx(ctx, nil)
		require.ErrorContains(t, err, why)
		for _, control := range []string{"BEGIN", " /* now */ commit", "START TRANSACTION", "rollback", "SAVEPOINT x"} {
			_, err := s.ExecContext(ctx, control)
			require.ErrorContains(t, err, why, control)
			_, err = s.NewRaw(control).Exec(ctx)
			require.ErrorContains(t, err, why, control)
			require.ErrorContains(t, s.NewRaw(control).Scan(ctx, new(int)), why, control)
			_, err = s.QueryContext(ctx, control) //nolint:sqlclosecheck,rowserrcheck // there are none
			require.ErrorContains(t, err, why, control)
		}
		require.ErrorContains(t, db.Sessions().InTx(ctx, func(context.Context, *dbmodule.Session) error {
			t.Error("it must not run")
			return nil
		}, dbmodule.Autocommit()), "Autocommit")
		require.NoError(t, s.Close())
		assert.Zero(t, db.Stats().InUse)
	})
}

// A read-only session refuses to write with or without it.
func TestAutocommitLeavesReadOnlySessionsAlone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		s := db.Sessions().New(dbmodule.Autocommit(), dbmodule.ReadOnly())
		require.ErrorIs(t, insert(t.Context(), s, "a"), dbmodule.ErrReadOnly)
		require.NoError(t, s.Close())
		assert.Empty(t, names(t, db))
	})
}

// A lost answer may be one to a statement that is stored.
func TestAutocommitTellsWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		if db.Engine() == dbmodule.SQLite {
			return // no server that could be lost
		}
		for name, run := range map[string]func(ctx context.Context, s *dbmodule.Session) error{
			"builder": func(ctx context.Context, s *dbmodule.Session) error {
				_, err := s.NewRaw(slowInsert(db)).Exec(ctx)
				return err
			},
			"text": func(ctx context.Context, s *dbmodule.Session) error {
				_, err := s.ExecContext(ctx, slowInsert(db))
				return err
			},
		} {
			s := db.Sessions().New(dbmodule.Autocommit())
			done := make(chan error, 1)
			go func() { done <- run(t.Context(), s) }()
			err := killSlow(t, db, done)
			require.Error(t, err, name)
			assert.True(t, errors.Is(err, dbmodule.ErrCommitUnknown) != refusedByServer(err), "%s: %v", name, err)
			require.NoError(t, s.Close())
		}
	})
}

func slowInsert(db *dbmodule.Database) string {
	if db.Engine() == dbmodule.MySQL {
		return "INSERT INTO accounts (name, balance) SELECT 'slow', SLEEP(60)"
	}
	return "INSERT INTO accounts (name, balance) SELECT 'slow', 1 FROM (SELECT pg_sleep(60)) AS s"
}

// killSlow has the server end the connection that runs slowInsert, and returns what
// that told. One that was killed before may still be listed.
func killSlow(t *testing.T, db *dbmodule.Database, told <-chan error) (err error) {
	t.Helper()
	find, kill := "SELECT pid FROM pg_stat_activity WHERE query LIKE 'INSERT%pg_sleep(60)%' AND state = 'active' AND datname = current_database()", "SELECT pg_terminate_backend(?)"
	if db.Engine() == dbmodule.MySQL {
		find, kill = "SELECT id FROM information_schema.processlist WHERE info LIKE 'INSERT%SLEEP(60)%' AND db = database()", "KILL ?"
	}
	require.Eventually(t, func() bool {
		var id int64
		if db.DB().QueryRowContext(t.Context(), find).Scan(&id) == nil {
			_, _ = db.DB().ExecContext(t.Context(), kill, id) // it may be gone by now
		}
		select {
		case err = <-told:
			return true
		default:
			return false
		}
	}, 20*time.Second, 10*time.Millisecond)
	return err
}

// refusedByServer tells an answer, after which nothing is stored.
func refusedByServer(err error) bool {
	var typed *dbmodule.Error
	return errors.As(err, &typed) && typed.Code != "" && !errors.Is(err, dbmodule.ErrUnavailable)
}

// Others' units of work that share a COMMIT are none of its business.
func TestAutocommitBesideGroups(t *testing.T) {
	t.Parallel()
	eachWith(t, func(*dbmodule.Config) {}, func(t *testing.T, db *dbmodule.Database) {
		const writers, rounds = 8, 30
		var wg sync.WaitGroup
		errs := make([]error, 2*writers)
		for i := range writers {
			wg.Go(func() {
				for n := range rounds {
					errs[i] = errors.Join(errs[i], db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
						return insert(ctx, s, fmt.Sprint("unit ", i, "-", n))
					}))
				}
			})
			wg.Go(func() {
				for n := range rounds {
					s := db.Sessions().New(dbmodule.Autocommit())
					name := fmt.Sprint("alone ", i, "-", n)
					err := insert(t.Context(), s, name)
					if err == nil {
						err = seen(t.Context(), db, name)
					}
					errs[writers+i] = errors.Join(errs[writers+i], err, s.Close())
				}
			})
		}
		wg.Wait()
		require.NoError(t, errors.Join(errs...))
		assert.Len(t, names(t, db), 2*writers*rounds)
	})
}

// seen looks from another connection.
func seen(ctx context.Context, db *dbmodule.Database, name string) error {
	return db.Sessions().New(dbmodule.ReadOnly()).NewSelect().Model(new(Account)).Where("name = ?", name).Scan(ctx)
}

func TestFactoryWithOptions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		direct := db.Sessions().With(dbmodule.Autocommit())
		s := direct.New()
		require.NoError(t, insert(ctx, s, "a"))
		require.NoError(t, s.Close())
		assert.Equal(t, []string{"a"}, names(t, db))

		reader := direct.With(dbmodule.ReadOnly()).New()
		assert.True(t, reader.ReadOnly())
		assert.NotEqual(t, s.ID(), reader.ID(), "one numbering")
		assert.False(t, db.Sessions().New().ReadOnly(), "the factory itself is as it was")

		undone := db.Sessions().New()
		require.NoError(t, insert(ctx, undone, "b"))
		require.NoError(t, undone.Close())
		assert.Equal(t, []string{"a"}, names(t, db))
	})
}

// A connection that went stale in the pool may have taken the statement.
func TestAutocommitIsNotRepeated(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		if db.Engine() != dbmodule.PostgreSQL {
			return // SQLite has no connections to lose, and MySQL's driver looks before it sends
		}
		killOthers(t, db)
		s := db.Sessions().New(dbmodule.Autocommit())
		require.ErrorIs(t, insert(t.Context(), s, "a"), dbmodule.ErrCommitUnknown)
		require.NoError(t, s.Close())
		assert.Empty(t, names(t, db))
	})
}

// Whoever does not wait for the answer can't know what came of the statement.
func TestAutocommitWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	byBun := func(ctx context.Context, s *dbmodule.Session) error { return insert(ctx, s, "a") }
	asRow := func(ctx context.Context, s *dbmodule.Session) error {
		return s.QueryRowContext(ctx, rawInsert("a")).Scan(new(int))
	}
	for name, test := range map[string]struct {
		run   func(ctx context.Context, s *dbmodule.Session) error
		limit time.Duration
		want  error
	}{
		"the caller leaves":                   {byBun, time.Minute, context.DeadlineExceeded},
		"the caller leaves a row":             {asRow, time.Minute, context.DeadlineExceeded},
		"the database takes longer":           {byBun, 100 * time.Millisecond, dbmodule.ErrTimeout},
		"the database takes longer for a row": {asRow, 100 * time.Millisecond, dbmodule.ErrTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			behindProxy(t, func(t *testing.T, db *dbmodule.Database, proxy *dbtest.Proxy) {
				ctx := dbmodule.WithStatementTimeout(t.Context(), test.limit)
				if test.limit == time.Minute {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, 100*time.Millisecond)
					defer cancel()
				}
				s := db.Sessions().New(dbmodule.Autocommit())
				proxy.Stall()
				err := test.run(ctx, s)
				proxy.Resume()
				require.ErrorIs(t, err, dbmodule.ErrCommitUnknown)
				require.ErrorIs(t, err, test.want)
				require.NoError(t, s.Close())
			})
		})
	}
}

// A connection that a query as text keeps serves what follows, and Bun's hooks see
// each statement once.
func TestAutocommitOnAConnectionThatItKeeps(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, patient *dbmodule.Database) {
		cfg := dbmodule.ConfigOf(patient)
		cfg.Echo = dbmodule.EchoOn
		core, logs := observer.New(zap.InfoLevel)
		db, err := dbmodule.Open(cfg, zap.New(core))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		require.NoError(t, db.Connect(t.Context()))
		logs.TakeAll() // Connect asks MariaDB for its version
		ctx, s, n := t.Context(), db.Sessions().New(dbmodule.Autocommit()), 0
		require.NoError(t, s.QueryRowContext(ctx, "SELECT 1").Scan(&n))
		assert.True(t, s.Active())
		_, err = s.NewUpdate().Model((*Account)(nil)).Set("balance = 0").Where("name = 'a'").Exec(ctx)
		require.NoError(t, err)
		_, err = s.ExecContext(ctx, "DELETE FROM accounts WHERE name = ?", "?")
		require.NoError(t, err)
		assert.Equal(t, 1, db.Stats().InUse)
		require.NoError(t, s.Close())
		assert.Zero(t, db.Stats().InUse)
		assert.Len(t, logs.FilterMessage("query").All(), 3)
	})
}
