package httpmodule_test

import (
	"net/http"
	"net/http/httptest"
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

// A handler that fails after its answer has stored what it did, also if middleware still held that answer back,
// unless the answer is lost with the failure: then the client is told of the failure.
func TestClientIsToldWhatIsStored(t *testing.T) {
	t.Parallel()
	inTime := echo.WrapMiddleware(func(next http.Handler) http.Handler { return http.TimeoutHandler(next, time.Hour, "late") })
	all := map[string][]echo.MiddlewareFunc{
		"none":                       nil,
		"gzip":                       {middleware.Gzip()},
		"gzip around recover":        {middleware.Gzip(), middleware.Recover()},
		"recover around gzip":        {middleware.Recover(), middleware.Gzip()},
		"Echo's Timeout":             {middleware.TimeoutWithConfig(middleware.TimeoutConfig{Timeout: time.Hour})}, //nolint:staticcheck // programs have it
		"net/http's TimeoutHandler":  {inTime},
		"TimeoutHandler and recover": {inTime, middleware.Recover()},
	}
	ends := map[string]func(c echo.Context) error{
		"answers":                   noContent,
		"panics":                    func(echo.Context) error { panic("boom") },
		"panics after its answer":   func(c echo.Context) error { _ = c.String(http.StatusOK, "done"); panic("boom") },
		"fails after its answer":    func(c echo.Context) error { _ = c.String(http.StatusOK, "done"); return echo.ErrTeapot },
		"panics where none flushes": func(c echo.Context) error { _ = c.String(http.StatusOK, "done"); c.Response().Flush(); panic("boom") },
	}
	for name, use := range all {
		for how, add := range map[string]func(e *echo.Echo, h echo.HandlerFunc){
			"e.Use":   func(e *echo.Echo, h echo.HandlerFunc) { e.Use(use...); e.POST("/x", h) },
			"a route": func(e *echo.Echo, h echo.HandlerFunc) { e.POST("/x", h, use...) },
		} {
			for what, end := range ends {
				t.Run(name+"/"+how+"/"+what, func(t *testing.T) {
					t.Parallel()
					db := openDatabase(t)
					server, err := plain(t, db, nil, func(e *echo.Echo) {
						add(e, func(c echo.Context) error {
							ctx := c.Request().Context()
							if err := insert(ctx, httpmodule.Session(ctx, db.Sessions()), "a"); err != nil {
								return err
							}
							return end(c)
						})
					})
					require.NoError(t, err)
					r := httptest.NewRequest(http.MethodPost, "/x", nil)
					r.Header.Set("Accept-Encoding", "gzip")
					w := httptest.NewRecorder()
					server.ServeHTTP(w, r)
					n, err := db.DB().NewSelect().Model((*Item)(nil)).Count(t.Context())
					require.NoError(t, err)
					assert.Equal(t, w.Code < 400, n == 1, "answered %d %s, %d stored", w.Code, w.Body, n)
				})
			}
		}
	}
}
