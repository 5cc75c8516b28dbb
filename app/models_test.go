package app_test

import (
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/app"
	"github.com/openhands-go/server/dbmodule"
)

// The db commands compare the same models that the server's features register,
// and a database that was upgraded is what tables made from the models are.
func TestDatabaseCommandsKnowAllModels(t *testing.T) {
	t.Parallel()
	cfg := app.Server().DefaultConfig()
	if err := cfg.Database.URL.UnmarshalText([]byte("sqlite:///" + filepath.Join(t.TempDir(), "test.db"))); err != nil {
		t.Fatal(err)
	}
	var db *dbmodule.Database
	application := fx.New(fx.NopLogger, app.Server().Module(cfg), fx.Supply(zap.NewNop()), fx.Populate(&db))
	if err := application.Err(); err != nil {
		t.Fatal(err)
	}
	types := func(models []any) []string {
		var names []string
		for _, model := range models {
			names = append(names, reflect.TypeOf(model).String())
		}
		slices.Sort(names)
		return names
	}
	if got, want := types(app.Models()), types(db.Models()); !slices.Equal(got, want) {
		t.Errorf("the commands know %v, the server %v", got, want)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}
