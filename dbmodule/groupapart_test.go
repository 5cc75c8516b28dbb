package dbmodule_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
)

// harmful are units of work that undo a whole transaction, or make its COMMIT fail. Of
// each nothing is stored.
var harmful = map[string]struct {
	schema []string
	unit   []string
	want   error
}{
	"INSERT OR ROLLBACK":   {nil, []string{"INSERT OR ROLLBACK INTO accounts (id, name, balance) SELECT id, name, 0 FROM accounts"}, dbmodule.ErrUnique},
	"UPDATE OR ROLLBACK":   {nil, []string{"SELECT 1; UPDATE OR ROLLBACK accounts SET name = 'same'"}, dbmodule.ErrUnique},
	"ON CONFLICT ROLLBACK": {[]string{"CREATE TABLE one (id INTEGER UNIQUE ON CONFLICT ROLLBACK)", "INSERT INTO one VALUES (1)"}, []string{"INSERT INTO one VALUES (1)"}, dbmodule.ErrUnique},
	"RAISE(ROLLBACK)":      {[]string{"CREATE TABLE one (id INTEGER)", "CREATE TRIGGER tr BEFORE INSERT ON one BEGIN SELECT RAISE(ROLLBACK, 'no'); END"}, []string{"INSERT INTO one VALUES (1)"}, nil},
	"deferred keys":        {[]string{"CREATE TABLE kids (p INTEGER REFERENCES accounts (id) DEFERRABLE INITIALLY DEFERRED)"}, []string{"INSERT INTO kids VALUES (-1)"}, dbmodule.ErrForeignKey},
	"defer_foreign_keys":   {[]string{"CREATE TABLE kids (p INTEGER REFERENCES accounts (id))"}, []string{"PRAGMA defer_foreign_keys = ON", "INSERT INTO kids VALUES (-1)"}, dbmodule.ErrForeignKey},
	"temporary trigger":    {nil, []string{"CREATE TEMP TABLE IF NOT EXISTS t1 (id INTEGER)", "CREATE TEMP TRIGGER IF NOT EXISTS tr BEFORE INSERT ON t1 BEGIN SELECT RAISE(ROLLBACK, 'no'); END", "INSERT INTO t1 VALUES (1)"}, nil},
	"temporary table":      {nil, []string{"CREATE TEMP TABLE IF NOT EXISTS t2 (id INTEGER PRIMARY KEY ON CONFLICT ROLLBACK)", "INSERT INTO t2 VALUES (1)", "INSERT INTO t2 VALUES (1)"}, nil},
	"a table of its own":   {nil, []string{"CREATE TABLE own (id INTEGER PRIMARY KEY ON CONFLICT ROLLBACK)", "INSERT INTO own VALUES (1)", "INSERT INTO own VALUES (1)"}, nil},
	"keys of its own":      {nil, []string{"CREATE TABLE own (p INTEGER REFERENCES accounts (id) DEFERRABLE INITIALLY DEFERRED)", "INSERT INTO own VALUES (-1)"}, dbmodule.ErrForeignKey},
}

// Who does nothing wrong is stored at the first attempt, whoever they share with.
func TestNobodyLosesByTheMistakesOfOthers(t *testing.T) {
	t.Parallel()
	for what, test := range harmful {
		for _, before := range []string{"", "INSERT INTO accounts (name, balance) VALUES ('guilty', 1)"} {
			t.Run(fmt.Sprintf("%s, before %q", what, before), func(t *testing.T) {
				t.Parallel()
				db := openGrouped(t)
				for _, statement := range test.schema {
					_, err := db.DB().ExecContext(t.Context(), statement)
					require.NoError(t, err)
				}
				for _, name := range []string{"same", "other"} {
					require.NoError(t, insert(t.Context(), db.DB(), name))
				}
				conflicts := storeAmong(t, db, func(ctx context.Context, s *dbmodule.Session) (err error) {
					for _, statement := range append([]string{before}, test.unit...) {
						if statement != "" && err == nil {
							_, err = s.ExecContext(ctx, statement)
						}
					}
					return err
				}, test.want)
				assert.LessOrEqual(t, conflicts, 1, "from then on nothing is shared")
				var n int
				require.NoError(t, db.DB().NewSelect().Table("accounts").ColumnExpr("count(*)").Where("name IN ('guilty')").Scan(t.Context(), &n))
				assert.Zero(t, n)
			})
		}
	}
}

// storeAmong stores rows in sessions without repetition, every seventh of which does
// something else that fails. It returns how often that was told to run again.
func storeAmong(t *testing.T, db *dbmodule.Database, guilty func(ctx context.Context, s *dbmodule.Session) error, want error) (conflicts int) {
	t.Helper()
	const units = 70
	ctx := t.Context()
	var (
		wg sync.WaitGroup
		mu sync.Mutex
	)
	run := func(fn func(ctx context.Context, s *dbmodule.Session) error) error {
		s := db.Sessions().New()
		err := fn(ctx, s)
		if err == nil {
			err = s.Commit(ctx)
		}
		return errors.Join(err, s.Close())
	}
	for i := range units {
		wg.Go(func() {
			name := fmt.Sprint("innocent ", i)
			if i%7 != 3 {
				assert.NoError(t, run(func(ctx context.Context, s *dbmodule.Session) error { return insert(ctx, s, name) }), name)
				return
			}
			err := run(guilty)
			assert.Error(t, err)
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, dbmodule.ErrConflict) {
				conflicts++
			} else if want != nil {
				assert.ErrorIs(t, err, want)
			}
		})
	}
	wg.Wait()
	found := storedNames(t, db)
	for i := range units {
		if name := fmt.Sprint("innocent ", i); i%7 != 3 {
			assert.True(t, found[name], name)
		}
	}
	return conflicts
}

// OR ROLLBACK of a session undoes all that the session did, savepoints or not, as
// SQLite says; what others did stays.
func TestOrRollbackUndoesTheUnitOfWork(t *testing.T) {
	t.Parallel()
	db := openGrouped(t)
	ctx := t.Context()
	require.NoError(t, insert(ctx, db.DB(), "taken"))
	s := db.Sessions().New()
	require.NoError(t, insert(ctx, s, "mine"))
	err := s.InNested(ctx, func(ctx context.Context) error {
		_, err := s.ExecContext(ctx, "INSERT OR ROLLBACK INTO accounts (name, balance) VALUES ('taken', 0)")
		return err
	})
	require.ErrorIs(t, err, dbmodule.ErrUnique)
	require.ErrorIs(t, insert(ctx, s, "more"), dbmodule.ErrPendingRollback)
	require.ErrorIs(t, s.Commit(ctx), dbmodule.ErrPendingRollback)
	assert.Equal(t, []string{"taken"}, names(t, db))
	_, err = s.ExecContext(ctx, "INSERT OR ROLLBACK INTO accounts (name, balance) VALUES ('new', 0)")
	require.NoError(t, err)
	require.NoError(t, s.Commit(ctx))
	assert.Equal(t, []string{"taken", "new"}, names(t, db))
}

// A unit of work that begins with what must not be shared goes on by itself.
func TestAUnitOfWorkLeavesTheGroup(t *testing.T) {
	t.Parallel()
	db := openGrouped(t)
	_, err := db.DB().ExecContext(t.Context(), "CREATE TABLE kids (p INTEGER REFERENCES accounts (id))")
	require.NoError(t, err)
	for round := range 20 {
		errs := together(t, db, inserts(fmt.Sprint("a", round)), func(ctx context.Context, s *dbmodule.Session) error {
			_, err := s.ExecContext(ctx, "PRAGMA defer_foreign_keys = ON")
			if err == nil {
				_, err = s.ExecContext(ctx, "INSERT INTO kids VALUES (?)", -1-round)
			}
			if err == nil {
				_, err = s.ExecContext(ctx, "INSERT INTO accounts (id, name, balance) VALUES (?, ?, 0)", -1-round, fmt.Sprint("kid ", round))
			}
			return err
		}, inserts(fmt.Sprint("b", round)))
		require.NoError(t, errors.Join(errs...))
	}
}

// A unit of work that has left the group is a transaction like any other: a statement that fails
// ends it, and hooks of savepoints that are rolled back don't run.
func TestAUnitOfWorkThatLeftTheGroup(t *testing.T) {
	t.Parallel()
	leaves := map[string]func(ctx context.Context, s *dbmodule.Session) error{
		"PRAGMA": func(ctx context.Context, s *dbmodule.Session) error {
			_, err := s.ExecContext(ctx, "PRAGMA defer_foreign_keys = ON")
			return err
		},
		"Raw": func(ctx context.Context, s *dbmodule.Session) error {
			return dbmodule.Raw(ctx, s, func(context.Context, any) error { return nil })
		},
	}
	for what, leave := range leaves {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			inOwnTime(t, groupedConfig(t), func(t *testing.T, db *dbmodule.Database) {
				require.NoError(t, insert(t.Context(), db.DB(), "taken"))
				var ran []string
				hook := func(name string) func(context.Context) {
					return func(context.Context) { ran = append(ran, name) }
				}
				undone := errors.New("undone")
				require.NoError(t, meet(t, db, func(ctx context.Context, s *dbmodule.Session) error {
					require.NoError(t, leave(ctx, s))
					require.ErrorIs(t, s.InNested(ctx, func(ctx context.Context) error {
						s.AfterCommit(hook("undone"))
						return errors.Join(insert(ctx, s, "undone"), undone)
					}), undone)
					s.AfterCommit(hook("kept"))
					return insert(ctx, s, "kept")
				}))
				assert.Equal(t, []string{"kept"}, ran)
				err := meet(t, db, func(ctx context.Context, s *dbmodule.Session) error {
					require.NoError(t, leave(ctx, s))
					require.ErrorIs(t, insert(ctx, s, "taken"), dbmodule.ErrUnique)
					assert.ErrorIs(t, insert(ctx, s, "after"), dbmodule.ErrPendingRollback)
					return nil
				})
				require.ErrorIs(t, err, dbmodule.ErrPendingRollback)
				assert.NotContains(t, storedNames(t, db), "after")
			})
		})
	}
}
