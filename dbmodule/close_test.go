package dbmodule_test

import (
	"context"
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

// eachToClose opens a database that the test closes, and what sees what is stored.
func eachToClose(t *testing.T, limit time.Duration, fn func(t *testing.T, db, witness *dbmodule.Database, logs *observer.ObservedLogs)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		witness := dbtest.Open(t, cfg)
		_, err := witness.DB().NewCreateTable().Model((*Account)(nil)).Exec(t.Context())
		require.NoError(t, err)
		cfg.CloseTimeout = limit
		core, logs := observer.New(zap.WarnLevel)
		db, err := dbmodule.Open(cfg, zap.New(core))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		require.NoError(t, db.Connect(t.Context()))
		fn(t, db, witness, logs)
	})
}

// Close waits for those who have a connection, while nobody else gets one.
func TestCloseWaitsForWorkInProgress(t *testing.T) {
	t.Parallel()
	eachToClose(t, time.Minute, func(t *testing.T, db, witness *dbmodule.Database, logs *observer.ObservedLogs) {
		ctx := t.Context()
		s := db.Sessions().New()
		require.NoError(t, insert(ctx, s, "a"))
		closed := make(chan error, 1)
		go func() { closed <- db.Close() }()
		require.Eventually(t, func() bool {
			return db.DB().PingContext(ctx) != nil
		}, time.Minute, time.Millisecond)
		require.ErrorIs(t, db.DB().PingContext(ctx), dbmodule.ErrDatabaseClosed)
		require.ErrorIs(t, insert(ctx, db.Sessions().New(), "refused"), dbmodule.ErrDatabaseClosed)
		require.NoError(t, insert(ctx, s, "b"), "it goes on")
		select {
		case err := <-closed:
			t.Errorf("Close did not wait: %v", err)
		default:
		}
		require.NoError(t, s.Commit(ctx))
		require.NoError(t, <-closed)
		assert.Equal(t, []string{"a", "b"}, names(t, witness))
		require.ErrorIs(t, insert(ctx, s, "c"), dbmodule.ErrDatabaseClosed)
		assert.Zero(t, logs.Len())
		assert.Zero(t, db.Stats().Open)
	})
}

// What does not end by itself in time is ended: nothing of it is stored.
func TestCloseEndsWhatIsInProgress(t *testing.T) {
	t.Parallel()
	eachToClose(t, 50*time.Millisecond, func(t *testing.T, db, witness *dbmodule.Database, logs *observer.ObservedLogs) {
		ctx := t.Context()
		require.NoError(t, insert(ctx, witness.DB(), "before"))
		s := db.Sessions().New()
		require.NoError(t, insert(ctx, s, "a"))
		reading := db.Sessions().New(dbmodule.ReadOnly())
		rows, err := reading.QueryContext(ctx, selectNames)
		require.NoError(t, err)
		require.True(t, rows.Next())

		require.NoError(t, db.Close())
		require.NoError(t, insert(ctx, witness.DB(), "after"), "no lock is left")
		err = insert(ctx, s, "b")
		require.ErrorIs(t, err, dbmodule.ErrDatabaseClosed)
		assert.Equal(t, "database_closed", dbmodule.ErrorKind(err))
		require.ErrorIs(t, s.Commit(ctx), dbmodule.ErrDatabaseClosed)
		require.NoError(t, s.Close())
		for rows.Next() { // MySQL's rows were read ahead, if any
			t.Error("another row")
		}
		require.ErrorIs(t, rows.Err(), dbmodule.ErrDatabaseClosed)
		require.NoError(t, reading.Close())
		assert.Equal(t, []string{"before", "after"}, names(t, witness))
		assert.Zero(t, db.Stats().Open)
		require.Equal(t, 1, logs.FilterMessageSnippet("work in progress is ended").Len())
		assert.EqualValues(t, 2, logs.All()[0].ContextMap()["connections"])
		require.NoError(t, db.Close(), "again")
	})
}

// COMMIT as the first thing that a session does after the end.
func TestNobodyCommitsAfterClose(t *testing.T) {
	t.Parallel()
	eachToClose(t, 0, func(t *testing.T, db, witness *dbmodule.Database, _ *observer.ObservedLogs) {
		ctx := t.Context()
		s := db.Sessions().New()
		require.NoError(t, insert(ctx, s, "session"))
		require.NoError(t, db.Close())
		err := s.Commit(ctx)
		require.ErrorIs(t, err, dbmodule.ErrDatabaseClosed)
		require.NotErrorIs(t, err, dbmodule.ErrCommitUnknown)
		assert.Empty(t, names(t, witness))
	})
	eachToClose(t, 0, func(t *testing.T, db, witness *dbmodule.Database, _ *observer.ObservedLogs) {
		ctx := t.Context()
		tx, err := db.DB().BeginTx(ctx, nil)
		require.NoError(t, err)
		require.NoError(t, insert(ctx, tx, "bun"))
		require.NoError(t, db.Close())
		require.ErrorIs(t, insert(ctx, tx, "later"), dbmodule.ErrDatabaseClosed)
		require.ErrorIs(t, tx.Commit(), dbmodule.ErrDatabaseClosed)
		assert.Empty(t, names(t, witness))
	})
}

// Later uses say that the database is closed, and InTx does not try again.
func TestUseAfterClose(t *testing.T) {
	t.Parallel()
	eachToClose(t, time.Minute, func(t *testing.T, db, _ *dbmodule.Database, _ *observer.ObservedLogs) {
		ctx := t.Context()
		require.NoError(t, db.Close())
		var name string
		var rows []Account
		for kind, options := range map[string][]dbmodule.SessionOption{
			"writing": nil, "reading": {dbmodule.ReadOnly()}, "snapshot": {dbmodule.Snapshot()}, "autocommit": {dbmodule.Autocommit()},
		} {
			s := db.Sessions().New(options...)
			_, exec := s.ExecContext(ctx, "DELETE FROM accounts")
			_, query := s.QueryContext(ctx, selectNames) //nolint:sqlclosecheck,rowserrcheck // there are none
			for what, err := range map[string]error{
				"insert": insert(ctx, s, "a"), "select": s.NewSelect().Model(&rows).Scan(ctx),
				"exec": exec, "query": query, "row": s.QueryRowContext(ctx, selectNames).Scan(&name),
			} {
				require.ErrorIs(t, err, dbmodule.ErrDatabaseClosed, "%s: %s", kind, what)
			}
			require.NoError(t, s.Close())
		}
		runs := 0
		require.ErrorIs(t, db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
			runs++
			return insert(ctx, s, "a")
		}), dbmodule.ErrDatabaseClosed)
		assert.Equal(t, 1, runs)
		_, begin := db.DB().BeginTx(ctx, nil)
		_, exec := db.DB().ExecContext(ctx, "DELETE FROM accounts")
		for what, err := range map[string]error{
			"insert": insert(ctx, db.DB(), "a"), "select": db.DB().NewSelect().Model(&rows).Scan(ctx), "begin": begin, "exec": exec, "ping": db.Ping(ctx),
		} {
			require.ErrorIs(t, err, dbmodule.ErrDatabaseClosed, what)
		}
	})
}

// A statement that the server is at is cancelled, though it has no time limit.
func TestCloseEndsAStatement(t *testing.T) {
	t.Parallel()
	slow := map[dbmodule.Engine]string{
		dbmodule.SQLite:     "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
		dbmodule.PostgreSQL: "SELECT pg_sleep(600)",
		dbmodule.MySQL:      "SELECT SLEEP(600)",
	}
	eachToClose(t, 50*time.Millisecond, func(t *testing.T, db, witness *dbmodule.Database, _ *observer.ObservedLogs) {
		ctx := dbmodule.WithStatementTimeout(t.Context(), 0)
		s := db.Sessions().New()
		require.NoError(t, insert(ctx, s, "a"))
		var wg sync.WaitGroup
		sent := make(chan struct{})
		wg.Go(func() {
			close(sent)
			_, err := s.ExecContext(ctx, slow[db.Engine()])
			assert.ErrorIs(t, err, dbmodule.ErrDatabaseClosed)
			assert.ErrorIs(t, s.Commit(ctx), dbmodule.ErrDatabaseClosed)
		})
		<-sent
		require.NoError(t, db.Close())
		wg.Wait()
		assert.Empty(t, names(t, witness))
	})
}
