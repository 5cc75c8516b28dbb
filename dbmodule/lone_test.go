package dbmodule_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
)

func TestReadOnlySessionHasAConnectionOnlyWhileRowsAreOpen(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		fillAccounts(ctx, t, db, 3)
		s := db.Sessions().New(dbmodule.ReadOnly())
		free := func(after string) {
			t.Helper()
			assert.False(t, s.Active(), after)
			assert.Zero(t, db.Stats().InUse, after)
		}
		var accounts []Account
		require.NoError(t, s.NewSelect().Model(&accounts).Scan(ctx))
		assert.Len(t, accounts, 3)
		free("a scan")
		count, err := s.NewSelect().Model((*Account)(nil)).Count(ctx)
		require.NoError(t, err)
		assert.EqualValues(t, 3, count)
		free("a count")
		exists, err := s.NewSelect().Model((*Account)(nil)).Where("balance > 1000000").Exists(ctx)
		require.NoError(t, err)
		assert.False(t, exists)
		free("a question")
		require.ErrorIs(t, s.NewSelect().Model(new(Account)).Where("name = 'nobody'").Scan(ctx), dbmodule.ErrNotFound)
		free("a row that is not there")
		require.Error(t, s.NewSelect().Table("no_such_table").Column("x").Scan(ctx, new(int)))
		free("an error")

		rows := openRows(ctx, t, s)
		assert.True(t, s.Active())
		assert.Equal(t, 1, db.Stats().InUse)
		require.NoError(t, rows.Close())
		free("rows that were closed")
		require.NoError(t, s.Close())
	})
}

// What a handler forgets must not cost a connection.
func TestSessionClosesTheRowsOfItsReads(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(ctx context.Context, s *dbmodule.Session) error{
		"close":    func(_ context.Context, s *dbmodule.Session) error { return s.Close() },
		"commit":   func(ctx context.Context, s *dbmodule.Session) error { return s.Commit(ctx) },
		"rollback": func(ctx context.Context, s *dbmodule.Session) error { return s.Rollback(ctx) },
		"seal":     func(_ context.Context, s *dbmodule.Session) error { return s.Seal(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, db *dbmodule.Database) {
				ctx := t.Context()
				fillAccounts(ctx, t, db, 3)
				s := db.Sessions().New(dbmodule.ReadOnly())
				closed := openRows(ctx, t, s)
				require.NoError(t, closed.Close())
				left := []*sql.Rows{openRows(ctx, t, s), openRows(ctx, t, s)}
				assert.Equal(t, 2, db.Stats().InUse, "a result each")
				require.NoError(t, end(ctx, s))
				assert.False(t, s.Active())
				assert.Zero(t, db.Stats().InUse)
				for _, rows := range left {
					assert.False(t, rows.Next())
					assert.NoError(t, rows.Close())
				}
			})
		})
	}
}

// A query for each row of another needs no second session.
func TestReadsWhileRowsAreOpen(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		fillAccounts(ctx, t, db, 3)
		s := db.Sessions().New(dbmodule.ReadOnly())
		defer func() { assert.NoError(t, s.Close()) }()
		rows, err := s.NewSelect().Model((*Account)(nil)).Column("name").Order("id").Rows(ctx)
		require.NoError(t, err)
		var found []string
		for rows.Next() {
			var name string
			require.NoError(t, rows.Scan(&name))
			account := new(Account)
			require.NoError(t, s.NewSelect().Model(account).Where("name = ?", name).Scan(ctx))
			found = append(found, account.Name)
		}
		require.NoError(t, rows.Err())
		assert.Equal(t, []string{"account 0", "account 1", "account 2"}, found)
	})
}

func TestRowsOfAReadEndWithTheirContext(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		fillAccounts(t.Context(), t, db, 3)
		s := db.Sessions().New(dbmodule.ReadOnly())
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		rows := openRows(ctx, t, s)
		cancel()
		assert.False(t, rows.Next())
		require.ErrorIs(t, rows.Err(), context.Canceled)
		_ = rows.Close() // a driver may say again that it was cancelled
		assert.Zero(t, db.Stats().InUse)

		require.ErrorIs(t, s.NewSelect().Model((*Account)(nil)).Scan(ctx, new([]Account)), context.Canceled)
		require.NoError(t, s.NewSelect().Model((*Account)(nil)).Scan(t.Context(), new([]Account)), "the session goes on")
		require.NoError(t, s.Close())
	})
}

// Statements as text stay on one connection, as in any session, and what the
// builders send joins them there.
func TestTextKeepsTheConnectionOfAReadOnlySession(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		fillAccounts(ctx, t, db, 3)
		s := db.Sessions().New(dbmodule.ReadOnly())
		var n int
		require.NoError(t, s.QueryRowContext(ctx, "SELECT 1").Scan(&n))
		assert.True(t, s.Active())
		require.NoError(t, s.NewSelect().Model((*Account)(nil)).Scan(ctx, new([]Account)))
		assert.Equal(t, 1, db.Stats().InUse)
		require.NoError(t, s.Close())
		assert.Zero(t, db.Stats().InUse)
	})
}

func fillAccounts(ctx context.Context, t *testing.T, db *dbmodule.Database, accounts int) {
	t.Helper()
	for i := range accounts {
		require.NoError(t, insert(ctx, db.DB(), fmt.Sprint("account ", i)))
	}
}

// openRows returns a result of which one row was read.
func openRows(ctx context.Context, t *testing.T, s *dbmodule.Session) *sql.Rows {
	t.Helper()
	rows, err := s.NewSelect().Model((*Account)(nil)).Column("name").Order("id").Rows(ctx)
	require.NoError(t, err)
	require.True(t, rows.Next(), "%v", rows.Err())
	require.NoError(t, rows.Err())
	return rows
}
