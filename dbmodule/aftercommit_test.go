package dbmodule_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// Whoever began a savepoint, by whatever method, what is undone has no effects.
func TestHooksOfSavepoints(t *testing.T) {
	t.Parallel()
	undone := errors.New("undone")
	undo := func(context.Context, bun.Tx) error { return undone }
	for name, test := range map[string]struct {
		run  func(ctx context.Context, s *dbmodule.Session, hook func(name string)) error
		want []string
	}{
		"BeginTx and Rollback": {func(ctx context.Context, s *dbmodule.Session, hook func(string)) error {
			hook("before")
			savepoint, err := s.BeginTx(ctx, nil)
			hook("inside")
			err = errors.Join(err, insert(ctx, savepoint, "a"), savepoint.Rollback())
			hook("after")
			return err
		}, []string{"before", "after"}},
		"BeginTx and Commit": {func(ctx context.Context, s *dbmodule.Session, hook func(string)) error {
			savepoint, err := s.BeginTx(ctx, nil)
			hook("inside")
			return errors.Join(err, savepoint.Commit())
		}, []string{"inside"}},
		"a savepoint of a savepoint": {func(ctx context.Context, s *dbmodule.Session, hook func(string)) error {
			return s.RunInTx(ctx, nil, func(ctx context.Context, savepoint bun.Tx) error {
				hook("outer")
				assert.ErrorIs(t, savepoint.RunInTx(ctx, nil, func(ctx context.Context, inner bun.Tx) error {
					hook("inner")
					return undo(ctx, inner)
				}), undone)
				return nil
			})
		}, []string{"outer"}},
		"an inner one that was released": {func(ctx context.Context, s *dbmodule.Session, hook func(string)) error {
			assert.ErrorIs(t, s.RunInTx(ctx, nil, func(ctx context.Context, savepoint bun.Tx) error {
				require.NoError(t, s.InNested(ctx, func(context.Context) error {
					hook("inner")
					return nil
				}))
				return undo(ctx, savepoint)
			}), undone)
			hook("after")
			return nil
		}, []string{"after"}},
		"a savepoint as text": {func(ctx context.Context, s *dbmodule.Session, hook func(string)) error {
			for _, statement := range []string{"SAVEPOINT a", "ROLLBACK TO SAVEPOINT a", "RELEASE SAVEPOINT a"} {
				if _, err := s.ExecContext(ctx, statement); err != nil {
					return err
				}
				hook("after " + statement)
			}
			return nil
		}, []string{"after ROLLBACK TO SAVEPOINT a", "after RELEASE SAVEPOINT a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, db *dbmodule.Database) {
				var ran []string
				require.NoError(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
					return test.run(ctx, s, func(name string) {
						s.AfterCommit(func(context.Context) { ran = append(ran, name) })
					})
				}))
				assert.Equal(t, test.want, ran)
			})
		})
	}
}

// The session is in use then.
func TestHookForEachRowThatIsRead(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		fillAccounts(t.Context(), t, db, 3)
		all, err := dbmodule.CompileSelect[Account, struct{}](db.Sessions(), func(q *bun.SelectQuery) *bun.SelectQuery { return q.Order("id") })
		require.NoError(t, err)
		var ran []string
		require.NoError(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
			return all.Each(ctx, s, struct{}{}, func(account *Account) bool {
				name := account.Name
				s.AfterCommit(func(context.Context) { ran = append(ran, name) })
				return true
			})
		}))
		assert.Equal(t, []string{"account 0", "account 1", "account 2"}, ran)
	})
}
