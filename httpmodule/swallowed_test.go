package httpmodule_test

import (
	"net/http"
	"testing"
	"testing/fstest"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/httpmodule"
)

// A route that failed is rolled back also if middleware of e.Use or e.Pre answers with a success, as some of
// Echo's and of net/http's does.
func TestErrorsThatMiddlewareAnswersAreRolledBack(t *testing.T) {
	t.Parallel()
	answers := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if next(c) != nil {
				return c.String(http.StatusOK, "sorry")
			}
			return nil
		}
	}
	recovers := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) (err error) {
			defer func() {
				if recover() != nil {
					err = c.String(http.StatusOK, "sorry")
				}
			}()
			return next(c)
		}
	}
	page := middleware.StaticWithConfig(middleware.StaticConfig{
		HTML5: true, Filesystem: http.FS(fstest.MapFS{"index.html": {Data: []byte("<p>page")}}),
	})
	inTime := echo.WrapMiddleware(func(next http.Handler) http.Handler { return http.TimeoutHandler(next, time.Hour, "late") })
	for name, one := range map[string]struct {
		middleware echo.MiddlewareFunc
		end        func() error
	}{
		"a page for what is not found": {page, func() error { return echo.ErrNotFound }},
		"net/http's TimeoutHandler":    {inTime, func() error { return echo.ErrTeapot }},
		"one that answers":             {answers, func() error { return echo.ErrTeapot }},
		"one that recovers":            {recovers, func() error { panic("boom") }},
	} {
		for how, add := range map[string]func(e *echo.Echo, m echo.MiddlewareFunc){
			"e.Use": func(e *echo.Echo, m echo.MiddlewareFunc) { e.Use(m) },
			"e.Pre": func(e *echo.Echo, m echo.MiddlewareFunc) { e.Pre(m) },
		} {
			db := openDatabase(t)
			server, err := plain(t, db, nil, func(e *echo.Echo) {
				add(e, one.middleware)
				handler := func(end func() error) echo.HandlerFunc {
					return func(c echo.Context) error {
						ctx := c.Request().Context()
						if err := insert(ctx, httpmodule.Session(ctx, db.Sessions()), c.Path()); err != nil {
							return err
						}
						return end()
					}
				}
				e.POST("/fails", handler(one.end))
				e.POST("/works", handler(func() error { return nil }))
			})
			require.NoError(t, err)
			failed := ask(server, http.MethodPost, "/fails", "").Code
			assert.Equal(t, http.StatusOK, ask(server, http.MethodPost, "/works", "").Code, "%s: %s", how, name)
			var stored []string
			require.NoError(t, db.DB().NewSelect().Model((*Item)(nil)).Column("name").Scan(t.Context(), &stored))
			assert.Equal(t, []string{"/works"}, stored, "%s: %s answered the failure with %d", how, name, failed)
			if how == "e.Use" {
				assert.Equal(t, http.StatusOK, failed, name)
			}
		}
	}
}
