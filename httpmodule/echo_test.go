package httpmodule_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	gommon "github.com/labstack/gommon/log"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

func noContent(c echo.Context) error { return c.NoContent(http.StatusNoContent) }

// plain makes a server that is not started.
func plain(t *testing.T, db *dbmodule.Database, log *zap.Logger, routes ...func(e *echo.Echo)) (*httpmodule.Server, error) {
	t.Helper()
	var all []httpmodule.Routes
	for _, register := range routes {
		all = append(all, func(e *echo.Echo, _ huma.API) { register(e) })
	}
	return httpmodule.New(testConfig(), httpmodule.Info{}, log, db, all...)
}

func ask(server http.Handler, method, path string, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	server.ServeHTTP(w, r)
	return w
}

func TestOrdinaryGroupsAndHostsOfEcho(t *testing.T) {
	t.Parallel()
	db := openDatabase(t)
	group := func(prefix string) func(e *echo.Echo) {
		return func(e *echo.Echo) { e.Group(prefix, middleware.Secure()) }
	}
	for name, routes := range map[string][]func(e *echo.Echo){
		"a group uses twice":               {func(e *echo.Echo) { g := e.Group("/api"); g.Use(middleware.Secure()); g.Use(middleware.RequestID()) }},
		"two groups of a prefix":           {func(e *echo.Echo) { group("/api")(e); group("/api")(e) }},
		"of two constructors":              {group("/api"), group("/api")},
		"root groups of two constructors":  {group(""), group("")},
		"a group and its own 404":          {func(e *echo.Echo) { group("")(e); e.RouteNotFound("/*", noContent) }},
		"two hosts with one path":          {func(e *echo.Echo) { e.Host("a").GET("/x", noContent); e.Host("b").GET("/x", noContent) }},
		"hosts of two constructors":        {func(e *echo.Echo) { e.Host("a").GET("/x", noContent) }, func(e *echo.Echo) { e.Host("b").GET("/x", noContent) }},
		"a host's path that is ours":       {func(e *echo.Echo) { e.Host("a").GET("/health", noContent) }},
		"Any and GET":                      {func(e *echo.Echo) { e.Any("/x", noContent); e.GET("/x", noContent) }},
		"a path of ours":                   {func(e *echo.Echo) { e.GET("/docs", noContent); e.GET("/docs", noContent) }},
		"another method of a path of ours": {func(e *echo.Echo) { e.POST("/health", noContent) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := plain(t, db, nil, routes...)
			require.NoError(t, err)
		})
	}
	for says, routes := range map[string][]func(e *echo.Echo){
		"two constructors register the route RouteNotFound /*": {func(e *echo.Echo) { e.RouteNotFound("/*", noContent) }, func(e *echo.Echo) { e.RouteNotFound("/*", noContent) }},
		"two constructors register the route GET a/x":          {func(e *echo.Echo) { e.Host("a").GET("/x", noContent) }, func(e *echo.Echo) { e.Host("a").GET("/x", noContent) }},
		"two constructors register the route POST /x":          {func(e *echo.Echo) { e.Any("/x", noContent) }, func(e *echo.Echo) { e.POST("/x", noContent) }},
		"two constructors register the route GET /docs":        {func(e *echo.Echo) { e.GET("/docs", noContent) }, func(e *echo.Echo) { e.GET("/docs", noContent) }},
	} {
		_, err := plain(t, db, nil, routes...)
		require.ErrorContains(t, err, says)
	}
}

// What a failed or panicked handler did is rolled back, whatever answers.
func TestErrorHandlersDoNotCommitFailures(t *testing.T) {
	t.Parallel()
	db := openDatabase(t)
	insert := func(c echo.Context) error {
		ctx := c.Request().Context()
		_, err := httpmodule.Session(ctx, db.Sessions()).NewInsert().Model(&Item{Name: "x"}).Exec(ctx)
		return err
	}
	fail := func(c echo.Context) error { return errors.Join(insert(c), errors.New("no")) }
	explode := func(c echo.Context) error { _ = insert(c); panic("boom") }
	// swallow turns an error into a success, on purpose.
	swallow := func(tell bool) echo.MiddlewareFunc {
		return func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				if err := next(c); err != nil {
					if tell {
						httpmodule.SetRollbackOnly(c.Request().Context())
					}
					return c.JSON(http.StatusOK, "fine")
				}
				return nil
			}
		}
	}
	answerItself := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := next(c); err != nil {
				c.Error(err) // as Echo's own middleware does
			}
			return nil
		}
	}
	for name, handler := range map[string]echo.HTTPErrorHandler{
		"answers 200":     func(_ error, c echo.Context) { _ = c.JSON(http.StatusOK, "fine") },
		"answers nothing": func(error, echo.Context) {},
		"ours":            nil,
	} {
		server, err := plain(t, db, nil, func(e *echo.Echo) {
			if handler != nil {
				e.HTTPErrorHandler = handler
			}
			e.POST("/fail", fail)
			e.POST("/panic", explode)
			e.POST("/answered", fail, answerItself)
			e.POST("/recovered", explode, middleware.Recover())
			e.POST("/told", fail, swallow(true))
			e.POST("/swallowed", fail, swallow(false))
		})
		require.NoError(t, err)
		for _, path := range []string{"/fail", "/panic", "/answered", "/recovered", "/told"} {
			ask(server, http.MethodPost, path, "")
			n, err := db.DB().NewSelect().Model((*Item)(nil)).Count(t.Context())
			require.NoError(t, err)
			assert.Zero(t, n, "%s, with an error handler that %s", path, name)
		}
		ask(server, http.MethodPost, "/swallowed", "")
		res, err := db.DB().NewDelete().Model((*Item)(nil)).Where("1 = 1").Exec(t.Context())
		require.NoError(t, err)
		n, _ := res.RowsAffected()
		assert.EqualValues(t, 1, n, "nobody said that it failed")
	}
	httpmodule.SetRollbackOnly(t.Context()) // of no request: nothing to do
}

func TestHeadFollowsGet(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100_000)
	f := serve(t, testConfig(), func(*fixture) httpmodule.Routes {
		return func(e *echo.Echo, api huma.API) {
			e.GET("/long", func(c echo.Context) error { return c.String(http.StatusOK, long) })
			e.GET("/items/:id", func(c echo.Context) error { return c.String(http.StatusOK, c.Param("id")+" "+c.Request().Method) })
			e.GET("/nothing", func(echo.Context) error { return nil })
			e.GET("/empty", noContent)
			e.GET("/fails", func(echo.Context) error { return httpmodule.NewError(http.StatusTeapot, "no") })
			e.GET("/streams", func(c echo.Context) error {
				c.Response().WriteHeader(http.StatusOK)
				c.Response().Flush()
				_, err := c.Response().Write([]byte("more"))
				return err
			})
			e.GET("/own", noContent)
			e.HEAD("/own", func(c echo.Context) error { return c.NoContent(http.StatusAccepted) })
			e.POST("/post", noContent)
			huma.Get(api, "/typed", func(context.Context, *struct{}) (*textOutput, error) { return &textOutput{Body: "typed"}, nil })
		}
	})
	for path, want := range map[string]struct {
		status int
		length int64
	}{
		"/long": {200, 100_000}, "/items/7": {200, 6}, "/nothing": {200, 0}, "/empty": {204, -1}, "/fails": {418, 15},
		"/streams": {200, -1}, "/own": {202, 0}, "/typed": {200, 7}, "/post": {405, -2}, "/nowhere": {404, -2},
		"/alive": {200, 15}, "/health": {200, 15}, "/ready": {200, -2}, "/server_info": {200, -2}, "/openapi.json": {200, -2}, "/docs": {200, -2},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, f.url(path), nil)
		require.NoError(t, err)
		response, err := f.client.Do(r)
		require.NoError(t, err, path)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, want.status, response.StatusCode, path)
		switch want.length {
		case -2:
			assert.Positive(t, response.ContentLength, path)
		default:
			assert.Equal(t, max(want.length, -1), response.ContentLength, path)
		}
		w := ask(f.server, http.MethodHead, path, "")
		assert.Equal(t, want.status, w.Code, path)
		assert.Zero(t, w.Body.Len(), path)
	}
}

func TestHeadNeedsTheKeyWhereGetDoes(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.SessionAPIKey = "secret-key"
	server, err := httpmodule.New(cfg, httpmodule.Info{}, nil, openDatabase(t), func(e *echo.Echo, _ huma.API) {
		e.GET("/x", noContent)
		e.Host("a.example").GET("/health", noContent)
	})
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, ask(server, http.MethodHead, "/health", "").Code)
	assert.Equal(t, http.StatusUnauthorized, ask(server, http.MethodHead, "/x", "").Code)
	assert.Equal(t, http.StatusUnauthorized, ask(server, http.MethodGet, "http://a.example/health", "").Code, "not the server's own")
}

func TestBindTellsWhatTheClientIsTold(t *testing.T) {
	t.Parallel()
	var told error
	server, err := plain(t, openDatabase(t), nil, func(e *echo.Echo) {
		e.POST("/x", func(c echo.Context) error {
			var in struct {
				N int `json:"n"`
			}
			told = c.Bind(&in)
			return told
		})
	})
	require.NoError(t, err)
	for body, says := range map[string]string{`{"n": "a"}`: "body.n: expected int, got string", `{`: "body", ``: "body"} {
		w := ask(server, http.MethodPost, "/x", body)
		if body == "" {
			continue // Echo binds nothing then
		}
		assert.Equal(t, http.StatusUnprocessableEntity, w.Code, body)
		var he *echo.HTTPError
		require.ErrorAs(t, told, &he, body)
		assert.Equal(t, w.Code, he.Code, body)
		assert.Contains(t, he.Message, says, body)
	}
}

func TestEchosLoggerIsTheServers(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zapcore.DebugLevel)
	server, err := plain(t, openDatabase(t), zap.New(core), func(e *echo.Echo) {
		e.GET("/x", func(c echo.Context) error {
			c.Logger().Infof("hello %s", "Ann")
			c.Logger().Errorj(gommon.JSON{"n": 1})
			_, err := c.Logger().Output().Write([]byte("a line\n"))
			return err
		}, middleware.RequestID())
	})
	require.NoError(t, err)
	w := ask(server, http.MethodGet, "/x", "")
	assert.Len(t, logs.FilterMessage("hello Ann").FilterLevelExact(zapcore.InfoLevel).All(), 1)
	assert.Len(t, logs.FilterField(zap.String("n", "1")).FilterLevelExact(zapcore.ErrorLevel).All(), 1)
	assert.Len(t, logs.FilterMessage("a line").All(), 1)
	id := w.Header().Get("X-Request-Id")
	require.NotEmpty(t, id)
	assert.Len(t, logs.FilterField(zap.String("request_id", id)).FilterMessage("request").All(), 1, "one id in answer and log")
}
