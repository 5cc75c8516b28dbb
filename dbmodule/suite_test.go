package dbmodule_test

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// Account is the model of the conformance suite.
type Account struct {
	bun.BaseModel `bun:"table:accounts"`

	ID      int64  `bun:"id,pk,autoincrement"`
	Name    string `bun:"name,notnull,unique,type:varchar(100)"`
	Balance int64  `bun:"balance,notnull"`
}

// each runs fn on every engine, with a database of its own that has one empty
// table. DBMODULE_TEST_TEXT runs the suite without prepared statements.
func each(t *testing.T, fn func(t *testing.T, db *dbmodule.Database)) {
	t.Helper()
	eachWith(t, func(*dbmodule.Config) {}, fn)
}

func eachWith(t *testing.T, configure func(*dbmodule.Config), fn func(t *testing.T, db *dbmodule.Database)) {
	t.Helper()
	if os.Getenv("DBMODULE_TEST_TEXT") != "" {
		bound := configure
		configure = func(cfg *dbmodule.Config) { cfg.StatementCache = 0; bound(cfg) }
	}
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		configure(&cfg)
		db := dbtest.Open(t, cfg)
		_, err := db.DB().NewCreateTable().Model((*Account)(nil)).Exec(t.Context())
		require.NoError(t, err)
		fn(t, db)
	})
}

func insert(ctx context.Context, db bun.IDB, name string) error {
	_, err := db.NewInsert().Model(&Account{Name: name}).Exec(ctx)
	return err
}

// names lists what is stored, as somebody else sees it.
func names(t *testing.T, db *dbmodule.Database) []string {
	t.Helper()
	stored := []string{}
	s := db.Sessions().New(dbmodule.ReadOnly())
	require.NoError(t, s.NewSelect().Model((*Account)(nil)).Column("name").Order("id").Scan(t.Context(), &stored))
	require.NoError(t, s.Close())
	return stored
}
