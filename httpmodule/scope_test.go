package httpmodule_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/httpmodule"
)

// A server that is mounted in another one is inside what that one says of its
// requests.
func TestRequestIsInsideAnOuterScope(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Config(t, dbmodule.SQLite)
	cfg.Echo = dbmodule.EchoOn
	core, logs := observer.New(zap.InfoLevel)
	db, err := dbmodule.Open(cfg, zap.New(core))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.Connect(t.Context()))
	server, err := httpmodule.New(testConfig(), httpmodule.Info{}, nil, db, func(e *echo.Echo, _ huma.API) {
		e.GET("/x", func(c echo.Context) error {
			ctx, n := c.Request().Context(), 0
			return httpmodule.Session(ctx, db.Sessions()).NewRaw("SELECT 1").Scan(ctx, &n)
		})
	})
	require.NoError(t, err)
	var mu sync.Mutex
	var used []uint64
	ctx := dbmodule.WithSessionsUsed(dbmodule.WithLogFields(t.Context(), zap.String("tenant", "blue")), func(session uint64) {
		mu.Lock()
		defer mu.Unlock()
		used = append(used, session)
	})
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/x", nil)
	r.Header.Set("X-Request-ID", "mounted")
	server.ServeHTTP(httptest.NewRecorder(), r)

	lines := logs.FilterMessage("query").All()
	require.Len(t, lines, 1)
	fields := lines[0].ContextMap()
	assert.Equal(t, "blue", fields["tenant"])
	assert.Equal(t, "mounted", fields["request_id"])
	assert.Equal(t, []uint64{fields["session"].(uint64)}, used)
}

// What stood in the header before the handler stays when its answer is replaced,
// however much that is, and what the handler added goes.
func TestReplacedResponseKeepsTheHeaderBefore(t *testing.T) {
	t.Parallel()
	for _, before := range []int{1, 20} {
		f := serve(t, testConfig(), func(f *fixture) httpmodule.Routes {
			return func(e *echo.Echo, _ huma.API) {
				e.POST("/x", func(c echo.Context) error {
					ctx := c.Request().Context()
					if err := insertOrphan(ctx, httpmodule.Session(ctx, f.db.Sessions()), "a"); err != nil {
						return err
					}
					c.Response().Header()["Before-0"][0] = "the handler's"
					c.Response().Header()["Several"][1] = "the handler's"
					c.Response().Header()["X-Request-Id"][0] = "the handler's"
					c.Response().Header().Set("Location", "/a")
					return c.NoContent(http.StatusCreated)
				})
			}
		})
		f.server.Instrument(httpmodule.Instrument{Middleware: func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				c.Response().Header()["Several"] = []string{"a", "b"}
				for i := range before {
					c.Response().Header().Set(fmt.Sprint("Before-", i), fmt.Sprint(i))
				}
				return next(c)
			}
		}})
		got := f.do(http.MethodPost, "/x", "", "X-Request-ID", "mine")
		assert.Equal(t, http.StatusConflict, got.status)
		assert.Empty(t, got.header.Get("Location"))
		assert.Equal(t, "mine", got.header.Get("X-Request-ID"))
		assert.Equal(t, []string{"a", "b"}, got.header["Several"])
		for i := range before {
			assert.Equal(t, fmt.Sprint(i), got.header.Get(fmt.Sprint("Before-", i)))
		}
	}
}
