package httpmodule_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/httpmodule"
)

// Middleware of e.Pre is a part of the request: session, recovery, id and log.
func TestMiddlewareBeforeRouting(t *testing.T) {
	t.Parallel()
	f := serve(t, testConfig(), func(f *fixture) httpmodule.Routes {
		return func(e *echo.Echo, _ huma.API) {
			e.Pre(middleware.Rewrite(map[string]string{"/old/*": "/items/$1"}), middleware.MethodOverride(),
				func(next echo.HandlerFunc) echo.HandlerFunc {
					return func(c echo.Context) error {
						ctx := c.Request().Context()
						if c.Request().Method == http.MethodPost {
							if err := insert(ctx, httpmodule.Session(ctx, f.db.Sessions()), "before "+c.Request().URL.Path); err != nil {
								return err
							}
						}
						switch c.QueryParam("pre") {
						case "fails":
							return httpmodule.NewError(http.StatusTeapot, "no")
						case "panics":
							panic("boom")
						case "answers":
							return c.String(http.StatusAccepted, "early")
						}
						return next(c)
					}
				})
			e.POST("/items/:name", func(c echo.Context) error {
				ctx := c.Request().Context()
				if err := insert(ctx, httpmodule.Session(ctx, f.db.Sessions()), c.Param("name")); err != nil {
					return err
				}
				if c.QueryParam("fails") != "" {
					return errors.New("no")
				}
				return c.NoContent(http.StatusCreated)
			})
			e.DELETE("/items/:name", func(c echo.Context) error { return c.String(200, "deleted") })
		}
	})
	for _, c := range []struct {
		path   string
		want   int
		stored []string
	}{
		{"/items/a?fails=1", 500, nil},
		{"/items/a?pre=fails", 418, nil},
		{"/items/a?pre=panics", 500, nil},
		{"/nowhere", 404, nil},
		{"/items/a?pre=answers", 202, []string{"before /items/a"}},
		{"/old/b", 201, []string{"before /items/a", "before /items/b", "b"}},
	} {
		before := len(f.logged("request"))
		a := f.do(http.MethodPost, c.path, "")
		assert.Equal(t, c.want, a.status, c.path)
		assert.NotEmpty(t, a.header.Get("X-Request-Id"), c.path)
		f.idle()
		assert.Len(t, f.logged("request"), before+1, c.path)
		if c.stored == nil {
			assert.Empty(t, f.names(), c.path)
		} else {
			assert.Equal(t, c.stored, f.names(), c.path)
		}
	}
	assert.Equal(t, "deleted", f.do(http.MethodPost, "/items/a", "", echo.HeaderXHTTPMethodOverride, "DELETE").body)

	w := httptest.NewRecorder()
	f.server.Echo().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/items/c", nil))
	assert.Equal(t, http.StatusCreated, w.Code, "the router alone")
	assert.Contains(t, f.names(), "c")
}

// CORS middleware of the program's own decides what pages may write.
func TestOwnCORSMiddleware(t *testing.T) {
	t.Parallel()
	allow := middleware.CORSWithConfig(middleware.CORSConfig{AllowOrigins: []string{"https://good.example"}, AllowCredentials: true})
	for name, add := range map[string]func(e *echo.Echo){
		"e.Use": func(e *echo.Echo) { e.Use(allow) },
		"e.Pre": func(e *echo.Echo) { e.Pre(allow) },
	} {
		for _, key := range []string{"", "the-key"} {
			cfg := testConfig()
			cfg.SessionAPIKey = httpmodule.Secret(key)
			server, err := httpmodule.New(cfg, httpmodule.Info{}, nil, openDatabase(t), func(e *echo.Echo, _ huma.API) {
				add(e)
				e.POST("/x", noContent)
				e.OPTIONS("/x", noContent)
			})
			require.NoError(t, err)
			send := func(method, origin string, header ...string) *httptest.ResponseRecorder {
				r := httptest.NewRequest(method, "http://server.example/x", strings.NewReader("{}"))
				r.Header.Set("Origin", origin)
				r.Header.Set("Sec-Fetch-Site", "cross-site")
				for i := 0; i < len(header); i += 2 {
					r.Header.Set(header[i], header[i+1])
				}
				w := httptest.NewRecorder()
				server.ServeHTTP(w, r)
				return w
			}
			asks := []string{"Access-Control-Request-Method", "POST"}
			w := send(http.MethodOptions, "https://good.example", asks...)
			assert.Equal(t, 204, w.Code, "%s, key %q", name, key)
			assert.Equal(t, "https://good.example", w.Header().Get("Access-Control-Allow-Origin"), name)
			assert.Equal(t, 204, send(http.MethodPost, "https://good.example", "X-Session-API-Key", key).Code, "%s, key %q", name, key)
			assert.Equal(t, 403, send(http.MethodPost, "https://evil.example", "X-Session-API-Key", key).Code, "%s, key %q", name, key)
			if key != "" {
				assert.Equal(t, 401, send(http.MethodPost, "https://good.example").Code, name)
				if name == "e.Use" {
					assert.Equal(t, 401, send(http.MethodOptions, "https://good.example").Code, "no preflight")
				}
			}
		}
	}
	// Without such middleware a preflight reaches no handler.
	cfg := testConfig()
	cfg.SessionAPIKey = "the-key"
	server, err := httpmodule.New(cfg, httpmodule.Info{}, nil, openDatabase(t), func(e *echo.Echo, _ huma.API) { e.OPTIONS("/x", noContent) })
	require.NoError(t, err)
	r := httptest.NewRequest(http.MethodOptions, "/x", nil)
	r.Header.Set("Origin", "https://good.example")
	r.Header.Set("Access-Control-Request-Method", "POST")
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	assert.Equal(t, 401, w.Code)
}

func TestOwnRoutesCanBeReplaced(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.SessionAPIKey = "the-key"
	mine := func(c echo.Context) error { return c.String(200, "mine") }
	server, err := httpmodule.New(cfg, httpmodule.Info{}, nil, openDatabase(t), func(e *echo.Echo, api huma.API) {
		httpmodule.WithoutKey(api, e.GET("/docs", mine))
		e.GET("/health", mine)
		e.POST("/health", mine)
		huma.Register(api, huma.Operation{Method: http.MethodGet, Path: "/alive", OperationID: "mine", Security: []map[string][]string{}},
			func(context.Context, *struct{}) (*textOutput, error) { return &textOutput{Body: "mine"}, nil })
	})
	require.NoError(t, err)
	for path, want := range map[string]int{"/docs": 200, "/health": 401, "/alive": 200, "/ready": 200, "/docs/swagger-ui.css": 200} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			assert.Equal(t, want, ask(server, method, path, "").Code, "%s %s", method, path)
		}
	}
	assert.Equal(t, "mine", ask(server, http.MethodGet, "/docs", "").Body.String())
	assert.Contains(t, ask(server, http.MethodGet, "/alive", "").Body.String(), "mine")

	var document struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
		} `json:"paths"`
	}
	text, err := server.OpenAPI()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &document))
	assert.NotContains(t, document.Paths, "/health", "a plain route's replacement is in no document")
	assert.Equal(t, "mine", document.Paths["/alive"]["get"].OperationID)
	assert.Contains(t, document.Paths, "/ready")
}

// A page can set no header when it opens a websocket.
func TestWebSocketsOfPages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, key, query, origin string
		upgrade                  bool
		want                     int
	}{
		{"the key", "k", "?session_api_key=k&a=b", "http://server.example", true, 200},
		{"another key", "k", "?session_api_key=x", "http://server.example", true, 401},
		{"no key", "k", "", "http://server.example", true, 401},
		{"no websocket", "k", "?session_api_key=k", "http://server.example", false, 401},
		{"a page of another origin", "", "", "http://evil.example", true, 403},
		{"a page of an allowed origin", "", "", "https://good.example", true, 200},
		{"no page", "", "", "", true, 200},
	} {
		cfg := testConfig()
		cfg.SessionAPIKey, cfg.CORSOrigins = httpmodule.Secret(c.key), []string{"https://good.example"}
		server, err := httpmodule.New(cfg, httpmodule.Info{}, nil, openDatabase(t), func(e *echo.Echo, _ huma.API) {
			e.GET("/socket", func(c echo.Context) error { return c.String(200, c.Request().URL.String()+" "+c.Request().RequestURI) })
		})
		require.NoError(t, err)
		r := httptest.NewRequest(http.MethodGet, "http://server.example/socket"+c.query, nil)
		if c.upgrade {
			r.Header.Set("Connection", "Upgrade")
			r.Header.Set("Upgrade", "websocket")
		}
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		assert.Equal(t, c.want, w.Code, c.name)
		assert.NotContains(t, w.Body.String(), "session_api_key", "the URL has no key")
	}
}
