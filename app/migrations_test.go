package app_test

import (
	"context"
	"testing"

	"github.com/openhands-go/server/app"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/migrations"
)

// The server's revisions lead to what its models say, on every engine, and
// leave nothing when they are taken back.
func TestRevisionsLeadToTheModels(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		db := dbtest.Open(t, cfg, dbmodule.WithModels(app.Models()...), dbmodule.WithTables(autogen.NewTables()))
		m, err := migrate.New([]migrate.Source{migrations.Source()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Upgrade(t.Context(), db, "heads"); err != nil {
			t.Fatal(err)
		}
		differences := func(ctx context.Context) int {
			conn, err := db.DB().Conn(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			changes, err := autogen.Diff(ctx, conn, app.Models()...)
			if err != nil {
				t.Fatal(err)
			}
			return len(changes)
		}
		if n := differences(t.Context()); n != 0 {
			t.Errorf("%d differences between the revisions and the models", n)
		}
		if _, err := m.Downgrade(t.Context(), db, "base"); err != nil {
			t.Fatal(err)
		}
		var left []string
		if err := db.DB().NewRaw("SELECT version_num FROM alembic_version").Scan(t.Context(), &left); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
		if state, err := db.SchemaState(t.Context()); err != nil || len(state.Missing) != len(app.Models()) {
			t.Errorf("%+v, %v", state, err)
		}
	})
}
