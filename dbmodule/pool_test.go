package dbmodule_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

func small(cfg *dbmodule.Config) {
	cfg.PoolSize, cfg.MaxOverflow, cfg.PoolTimeout = 1, 1, 2*time.Second // longer than connecting takes on a busy machine
}

func TestFullPoolIsAnErrorThatNamesTheHolder(t *testing.T) {
	t.Parallel()
	eachWith(t, small, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		for _, options := range [][]dbmodule.SessionOption{{}, {dbmodule.ReadOnly()}} {
			limit := 2
			if db.Engine() == dbmodule.SQLite && len(options) == 0 {
				limit = 1 // one writer
			}
			var held []*dbmodule.Session
			for range limit {
				held = append(held, holdConnection(ctx, t, db, options...))
			}
			late := db.Sessions().New(options...)
			err := late.NewSelect().Model((*Account)(nil)).Scan(ctx, new([]Account))
			require.ErrorIs(t, err, dbmodule.ErrPoolTimeout)
			require.NotErrorIs(t, err, dbmodule.ErrUnavailable)
			by := "holdConnection"
			if len(options) > 0 {
				by = "the statement SELECT"
			}
			assert.Contains(t, err.Error(), by, "the error says who holds the connections")
			for _, s := range held {
				require.NoError(t, s.Close())
			}
			require.NoError(t, late.NewSelect().Model((*Account)(nil)).Scan(ctx, new([]Account)))
			require.NoError(t, late.Close())
		}
		assert.Zero(t, db.Stats().InUse)
	})
}

// Those that hold a connection longest took it when the pool was empty.
func TestFullPoolNamesTheFirst(t *testing.T) {
	t.Parallel()
	crowd := func(cfg *dbmodule.Config) {
		small(cfg)
		cfg.PoolSize, cfg.MaxOverflow = 5, 3
	}
	eachWith(t, crowd, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		for i := range 8 {
			var s *dbmodule.Session
			if i >= 3 {
				s = db.Sessions().New(dbmodule.Snapshot())
				require.NoError(t, s.NewSelect().Model((*Account)(nil)).Scan(ctx, new([]Account)))
			} else {
				s = holdConnection(ctx, t, db, dbmodule.Snapshot())
			}
			t.Cleanup(func() { assert.NoError(t, s.Close()) })
		}
		err := db.Sessions().New(dbmodule.ReadOnly()).NewSelect().Model((*Account)(nil)).Scan(ctx, new([]Account))
		require.ErrorIs(t, err, dbmodule.ErrPoolTimeout)
		assert.Equal(t, 3, strings.Count(err.Error(), "holdConnection"), "%v", err)
	})
}

// holdConnection makes a session that has a connection until it is closed: by its
// transaction, or without one by rows that nobody closes.
func holdConnection(ctx context.Context, t *testing.T, db *dbmodule.Database, options ...dbmodule.SessionOption) *dbmodule.Session {
	t.Helper()
	s := db.Sessions().New(options...)
	require.NoError(t, s.NewSelect().Model((*Account)(nil)).Scan(ctx, new([]Account)))
	if !s.Active() {
		rows, err := s.NewSelect().Model((*Account)(nil)).Rows(ctx)
		require.NoError(t, err)
		require.NoError(t, rows.Err())
	}
	return s
}

func TestWaitingForAConnectionObeysTheContext(t *testing.T) {
	t.Parallel()
	eachWith(t, func(cfg *dbmodule.Config) { small(cfg); cfg.PoolTimeout = time.Minute }, func(t *testing.T, db *dbmodule.Database) {
		for range db.Stats().MaxOpen {
			if db.Engine() != dbmodule.SQLite || db.Stats().InUse == 0 {
				s := holdConnection(t.Context(), t, db)
				t.Cleanup(func() { assert.NoError(t, s.Close()) })
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		err := insert(ctx, db.Sessions().New(), "a")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, dbmodule.ErrPoolTimeout)
	})
}

func TestOverflowConnectionsAreClosedAfterUse(t *testing.T) {
	t.Parallel()
	eachWith(t, func(cfg *dbmodule.Config) { cfg.PoolSize, cfg.MaxOverflow = 2, 3 }, func(t *testing.T, db *dbmodule.Database) {
		base := 0
		if db.Engine() == dbmodule.SQLite {
			base = 1 // the writer
		}
		assert.Equal(t, 5+base, db.Stats().MaxOpen)
		var held []*dbmodule.Session
		for range 5 {
			held = append(held, holdConnection(t.Context(), t, db, dbmodule.ReadOnly()))
		}
		assert.Equal(t, 5, db.Stats().InUse)
		for _, s := range held {
			require.NoError(t, s.Close())
		}
		assert.Equal(t, 2+base, db.Stats().Idle)
	})
}

// The default of other drivers: of 16 writers that read first, nearly all
// fail with "database is locked".
func TestManyWritersNeverSeeALockedDatabase(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		const writers, rounds = 16, 10
		var wg sync.WaitGroup
		errs := make([]error, writers)
		for writer := range writers {
			wg.Go(func() {
				for round := range rounds {
					errs[writer] = errors.Join(errs[writer], func() error {
						s := db.Sessions().New()
						if _, err := s.NewSelect().Model((*Account)(nil)).Count(t.Context()); err != nil {
							return errors.Join(err, s.Close())
						}
						if err := insert(t.Context(), s, fmt.Sprint(writer, "-", round)); err != nil {
							return errors.Join(err, s.Close())
						}
						return errors.Join(s.Commit(t.Context()), s.Close())
					}())
				}
			})
		}
		wg.Wait()
		require.NoError(t, errors.Join(errs...))
		assert.Len(t, names(t, db), writers*rounds)
	})
}

func TestPrePingReplacesDeadConnections(t *testing.T) {
	t.Parallel()
	eachWith(t, func(cfg *dbmodule.Config) { cfg.PoolPrePing = true }, func(t *testing.T, db *dbmodule.Database) {
		if db.Engine() == dbmodule.SQLite {
			return // no server that could drop a connection
		}
		killOthers(t, db)
		require.NoError(t, insert(t.Context(), db.DB(), "a"))
	})
}

func TestSessionsReplaceConnectionsThatWentStale(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		if db.Engine() == dbmodule.SQLite {
			return // no server that could drop a connection
		}
		killOthers(t, db)
		s := db.Sessions().New()
		require.NoError(t, insert(t.Context(), s, "a"))
		require.NoError(t, s.Commit(t.Context()))
		killOthers(t, db)
		assert.Equal(t, []string{"a"}, names(t, db))
	})
}

// killOthers fills the pool and makes the server drop all of its idle
// connections. The one that says so stays in use, or it would be taken next.
func killOthers(t *testing.T, db *dbmodule.Database) {
	t.Helper()
	ctx := t.Context()
	killer, err := db.DB().Conn(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, killer.Close()) })
	identify := "SELECT pg_backend_pid()"
	if db.Engine() == dbmodule.MySQL {
		identify = "SELECT CONNECTION_ID()"
	}
	// pgx tests a connection when it is taken again after a second or for the
	// first time: these come back a second time, at once.
	var ids []int64
	for range 2 {
		var sessions []*dbmodule.Session
		ids = nil
		for range 3 {
			s := db.Sessions().New()
			var id int64
			require.NoError(t, s.QueryRowContext(ctx, identify).Scan(&id))
			sessions, ids = append(sessions, s), append(ids, id)
		}
		for _, s := range sessions {
			require.NoError(t, s.Close())
		}
	}
	for _, id := range ids {
		kill := "SELECT pg_terminate_backend(?, 5000)"
		if db.Engine() == dbmodule.MySQL {
			kill = "KILL ?"
		}
		_, err := killer.ExecContext(ctx, kill, id)
		require.NoError(t, err)
	}
}

// Two databases on one file are what two processes are to SQLite: only
// BEGIN IMMEDIATE lets transactions that read first and write later coexist.
func TestTwoProcessesOnOneSQLiteFile(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Config(t, dbmodule.SQLite)
	both := []*dbmodule.Database{dbtest.Open(t, cfg), dbtest.Open(t, cfg)}
	_, err := both[0].DB().NewCreateTable().Model((*Account)(nil)).Exec(t.Context())
	require.NoError(t, err)
	require.NoError(t, insert(t.Context(), both[0].DB(), "x"))
	var wg sync.WaitGroup
	errs := make([]error, len(both))
	for i, db := range both {
		wg.Go(func() {
			for range 50 {
				errs[i] = errors.Join(errs[i], db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
					account := new(Account)
					if err := s.NewSelect().Model(account).Where("name = 'x'").Scan(ctx); err != nil {
						return err
					}
					account.Balance++
					_, err := s.NewUpdate().Model(account).WherePK().Exec(ctx)
					return err
				}, dbmodule.MaxAttempts(1)))
			}
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	account := new(Account)
	require.NoError(t, both[0].DB().NewSelect().Model(account).Scan(t.Context()))
	assert.EqualValues(t, 100, account.Balance)
}

// driver.ErrBadConn from Raw is how a user of database/sql has a connection closed, such
// as one whose session holds a lock.
func TestAConnectionThatItsUserCallsBadIsClosed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		use := func(verdict error) (used driver.Conn) {
			conn, err := db.DB().Conn(t.Context())
			require.NoError(t, err)
			err = conn.Raw(func(of any) error {
				used = of.(interface{ Unwrap() driver.Conn }).Unwrap()
				return verdict
			})
			require.ErrorIs(t, err, verdict)
			_ = conn.Close() // closed already where it is bad
			return used
		}
		first := use(nil)
		assert.Same(t, first, use(nil), "the pool keeps a good one")
		assert.Same(t, first, use(driver.ErrBadConn))
		assert.NotSame(t, first, use(nil))
		assert.Zero(t, db.Stats().InUse)
	})
}
