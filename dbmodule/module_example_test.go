package dbmodule_test

import (
	"context"
	"fmt"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
)

// Module calls New: an application only adds it, and settings.
func ExampleNew() {
	cfg := dbmodule.DefaultConfig()
	var err error
	if cfg.URL, err = dbmodule.ParseURL("sqlite://"); err != nil {
		fmt.Println(err)
		return
	}
	app := fx.New(fx.NopLogger, dbmodule.Module, autogen.Module, dbmodule.Models((*Song)(nil)),
		fx.Supply(cfg, zap.NewNop()),
		fx.Invoke(func(lc fx.Lifecycle, sessions *dbmodule.SessionFactory) {
			lc.Append(fx.StartHook(func(ctx context.Context) error {
				return sessions.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
					_, err := s.NewInsert().Model(&Song{Title: "Perfect Day"}).Exec(ctx)
					return err
				})
			}))
		}))
	ctx := context.Background()
	fmt.Println(app.Start(ctx), app.Stop(ctx))
	// Output: <nil> <nil>
}

// The second database has a name, by which constructors ask for it.
func ExampleNamed() {
	url, err := dbmodule.ParseURL("sqlite://")
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg := dbmodule.DefaultConfig()
	cfg.URL = url
	type databases struct {
		fx.In

		Main    *dbmodule.Database
		Archive *dbmodule.Database `name:"archive"`
	}
	app := fx.New(fx.NopLogger, autogen.Module,
		dbmodule.Module, fx.Supply(cfg, zap.NewNop()),
		dbmodule.Named("archive"), dbmodule.NamedConfig("archive", cfg), dbmodule.NamedModels("archive", (*Song)(nil)),
		fx.Invoke(func(d databases) { fmt.Println(len(d.Main.Models()), len(d.Archive.Models())) }))
	ctx := context.Background()
	fmt.Println(app.Start(ctx), app.Stop(ctx))
	// Output:
	// 0 1
	// <nil> <nil>
}
