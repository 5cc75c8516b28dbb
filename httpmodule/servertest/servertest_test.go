package servertest

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/danielgtaylor/huma/v2"
	"github.com/uptrace/bun"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/httpmodule"
)

type note struct {
	ID   int64  `bun:",pk,autoincrement"`
	Text string `bun:",notnull"`
}

func routes(sessions *dbmodule.SessionFactory) httpmodule.Routes {
	return func(e *echo.Echo, _ huma.API) {
		e.POST("/notes/:text", func(c echo.Context) error {
			ctx := c.Request().Context()
			if _, err := httpmodule.Session(ctx, sessions).NewInsert().Model(&note{Text: c.Param("text")}).Exec(ctx); err != nil {
				return err
			}
			return c.NoContent(http.StatusCreated)
		})
	}
}

func TestStart(t *testing.T) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			var address string
			t.Run("running", func(t *testing.T) {
				cfg := dbtest.NewConfig(t, engine, dbtest.WithModels((*note)(nil)))
				app := Start(t, cfg, dbmodule.Models((*note)(nil)), httpmodule.AsRoutes(routes))
				res, err := http.Post(app.URL+"/notes/milk", "", nil)
				require.NoError(t, err)
				require.NoError(t, res.Body.Close())
				assert.Equal(t, http.StatusCreated, res.StatusCode)
				var notes []note
				require.NoError(t, app.Database.DB().NewSelect().Model(&notes).Scan(t.Context()))
				assert.Equal(t, []note{{ID: 1, Text: "milk"}}, notes)
				address = strings.TrimPrefix(app.URL, "http://")
			})
			_, err := net.Dial("tcp", address)
			require.Error(t, err, "it has stopped with its test")
		})
	}
}

// A test that fails shows its own lines: of fx's it sees those that tell what is wrong.
func TestFxTellsOfFailuresOnly(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.DebugLevel)
	events := eventsOfFx(zap.New(core))
	events.LogEvent(&fxevent.Provided{ConstructorName: "New", OutputTypeNames: []string{"*Book"}})
	events.LogEvent(&fxevent.Started{})
	assert.Empty(t, logs.All())
	events.LogEvent(&fxevent.Started{Err: errors.New("no database")})
	assert.Len(t, logs.All(), 1)
}

// A second database has its tables, as the first has.
func TestSecondDatabase(t *testing.T) {
	t.Parallel()
	type archived struct {
		bun.BaseModel `bun:"table:archived"`

		ID   int64  `bun:",pk,autoincrement"`
		What string `bun:",notnull"`
	}
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			var archive *dbmodule.Database
			app := Start(t, dbtest.NewConfig(t, engine, dbtest.WithModels((*note)(nil))),
				dbmodule.Models((*note)(nil)), dbmodule.Named("archive"), dbmodule.NamedModels("archive", (*archived)(nil)),
				dbmodule.NamedConfig("archive", dbtest.NewConfig(t, engine, dbtest.WithModels((*archived)(nil)))),
				fx.Invoke(fx.Annotate(func(db *dbmodule.Database) { archive = db }, fx.ParamTags(`name:"archive"`))))
			_, err := app.Database.DB().NewInsert().Model(&note{Text: "milk"}).Exec(t.Context())
			require.NoError(t, err)
			_, err = archive.DB().NewInsert().Model(&archived{What: "milk"}).Exec(t.Context())
			require.NoError(t, err)
			_, err = archive.DB().NewInsert().Model(&note{Text: "milk"}).Exec(t.Context())
			require.Error(t, err, "it has its own tables only")
		})
	}
}
