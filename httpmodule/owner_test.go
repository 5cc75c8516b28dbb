package httpmodule_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/httpmodule"
)

// Whoever finds the pool full learns which request to look for in the log.
func TestAFullPoolNamesTheRequest(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		cfg.PoolSize, cfg.MaxOverflow, cfg.PoolTimeout = 1, 0, 200*time.Millisecond
		held, release := make(chan struct{}), make(chan struct{})
		f := serveOn(t, openOn(t, cfg), testConfig(), func(f *fixture) httpmodule.Routes {
			return func(e *echo.Echo, _ huma.API) {
				e.POST("/:how", func(c echo.Context) error {
					ctx := c.Request().Context()
					if _, err := httpmodule.Session(ctx, f.db.Sessions()).NewInsert().Model(&Item{Name: c.Param("how")}).Exec(ctx); err != nil {
						return err
					}
					close(held)
					<-release
					return c.NoContent(http.StatusNoContent)
				})
			}
		})
		first := make(chan answer, 1)
		go func() { first <- f.do(http.MethodPost, "/holder", "", "X-Request-ID", "the-first") }()
		<-held
		assert.Equal(t, http.StatusServiceUnavailable, f.do(http.MethodPost, "/late", "").status)
		close(release)
		require.Equal(t, http.StatusNoContent, (<-first).status)
		failed := f.logs.FilterMessage("request failed").All()
		require.Len(t, failed, 1)
		assert.Contains(t, failed[0].ContextMap()["error"], "of the request the-first to POST /holder")
	})
}
