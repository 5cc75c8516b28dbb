package dbmodule_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// refusingTriggers refuse an account with the name bad.
var refusingTriggers = map[dbmodule.Engine]map[string][]string{
	dbmodule.SQLite: {
		"ABORT": {"CREATE TRIGGER refuses BEFORE INSERT ON accounts WHEN NEW.name = 'bad' BEGIN SELECT RAISE(ABORT, 'no'); END"},
		"FAIL":  {"CREATE TRIGGER refuses BEFORE INSERT ON accounts WHEN NEW.name = 'bad' BEGIN SELECT RAISE(FAIL, 'no'); END"},
	},
	dbmodule.PostgreSQL: {"RAISE": {
		"CREATE FUNCTION refuses() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.name = 'bad' THEN RAISE 'no'; END IF; RETURN NEW; END $$",
		"CREATE TRIGGER refuses BEFORE INSERT ON accounts FOR EACH ROW EXECUTE FUNCTION refuses()",
	}},
	dbmodule.MySQL: {"SIGNAL": {
		"CREATE TRIGGER refuses BEFORE INSERT ON accounts FOR EACH ROW BEGIN IF NEW.name = 'bad' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF; END",
	}},
}

// A trigger that refuses a row ends the savepoint, and not the transaction.
func TestATriggerRefusesARowInASavepoint(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		for name, trigger := range refusingTriggers[db.Engine()] {
			for _, statement := range trigger {
				_, err := db.DB().ExecContext(t.Context(), statement)
				require.NoError(t, err)
			}
			refused := func(ctx context.Context, idb bun.IDB) error {
				require.NoError(t, insert(ctx, idb, name+" before"))
				err := idb.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error { return insert(ctx, tx, "bad") })
				require.Error(t, err)
				require.NotErrorIs(t, err, dbmodule.ErrPendingRollback)
				return insert(ctx, idb, name+" after")
			}
			for range 3 { // as text, then prepared
				require.NoError(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error { return refused(ctx, s) }), name)
				assert.Equal(t, []string{name + " before", name + " after"}, names(t, db))
				require.NoError(t, db.DB().RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx) error {
					_, err := tx.NewDelete().Model((*Account)(nil)).Where("true").Exec(ctx)
					require.NoError(t, err)
					return refused(ctx, tx)
				}), name)
				_, err := db.DB().NewDelete().Model((*Account)(nil)).Where("true").Exec(t.Context())
				require.NoError(t, err)
			}
			if db.Engine() == dbmodule.SQLite {
				_, err := db.DB().ExecContext(t.Context(), "DROP TRIGGER refuses")
				require.NoError(t, err)
			}
		}
	})
}

// After RAISE(ROLLBACK) SQLite has rolled the transaction back: nothing of it is stored.
func TestATriggerRollsTheTransactionBack(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite))
	_, err := db.DB().NewCreateTable().Model((*Account)(nil)).Exec(t.Context())
	require.NoError(t, err)
	_, err = db.DB().ExecContext(t.Context(), "CREATE TRIGGER refuses BEFORE INSERT ON accounts WHEN NEW.name = 'bad' BEGIN SELECT RAISE(ROLLBACK, 'no'); END")
	require.NoError(t, err)
	fn := func(ctx context.Context, idb bun.IDB) error {
		require.NoError(t, insert(ctx, idb, "before"))
		require.Error(t, insert(ctx, idb, "bad"))
		require.ErrorIs(t, insert(ctx, idb, "after"), dbmodule.ErrPendingRollback)
		return nil
	}
	for range 3 { // as text, then prepared
		require.Error(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error { return fn(ctx, s) }))
		require.Error(t, db.DB().RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx) error { return fn(ctx, tx) }))
		assert.Empty(t, names(t, db))
	}
}
