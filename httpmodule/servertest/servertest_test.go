package servertest_test

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/httpmodule/servertest"
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
				app := servertest.Start(t, cfg, dbmodule.Models((*note)(nil)), httpmodule.AsRoutes(routes))
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
