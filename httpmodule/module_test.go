package httpmodule_test

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

var errNotPaid = errors.New("not paid")

// application is what a user of both modules writes, modules in the wrong
// order on purpose.
func application(t *testing.T, cfg httpmodule.Config, more ...fx.Option) fx.Option {
	t.Helper()
	db := dbmodule.DefaultConfig()
	u, err := dbmodule.ParseURL("sqlite:///" + filepath.Join(t.TempDir(), "test.db"))
	require.NoError(t, err)
	db.URL = u
	return fx.Options(append([]fx.Option{
		fx.NopLogger,
		httpmodule.Module,
		httpmodule.AsRoutes(func(sessions *dbmodule.SessionFactory) httpmodule.Routes {
			return func(e *echo.Echo, _ huma.API) {
				e.GET("/one", func(c echo.Context) error {
					ctx := c.Request().Context()
					var one int
					if err := httpmodule.Session(ctx, sessions).NewSelect().ColumnExpr("1").Scan(ctx, &one); err != nil {
						return err
					}
					return c.JSON(http.StatusOK, one)
				})
			}
		}),
		httpmodule.AsRoutes(func() (httpmodule.Routes, error) {
			return func(e *echo.Echo, _ huma.API) {
				e.GET("/paid", func(echo.Context) error { return errNotPaid })
			}, nil
		}),
		httpmodule.AsErrorMappings(httpmodule.ErrorMapping{Err: errNotPaid, Status: http.StatusPaymentRequired}),
		dbmodule.Module,
		fx.Supply(cfg, db),
		fx.Supply(httpmodule.Info{Title: "App"}),
		fx.Provide(zap.NewNop),
	}, more...)...)
}

func TestModule(t *testing.T) {
	t.Parallel()
	var server *httpmodule.Server
	var db *dbmodule.Database
	app := fxtest.New(t, application(t, testConfig(), fx.Populate(&server, &db)))
	app.RequireStart()
	f := &fixture{t: t, db: db, server: server, client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	assert.Equal(t, "1", f.do(http.MethodGet, "/one", "").body)
	got := f.do(http.MethodGet, "/paid", "")
	assert.Equal(t, answer{402, got.header, `{"detail":"Payment Required"}`}, got)
	assert.Equal(t, 200, f.do(http.MethodGet, "/ready", "").status)
	app.RequireStop()
	require.Error(t, db.Ping(t.Context()), "the database closes after the server")
}

func TestModuleStopsAfterServeFailure(t *testing.T) {
	t.Parallel()
	var server *httpmodule.Server
	app := fx.New(application(t, testConfig(), fx.Populate(&server)))
	require.NoError(t, app.Start(t.Context()))
	httpmodule.BreakListener(server)
	signal := <-app.Wait()
	assert.Equal(t, 1, signal.ExitCode)
	require.ErrorContains(t, app.Stop(t.Context()), "serve on", "the failure is not lost")
}

func TestModuleFailsOnATakenPort(t *testing.T) {
	t.Parallel()
	first := serve(t, testConfig(), nil)
	cfg := testConfig()
	cfg.Port = port(t, first.server)
	var db *dbmodule.Database
	app := fx.New(application(t, cfg, fx.Populate(&db)))
	require.ErrorContains(t, app.Start(t.Context()), "set PORT")
	require.Error(t, db.Ping(context.WithoutCancel(t.Context())), "a failed start leaves nothing open")
}
