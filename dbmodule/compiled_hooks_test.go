package dbmodule_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// renamed is an account whose hook must be called once. A zero balance is the default.
type renamed struct {
	bun.BaseModel `bun:"table:accounts"`

	ID      int64  `bun:"id,pk,autoincrement"`
	Name    string `bun:"name"`
	Balance int64  `bun:"balance,nullzero,default:7"`
}

func (r *renamed) BeforeAppendModel(context.Context, bun.Query) error {
	r.Name += "+"
	return nil
}

// Structs that are zero in different fields are written by Bun's builder, which would call
// their hooks again if it ran them.
func TestCompiledInsertCallsHooksOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		_, err := db.DB().ExecContext(t.Context(), "DROP TABLE accounts")
		require.NoError(t, err)
		_, err = db.DB().NewCreateTable().Model((*renamed)(nil)).Exec(t.Context())
		require.NoError(t, err)
		insert, err := dbmodule.CompileInsert[renamed](db.Sessions(), func(q *bun.InsertQuery) *bun.InsertQuery { return q })
		require.NoError(t, err)
		rows := []renamed{{Name: "a"}, {Name: "b", Balance: 5}, {Name: "c"}}
		require.NoError(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
			_, err := insert.ExecAll(ctx, s, &rows)
			return err
		}))
		var stored []string
		require.NoError(t, db.DB().NewSelect().Model((*renamed)(nil)).Column("name").Order("id").Scan(t.Context(), &stored))
		assert.Equal(t, []string{"a+", "b+", "c+"}, stored)
		for i, name := range stored {
			assert.Equal(t, name, rows[i].Name)
			assert.Equal(t, int64(i+1), rows[i].ID, "the key is read back")
		}
	})
}
