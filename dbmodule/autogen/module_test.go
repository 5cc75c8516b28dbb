package autogen_test

import (
	"testing"

	"github.com/uptrace/bun"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"
	"go.uber.org/zap/zaptest"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

func TestModuleCreatesTablesAtTheStart(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		cfg.Schema = dbmodule.SchemaCreate
		for range 2 { // the second start finds everything there
			var (
				db       *bun.DB
				database *dbmodule.Database
			)
			app := fxtest.New(t,
				fx.Supply(cfg, zaptest.NewLogger(t)),
				dbmodule.Models(library()[:7]...),
				dbmodule.Module,
				dbmodule.Models(library()[7:]...),
				autogen.Module,
				fx.Populate(&db, &database),
			).RequireStart()
			if n, err := db.NewSelect().Model((*bookTag)(nil)).Count(t.Context()); err != nil || n != 0 {
				t.Errorf("count = %d, %v", n, err)
			}
			if state, err := database.SchemaState(t.Context()); err != nil || !state.Ready {
				t.Errorf("state = %+v, %v", state, err)
			}
			app.RequireStop()
		}
	})
}
