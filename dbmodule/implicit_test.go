package dbmodule_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// notedAccounts is a database on MySQL with a second table.
func notedAccounts(t *testing.T) *dbmodule.Database {
	t.Helper()
	db := openAccounts(t, dbtest.Config(t, dbmodule.MySQL))
	_, err := db.DB().ExecContext(t.Context(), "CREATE TABLE notes (id INTEGER)")
	require.NoError(t, err)
	return db
}

// MySQL commits before DDL. What a session does after it is a transaction again.
func TestSessionAfterAnImplicitCommit(t *testing.T) {
	t.Parallel()
	failed := errors.New("the unit of work failed")
	const ddl = "ALTER TABLE notes ADD COLUMN name VARCHAR(9)"
	for name, test := range map[string]struct {
		statement string
		end       error
		want      []string
	}{
		"a unit of work that fails": {ddl, failed, []string{"before"}},
		"one that is stored":        {ddl, nil, []string{"before", "after", "last"}},
		"a statement with a result": {"ANALYZE TABLE notes", failed, []string{"before"}},
		"a temporary table":         {"CREATE TEMPORARY TABLE another (id INTEGER)", failed, []string{}},
		"locks that BEGIN releases": {"LOCK TABLES accounts WRITE", failed, []string{"before", "after", "last"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := notedAccounts(t)
			require.ErrorIs(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
				require.NoError(t, insert(ctx, s, "before"))
				rows, err := s.QueryContext(ctx, test.statement)
				require.NoError(t, err)
				require.NoError(t, rows.Close())
				require.NoError(t, rows.Err())
				require.NoError(t, insert(ctx, s, "after"))
				require.NoError(t, insert(ctx, s, "last"))
				return test.end
			}), test.end)
			assert.Equal(t, test.want, names(t, db))
		})
	}
}

// DDL that waits for a lock in vain is a conflict, but what was done before it is stored.
func TestImplicitCommitIsNotRepeated(t *testing.T) {
	t.Parallel()
	db := notedAccounts(t)
	other, err := db.DB().BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = other.ExecContext(t.Context(), "SELECT * FROM notes")
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Rollback()) }()
	for name, test := range map[string]struct {
		before int
		runs   int
	}{"something is stored": {1, 1}, "nothing is": {0, 2}} {
		runs := 0
		require.ErrorIs(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
			runs++
			for range test.before {
				require.NoError(t, insert(ctx, s, "once"))
			}
			_, err := s.ExecContext(ctx, "SET STATEMENT lock_wait_timeout = 0 FOR ALTER TABLE notes ADD COLUMN name VARCHAR(9)")
			return err
		}, dbmodule.MaxAttempts(2)), dbmodule.ErrConflict, name)
		assert.Equal(t, test.runs, runs, name)
	}
	assert.Equal(t, []string{"once"}, names(t, db))
}

// A connection that is lost after DDL can't begin the next transaction. The statement that needed it is
// not stored, and the unit of work is not repeated.
func TestConnectionIsLostAfterAnImplicitCommit(t *testing.T) {
	t.Parallel()
	proxy := dbtest.StartProxy(t, dbtest.URL(t, dbmodule.MySQL))
	db := openAccounts(t, proxy.Config(t))
	_, err := db.DB().ExecContext(t.Context(), "CREATE TABLE notes (id INTEGER)")
	require.NoError(t, err)
	runs := 0
	require.ErrorIs(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
		runs++
		require.NoError(t, insert(ctx, s, "before"))
		_, err := s.ExecContext(ctx, "ALTER TABLE notes ADD COLUMN name VARCHAR(9)")
		require.NoError(t, err)
		proxy.Cut()
		return insert(ctx, s, "after")
	}), dbmodule.ErrUnavailable)
	assert.Equal(t, 1, runs)
	assert.Equal(t, []string{"before"}, names(t, db))
}
