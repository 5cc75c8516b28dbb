package autogen_test

import (
	"testing"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// database is an empty database and what its tests need of it.
type database struct {
	engine dbmodule.Engine
	db     *bun.DB
	// whole is what runs revisions.
	whole *dbmodule.Database
	// again opens the same database as another process would.
	again func() *bun.DB
}

// each runs fn on an empty database of every engine. models are registered
// with Bun, and their tables are not created.
func each(t *testing.T, models []any, fn func(t *testing.T, d database)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		open := func() *dbmodule.Database { return dbtest.Open(t, cfg, dbmodule.WithModels(models...)) }
		whole := open()
		fn(t, database{engine: cfg.URL.Engine(), db: whole.DB(), whole: whole, again: func() *bun.DB { return open().DB() }})
	})
}
