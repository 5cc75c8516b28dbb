package dbmodule_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

const selectNames = "SELECT name FROM accounts ORDER BY id"

// whileRowsAreOpen are all ways to hand a session or a transaction a statement.
var whileRowsAreOpen = map[string]func(ctx context.Context, db bun.IDB) error{
	"exec": func(ctx context.Context, db bun.IDB) error {
		_, err := db.ExecContext(ctx, "UPDATE accounts SET balance = 1")
		return err
	},
	"insert": func(ctx context.Context, db bun.IDB) error { return insert(ctx, db, "refused") },
	"query":  func(ctx context.Context, db bun.IDB) error { return queried(db.QueryContext(ctx, selectNames)) },
	"row": func(ctx context.Context, db bun.IDB) error {
		var name string
		return db.QueryRowContext(ctx, selectNames).Scan(&name)
	},
	"select": func(ctx context.Context, db bun.IDB) error {
		_, err := db.NewSelect().Model((*Account)(nil)).Count(ctx)
		return err
	},
	"lock": func(ctx context.Context, db bun.IDB) error {
		return db.NewSelect().Model(new(Account)).Limit(1).Scan(ctx)
	},
	"savepoint": func(ctx context.Context, db bun.IDB) error { _, err := db.BeginTx(ctx, nil); return err },
	"nested": func(ctx context.Context, db bun.IDB) error {
		return db.RunInTx(ctx, nil, func(context.Context, bun.Tx) error { return nil })
	},
}

func queried(rows *sql.Rows, err error) error {
	if err != nil {
		return err
	}
	return rows.Close()
}

// openAResult leaves rows open in every way.
var openAResult = map[string]func(ctx context.Context, t *testing.T, db bun.IDB) *sql.Rows{
	"rows of a text": func(ctx context.Context, t *testing.T, db bun.IDB) *sql.Rows {
		rows, err := db.QueryContext(ctx, selectNames)
		require.NoError(t, err)
		require.True(t, rows.Next())
		return rows
	},
	"rows of a builder": func(ctx context.Context, t *testing.T, db bun.IDB) *sql.Rows {
		rows, err := db.NewSelect().Model((*Account)(nil)).Column("name").Order("id").Rows(ctx)
		require.NoError(t, err)
		require.True(t, rows.Next())
		return rows
	},
	"a row that nobody scans": func(ctx context.Context, t *testing.T, db bun.IDB) *sql.Rows {
		require.NoError(t, db.QueryRowContext(ctx, selectNames).Err())
		return nil
	},
}

// The mistake is told once, as what it is, and what was open can be read on.
func TestAStatementWhileRowsAreOpenIsRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		fillAccounts(ctx, t, db, 3)
		for first, open := range openAResult {
			for second, statement := range whileRowsAreOpen {
				for range 3 { // prepared, too
					runs := 0
					err := db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
						runs++
						rows := open(ctx, t, s)
						err := statement(ctx, s)
						assert.ErrorIs(t, err, dbmodule.ErrRowsOpen, "%s, then %s", first, second)
						assert.Equal(t, "rows_open", dbmodule.ErrorKind(err))
						assert.NotErrorIs(t, err, dbmodule.ErrUnavailable)
						if rows != nil {
							assert.Equal(t, 2, readOn(t, rows), "%s, then %s", first, second)
						}
						return err
					})
					require.ErrorIs(t, err, dbmodule.ErrRowsOpen)
					assert.Equal(t, 1, runs, "%s, then %s", first, second)
				}
			}
		}
		assert.Len(t, names(t, db), 3)
		assert.Zero(t, db.Stats().InUse)
	})
}

func readOn(t *testing.T, rows *sql.Rows) (n int) {
	t.Helper()
	for rows.Next() {
		n++
	}
	require.NoError(t, rows.Err())
	require.NoError(t, rows.Close())
	return n
}

// Who ignores the error must not commit without the statement.
func TestARefusedStatementIsNotForgotten(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		fillAccounts(ctx, t, db, 3)
		s := db.Sessions().New()
		require.NoError(t, insert(ctx, s, "first"))
		rows := openRows(ctx, t, s)
		require.ErrorIs(t, insert(ctx, s, "refused"), dbmodule.ErrRowsOpen)
		require.NoError(t, rows.Close())
		require.ErrorIs(t, insert(ctx, s, "later"), dbmodule.ErrPendingRollback)
		err := s.Commit(ctx)
		require.ErrorIs(t, err, dbmodule.ErrPendingRollback)
		require.ErrorIs(t, err, dbmodule.ErrRowsOpen)
		assert.Len(t, names(t, db), 3)

		// What was refused within a savepoint is made good by undoing that.
		err = s.InNested(ctx, func(ctx context.Context) error {
			rows := openRows(ctx, t, s)
			require.ErrorIs(t, insert(ctx, s, "refused"), dbmodule.ErrRowsOpen)
			require.NoError(t, rows.Close())
			return nil
		})
		require.ErrorIs(t, err, dbmodule.ErrPendingRollback)
		require.NoError(t, insert(ctx, s, "stored"))
		require.NoError(t, s.Commit(ctx))
		assert.Len(t, names(t, db), 4)
		require.NoError(t, s.Close())
	})
}

// The end of a savepoint closes what was opened in it, as COMMIT does.
func TestASavepointEndsWithRowsOpen(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		fillAccounts(ctx, t, db, 3)
		undone := assert.AnError
		for first, open := range openAResult {
			for _, fails := range []error{nil, undone} {
				s := db.Sessions().New()
				var rows, through *sql.Rows
				err := s.InNested(ctx, func(ctx context.Context) error {
					require.NoError(t, insert(ctx, s, "nested"))
					rows = open(ctx, t, s)
					return fails
				})
				require.ErrorIs(t, err, fails, first)
				if rows != nil {
					assert.False(t, rows.Next(), first)
					require.ErrorContains(t, rows.Err(), "savepoint", first)
				}
				err = s.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
					through = open(ctx, t, tx)
					require.ErrorIs(t, insert(ctx, s, "refused"), dbmodule.ErrRowsOpen)
					return fails
				})
				if fails == nil {
					require.ErrorIs(t, err, dbmodule.ErrPendingRollback, first) // the refused statement counts
				} else {
					require.ErrorIs(t, err, fails, first)
				}
				if through != nil {
					assert.False(t, through.Next(), first)
				}
				want := 4
				if fails != nil {
					want = 3
				}
				n, err := s.NewSelect().Model((*Account)(nil)).Count(ctx)
				require.NoError(t, err, first)
				assert.EqualValues(t, want, n, first)
				require.NoError(t, s.Close())
			}
		}
		assert.Zero(t, db.Stats().InUse)
	})
}

// Reading sessions and those without a transaction keep a connection for a text.
func TestRowsOpenWithoutATransaction(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		fillAccounts(ctx, t, db, 3)
		for kind, option := range map[string]dbmodule.SessionOption{
			"reading": dbmodule.ReadOnly(), "snapshot": dbmodule.Snapshot(), "autocommit": dbmodule.Autocommit(),
		} {
			for second, statement := range whileRowsAreOpen {
				if kind == "autocommit" && (second == "savepoint" || second == "nested") {
					continue // refused anyway
				}
				s := db.Sessions().New(option)
				rows := openAResult["rows of a text"](ctx, t, s)
				require.ErrorIs(t, statement(ctx, s), dbmodule.ErrRowsOpen, "%s, %s", kind, second)
				assert.Equal(t, 2, readOn(t, rows), "%s, %s", kind, second)
				require.NoError(t, s.Close())
			}
			s := db.Sessions().New(option)
			rows := openAResult["rows of a builder"](ctx, t, s)
			n, err := s.NewSelect().Model((*Account)(nil)).Count(ctx)
			if kind == "reading" { // has a connection each
				require.NoError(t, err)
				assert.EqualValues(t, 3, n)
			} else {
				require.ErrorIs(t, err, dbmodule.ErrRowsOpen, kind)
				require.ErrorIs(t, queried(s.QueryContext(ctx, selectNames)), dbmodule.ErrRowsOpen, kind)
			}
			assert.Equal(t, 2, readOn(t, rows), kind)
			require.NoError(t, s.Close())
		}
		assert.Zero(t, db.Stats().InUse)
	})
}

// Without a session it is told too where the driver gives the connection up.
func TestRowsOpenInATransactionOfBuns(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		fillAccounts(ctx, t, db, 3)
		tx, err := db.DB().BeginTx(ctx, nil)
		require.NoError(t, err)
		rows := openAResult["rows of a text"](ctx, t, tx)
		err = insert(ctx, tx, "within")
		if db.Engine() == dbmodule.SQLite {
			require.NoError(t, err)
			assert.Equal(t, 3, readOn(t, rows), "with that of the insert")
		} else {
			require.ErrorIs(t, err, dbmodule.ErrRowsOpen)
			assert.Equal(t, 2, readOn(t, rows))
		}
		require.NoError(t, tx.Rollback())
		assert.Zero(t, db.Stats().InUse)
	})
}
