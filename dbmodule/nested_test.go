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

func TestInTxInsideInTxIsTold(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		for name, factory := range map[string]*dbmodule.SessionFactory{
			"the same": db.Sessions(), "derived": db.Sessions().With(dbmodule.MaxAttempts(3)),
		} {
			for _, begun := range []bool{false, true} {
				runs := 0
				err := db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
					runs++
					if begun {
						require.NoError(t, insert(ctx, s, "outer"))
					}
					return factory.InTx(ctx, func(context.Context, *dbmodule.Session) error {
						t.Error("ran")
						return nil
					})
				})
				require.ErrorIs(t, err, dbmodule.ErrNestedUnit, name)
				assert.Equal(t, "nested_unit", dbmodule.ErrorKind(err))
				assert.Contains(t, err.Error(), "dbmodule.Join()")
				assert.Equal(t, 1, runs, name)
			}
		}
		assert.Empty(t, names(t, db))
		assert.Zero(t, db.Stats().InUse)
	})
}

// What is no mistake goes on as before.
func TestUnitsOfWorkThatMayMeet(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		db, other := dbtest.Open(t, cfg), dbtest.Open(t, dbtest.Config(t, cfg.URL.Engine()))
		for _, db := range []*dbmodule.Database{db, other} {
			_, err := db.DB().NewCreateTable().Model((*Account)(nil)).Exec(t.Context())
			require.NoError(t, err)
		}
		store := func(name string) func(ctx context.Context, s *dbmodule.Session) error {
			return func(ctx context.Context, s *dbmodule.Session) error { return insert(ctx, s, name) }
		}
		count := func(ctx context.Context, s *dbmodule.Session) error {
			_, err := s.NewSelect().Model((*Account)(nil)).Count(ctx)
			return err
		}
		var afterwards context.Context
		require.NoError(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
			afterwards = ctx
			s.AfterCommit(func(ctx context.Context) { assert.NoError(t, db.Sessions().InTx(ctx, store("hook"))) })
			return errors.Join(
				insert(ctx, s, "outer"),
				other.Sessions().InTx(ctx, store("another database")),
				db.Sessions().InTx(ctx, count, dbmodule.ReadOnly()),
				db.Sessions().With(dbmodule.Snapshot()).InTx(ctx, count),
			)
		}))
		require.NoError(t, db.Sessions().InTx(afterwards, store("afterwards")))
		require.NoError(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, _ *dbmodule.Session) error {
			return db.Sessions().InTx(ctx, store("in a reading one"))
		}, dbmodule.ReadOnly()))
		assert.Equal(t, []string{"outer", "hook", "afterwards", "in a reading one"}, names(t, db))
		assert.Equal(t, []string{"another database"}, names(t, other))
	})
}

func TestJoin(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		hooks := []string{}
		store := func(ctx context.Context, name string, fails error) error {
			return db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
				s.AfterCommit(func(context.Context) { hooks = append(hooks, name) })
				return errors.Join(insert(ctx, s, name), fails)
			}, dbmodule.Join())
		}
		require.NoError(t, store(ctx, "alone", nil))
		require.NoError(t, db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
			require.NoError(t, store(ctx, "joined", nil))
			require.ErrorIs(t, store(ctx, "undone", assert.AnError), assert.AnError)
			require.ErrorIs(t, store(ctx, "alone", nil), dbmodule.ErrUnique)
			return insert(ctx, s, "outer")
		}))
		require.ErrorIs(t, db.Sessions().InTx(ctx, func(ctx context.Context, _ *dbmodule.Session) error {
			return errors.Join(store(ctx, "undone with the outer one", nil), assert.AnError)
		}), assert.AnError)
		require.ErrorContains(t, db.Sessions().InTx(ctx, func(ctx context.Context, _ *dbmodule.Session) error {
			return db.Sessions().InTx(ctx, func(context.Context, *dbmodule.Session) error { return nil }, dbmodule.Join(), dbmodule.IdempotencyKey("k"))
		}), "give the key to the outer unit of work")
		assert.Equal(t, []string{"alone", "joined", "outer"}, names(t, db))
		assert.Equal(t, []string{"alone", "joined"}, hooks)
	})
}

// On SQLite any other session would wait for the outer one, which waits for it.
func TestASessionInsideAUnitOfWork(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		for kind, options := range map[string][]dbmodule.SessionOption{"writing": nil, "autocommit": {dbmodule.Autocommit()}} {
			err := db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
				inner := db.Sessions().New(options...)
				defer func() { require.NoError(t, inner.Close()) }()
				return errors.Join(insert(ctx, s, "outer "+kind), insert(ctx, inner, "inner "+kind), inner.Commit(ctx))
			})
			if db.Engine() == dbmodule.SQLite {
				require.ErrorIs(t, err, dbmodule.ErrNestedUnit, kind)
			} else {
				require.NoError(t, err, kind)
			}
		}
		assert.Zero(t, db.Stats().InUse)
	})
}
