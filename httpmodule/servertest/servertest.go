// Package servertest runs an fx application for a test: on a database from package
// dbtest and on a free port, until the test ends.
//
//	cfg := dbtest.NewConfig(t, dbmodule.SQLite, dbtest.WithRevisions(shop.Revisions()))
//	app := servertest.Start(t, cfg, shop.Module)
//	res, err := http.Get(app.URL + "/books")
package servertest

import (
	"testing"

	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"
	"go.uber.org/fx/fxtest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

// App is a running application. Its fields are safe for concurrent use.
type App struct {
	// URL is the address of the server, such as "http://127.0.0.1:41234", without a
	// slash at the end.
	URL string
	// Database is the application's database: a statement on it sees what a request has
	// stored. The application closes it.
	Database *dbmodule.Database
	// Server is the application's server.
	Server *httpmodule.Server
}

// Start starts an application on the database of cfg, waits until it listens, and
// stops it when t ends. If the start or the stop fails, it fails t.
//
// opts are the application's models, routes and revisions. Start adds dbmodule.Module,
// httpmodule.Module, cfg, an httpmodule.Config and a *zap.Logger, so opts must not
// provide these, but may decorate them. The httpmodule.Config has the default settings
// and a free port of 127.0.0.1. The log is written to t.
func Start(t testing.TB, cfg dbmodule.Config, opts ...fx.Option) *App {
	t.Helper()
	web := httpmodule.DefaultConfig()
	web.Host, web.Port = "127.0.0.1", 0
	app := &App{}
	running := fxtest.New(t,
		fx.WithLogger(eventsOfFx),
		dbmodule.Module, httpmodule.Module,
		fx.Supply(cfg, web), fx.Provide(func() *zap.Logger { return zaptest.NewLogger(t) }),
		fx.Options(opts...),
		fx.Populate(&app.Database, &app.Server),
	)
	running.RequireStart()
	t.Cleanup(func() { running.RequireStop() })
	app.URL = "http://" + app.Server.Addr()
	return app
}

// eventsOfFx logs only fx's errors. Otherwise the output of a failing test would begin with 70 lines
// about constructors.
func eventsOfFx(log *zap.Logger) fxevent.Logger {
	return &fxevent.ZapLogger{Logger: log.WithOptions(zap.IncreaseLevel(zap.ErrorLevel))}
}
