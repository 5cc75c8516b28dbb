package dbmodule_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// anyConn is what each engine's connection has: pgx's is the only one that is no
// driver.Conn.
type anyConn struct {
	exec func(ctx context.Context, statement string) error
}

// onDriver runs statements on the driver's own connection.
func onDriver(ctx context.Context, s *dbmodule.Session, fn func(ctx context.Context, conn anyConn) error) error {
	return dbmodule.Raw(ctx, s, func(ctx context.Context, conn any) error {
		return fn(ctx, anyConn{exec: func(ctx context.Context, statement string) error {
			switch conn := conn.(type) {
			case *pgx.Conn:
				_, err := conn.Exec(ctx, statement)
				return err
			case driver.ExecerContext:
				_, err := conn.ExecContext(ctx, statement, nil)
				return err
			}
			return fmt.Errorf("a %T", conn)
		}})
	})
}

func rawInsert(name string) string {
	return fmt.Sprintf("INSERT INTO accounts (name, balance) VALUES ('%s', 0)", name)
}

func TestRawIsPartOfTheUnitOfWork(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		add := func(name string, then error) error {
			return db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
				return errors.Join(onDriver(ctx, s, func(ctx context.Context, conn anyConn) error {
					return conn.exec(ctx, rawInsert(name))
				}), insert(ctx, s, name+"-by-bun"), then)
			})
		}
		require.NoError(t, add("kept", nil))
		changed := errors.New("changed my mind")
		require.ErrorIs(t, add("undone", changed), changed)
		assert.Equal(t, []string{"kept", "kept-by-bun"}, names(t, db))
		require.ErrorIs(t, add("kept", nil), dbmodule.ErrUnique, "the driver's errors have their type")
		assert.Len(t, names(t, db), 2)
	})
}

func TestRawErrorEndsTheTransaction(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		s := db.Sessions().New()
		defer func() { require.NoError(t, s.Close()) }()
		require.NoError(t, insert(ctx, s, "before"))
		mine := errors.New("mine")
		require.ErrorIs(t, onDriver(ctx, s, func(context.Context, anyConn) error { return mine }), mine)
		require.ErrorIs(t, insert(ctx, s, "after"), dbmodule.ErrPendingRollback)
		require.ErrorIs(t, s.Commit(ctx), dbmodule.ErrPendingRollback)
		assert.Empty(t, names(t, db))
		require.NoError(t, s.InNested(ctx, func(context.Context) error { return nil }))
		require.Error(t, s.InNested(ctx, func(ctx context.Context) error {
			return onDriver(ctx, s, func(context.Context, anyConn) error { return mine })
		}))
		require.NoError(t, insert(ctx, s, "after a savepoint"))
		require.NoError(t, s.Commit(ctx))
		assert.Equal(t, []string{"after a savepoint"}, names(t, db))
	})
}

// What fn does to the transaction itself is noticed: nothing that follows is stored by
// itself.
func TestRawThatEndsTheTransactionIsTold(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		for _, ends := range []string{"COMMIT", "ROLLBACK"} {
			s := db.Sessions().New()
			require.NoError(t, insert(ctx, s, "before "+ends))
			err := onDriver(ctx, s, func(ctx context.Context, conn anyConn) error { return conn.exec(ctx, ends) })
			require.ErrorIs(t, err, dbmodule.ErrPendingRollback)
			require.ErrorContains(t, err, "only the session ends it")
			require.ErrorIs(t, insert(ctx, s, "after "+ends), dbmodule.ErrPendingRollback)
			require.Error(t, s.Commit(ctx))
			require.NoError(t, s.Close())
		}
		assert.Equal(t, []string{"before COMMIT"}, names(t, db), "what fn committed is")
	})
}

// A connection that is lost while fn uses it is not the fault of fn: the unit of work runs again.
func TestRawWhoseConnectionIsLost(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		if db.Engine() == dbmodule.SQLite {
			return // no server ends its connections
		}
		identify, kill := "SELECT pg_backend_pid()", "SELECT pg_terminate_backend(?, 5000)"
		if db.Engine() == dbmodule.MySQL {
			identify, kill = "SELECT CONNECTION_ID()", "KILL ?"
		}
		runs := 0
		require.NoError(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
			runs++
			var id int64
			require.NoError(t, s.QueryRowContext(ctx, identify).Scan(&id))
			err := onDriver(ctx, s, func(ctx context.Context, conn anyConn) error {
				if err := conn.exec(ctx, rawInsert("once")); err != nil || runs > 1 {
					return err
				}
				_, err := db.DB().ExecContext(ctx, kill, id)
				return err
			})
			if runs == 1 {
				require.ErrorIs(t, err, dbmodule.ErrUnavailable)
				require.NotErrorIs(t, err, dbmodule.ErrPendingRollback)
				require.NotErrorIs(t, err, driver.ErrBadConn)
			}
			return err
		}))
		assert.Equal(t, 2, runs)
		assert.Equal(t, []string{"once"}, names(t, db))
	})
}

// A statement that failed on PostgreSQL costs the transaction, also when fn keeps that for
// itself. Elsewhere it costs itself only, and who ignores it goes on.
func TestRawThatHidesAnError(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		s := db.Sessions().New()
		defer func() { require.NoError(t, s.Close()) }()
		require.NoError(t, insert(ctx, s, "first"))
		err := onDriver(ctx, s, func(ctx context.Context, conn anyConn) error {
			assert.Error(t, conn.exec(ctx, rawInsert("first")))
			return nil
		})
		if db.Engine() == dbmodule.PostgreSQL {
			require.ErrorIs(t, err, dbmodule.ErrPendingRollback)
			return
		}
		require.NoError(t, err)
		require.NoError(t, s.Commit(ctx))
		assert.Equal(t, []string{"first"}, names(t, db))
	})
}

// What fn leaves behind in a connection, the next to use the pool does not find.
func TestRawLeavesNothingToOthers(t *testing.T) {
	t.Parallel()
	eachWith(t, func(cfg *dbmodule.Config) { cfg.PoolSize, cfg.MaxOverflow = 1, 0 }, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		for _, options := range [][]dbmodule.SessionOption{nil, {dbmodule.Autocommit()}} {
			s := db.Sessions().New(options...)
			require.NoError(t, onDriver(ctx, s, func(ctx context.Context, conn anyConn) error {
				return conn.exec(ctx, "CREATE TEMPORARY TABLE left_behind (id integer)")
			}))
			require.NoError(t, s.Commit(ctx))
			require.NoError(t, s.Close())
			_, err := db.DB().ExecContext(ctx, "INSERT INTO left_behind VALUES (1)")
			require.Error(t, err, "the table ended with its connection")
		}
	})
}

func TestRawOfAReadOnlySessionCannotWrite(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		s := db.Sessions().New(dbmodule.ReadOnly())
		defer func() { require.NoError(t, s.Close()) }()
		err := onDriver(t.Context(), s, func(ctx context.Context, conn anyConn) error { return conn.exec(ctx, rawInsert("no")) })
		require.ErrorIs(t, err, dbmodule.ErrReadOnlySession)
		assert.Empty(t, names(t, db))
	})
}

func TestRawHasTheTimeOfAStatement(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		s := db.Sessions().New()
		defer func() { require.NoError(t, s.Close()) }()
		wait := func(ctx context.Context, _ anyConn) error {
			<-ctx.Done()
			return ctx.Err()
		}
		require.NoError(t, insert(t.Context(), s, "ann"))
		require.ErrorIs(t, onDriver(dbmodule.WithStatementTimeout(t.Context(), 20*time.Millisecond), s, wait), dbmodule.ErrTimeout)
		require.NoError(t, s.Rollback(t.Context()))
		ctx, cancel := context.WithCancel(dbmodule.WithStatementTimeout(t.Context(), 0))
		err := onDriver(ctx, s, func(ctx context.Context, conn anyConn) error {
			_, limited := ctx.Deadline()
			assert.False(t, limited)
			cancel()
			return wait(ctx, conn)
		})
		require.ErrorIs(t, err, context.Canceled)
	})
}

// A Database that is closed ends what waits on a driver's connection.
func TestRawEndsWithTheDatabase(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		cfg.CloseTimeout, cfg.StatementTimeout = time.Millisecond, 0
		db := dbtest.Open(t, cfg)
		began, ended := make(chan struct{}), make(chan error, 1)
		go func() {
			s := db.Sessions().New()
			ended <- onDriver(context.WithoutCancel(t.Context()), s, func(ctx context.Context, _ anyConn) error {
				close(began)
				<-ctx.Done()
				return ctx.Err()
			})
		}()
		select {
		case <-began:
		case err := <-ended:
			require.NoError(t, err)
		}
		_ = db.Close() // says that it cut somebody off
		require.ErrorIs(t, <-ended, dbmodule.ErrDatabaseClosed)
	})
}

func TestRawOfAnotherEngine(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		s := db.Sessions().New()
		defer func() { require.NoError(t, s.Close()) }()
		err := dbmodule.Raw(t.Context(), s, func(context.Context, *testing.T) error { panic("not called") })
		require.ErrorContains(t, err, "dbmodule: raw: the connection of "+string(db.Engine()))
		require.ErrorContains(t, err, ", not a *testing.T")
	})
}

// A unit of work that uses the driver's connection shares its transaction with nobody,
// since nobody sees what it does there: whoever met it is stored all the same.
func TestRawSharesNoCommit(t *testing.T) {
	t.Parallel()
	undo := func(ctx context.Context, conn anyConn) error {
		return errors.Join(conn.exec(ctx, "ROLLBACK"), errUndone) // takes along whatever shares it
	}
	inOwnTime(t, groupedConfig(t), func(t *testing.T, db *dbmodule.Database) {
		first := func(ctx context.Context, s *dbmodule.Session) error { return onDriver(ctx, s, undo) }
		later := func(ctx context.Context, s *dbmodule.Session) error {
			return errors.Join(insert(ctx, s, "undone"), onDriver(ctx, s, undo))
		}
		names := []string{"a", "b", "c", "d"}
		errs := together(t, db, inserts("a"), first, inserts("b"), inserts("c"), later, inserts("d"))
		for i, err := range errs {
			if i == 1 || i == 4 {
				require.ErrorIs(t, err, errUndone)
			} else {
				require.NoError(t, err)
			}
		}
		for _, name := range names {
			assert.True(t, storedNames(t, db)[name], "%s was acknowledged", name)
		}
		assert.False(t, storedNames(t, db)["undone"])
	})
}

var errUndone = errors.New("undone by hand")

// A hook on the database sees what sessions read, on SQLite's readers too.
func TestHooksSeeReaders(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		var seen []string
		db.DB().AddQueryHook(hookFunc(func(event *bun.QueryEvent) { seen = append(seen, event.Query) })) //nolint:staticcheck // WithQueryHook makes a database that no session uses
		s := db.Sessions().New(dbmodule.ReadOnly())
		defer func() { require.NoError(t, s.Close()) }()
		_, err := s.NewSelect().Model((*Account)(nil)).Where("name = ?", "hooked").Count(t.Context())
		require.NoError(t, err)
		require.Len(t, seen, 1)
		assert.Contains(t, seen[0], "'hooked'")
	})
}

// The examples of Raw work.
func TestRawExamples(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T, engine dbmodule.Engine) *dbmodule.Database {
		t.Helper()
		return openAccounts(t, dbtest.Config(t, engine))
	}
	t.Run("COPY, batches and LISTEN on PostgreSQL", func(t *testing.T) {
		t.Parallel()
		db := open(t, dbmodule.PostgreSQL)
		ctx, leave := context.WithCancel(t.Context())
		heard, ended := make(chan string, 10), make(chan error, 1)
		go func() { ended <- hearAccounts(ctx, db, func(payload string) { heard <- payload }) }()
		require.Equal(t, "listening", <-heard)
		require.NoError(t, db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
			copied, err := copyAccounts(ctx, s, []string{"ann", "ben"})
			assert.EqualValues(t, 2, copied)
			if err != nil {
				return err
			}
			if err := batchAccounts(ctx, s, map[string]int64{"ann": 10, "ben": 20}); err != nil {
				return err
			}
			_, err = s.ExecContext(ctx, "SELECT pg_notify('accounts', 'ann')")
			return err
		}))
		assert.Equal(t, []string{"ann", "ben"}, names(t, db))
		assert.Equal(t, "ann", <-heard)
		leave()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
	t.Run("results of go-sql-driver", func(t *testing.T) {
		t.Parallel()
		db := open(t, dbmodule.MySQL)
		require.NoError(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
			ids, err := addAccounts(ctx, s, rawInsert("ann"))
			assert.Equal(t, []int64{1}, ids)
			return err
		}))
	})
}

// Whoever recovers from a panic of fn can't commit the half of its work.
func TestRawThatPanics(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		s := db.Sessions().New()
		require.NoError(t, insert(ctx, s, "before"))
		assert.PanicsWithValue(t, "boom", func() {
			_ = onDriver(ctx, s, func(ctx context.Context, conn anyConn) error {
				assert.NoError(t, conn.exec(ctx, rawInsert("half")))
				panic("boom")
			})
		})
		require.ErrorIs(t, insert(ctx, s, "after"), dbmodule.ErrPendingRollback)
		require.ErrorIs(t, s.Commit(ctx), dbmodule.ErrPendingRollback)
		require.NoError(t, s.Close())
		assert.Empty(t, names(t, db))
		assert.Zero(t, db.Stats().InUse)
	})
}
