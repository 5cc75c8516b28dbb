package httpmodule_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/httpmodule"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	db := openDatabase(t)
	get := func(path string) httpmodule.Routes {
		return func(e *echo.Echo, _ huma.API) { e.GET(path, func(echo.Context) error { return nil }) }
	}
	cases := []struct {
		name   string
		change func(*httpmodule.Config)
		routes []httpmodule.Routes
		says   []string
	}{
		{"every address without a key", func(c *httpmodule.Config) { c.Host = "0.0.0.0" }, nil, []string{"SESSION_API_KEY", "ALLOW_INSECURE=true"}},
		{"an empty host without a key", func(c *httpmodule.Config) { c.Host = "" }, nil, []string{"SESSION_API_KEY", "ALLOW_INSECURE=true"}},
		{"a name without a key", func(c *httpmodule.Config) { c.Host = "example.com" }, nil, []string{"SESSION_API_KEY"}},
		{"a port beyond the last", func(c *httpmodule.Config) { c.Port = 65536 }, nil, []string{"PORT=65536"}},
		{"a negative timeout", func(c *httpmodule.Config) { c.RequestTimeout = -1 }, nil, []string{"REQUEST_TIMEOUT"}},
		{"no time to stop", func(c *httpmodule.Config) { c.ShutdownTimeout = 0 }, nil, []string{"SHUTDOWN_TIMEOUT"}},
		{"no body", func(c *httpmodule.Config) { c.BodyLimit = 0 }, nil, []string{"BODY_LIMIT"}},
		{"an origin with a path", func(c *httpmodule.Config) { c.CORSOrigins = []string{"https://a.example/x"} }, nil, []string{"CORS_ORIGINS"}},
		{"a route twice", func(*httpmodule.Config) {}, []httpmodule.Routes{get("/x"), get("/x")}, []string{"GET /x"}},
		{"a route of its own, twice", func(*httpmodule.Config) {}, []httpmodule.Routes{get("/alive"), get("/alive")}, []string{"two constructors register the route GET /alive"}},
		{"routes that panic", func(*httpmodule.Config) {}, []httpmodule.Routes{func(*echo.Echo, huma.API) { panic("bad type") }}, []string{"bad type"}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			cfg := testConfig()
			tc.change(&cfg)
			_, err := httpmodule.New(cfg, httpmodule.Info{}, nil, db, tc.routes...)
			require.Error(t, err)
			for _, text := range tc.says {
				assert.ErrorContains(t, err, text)
			}
		})
	}
	_, err := httpmodule.New(testConfig(), httpmodule.Info{}, nil, nil)
	require.Error(t, err)

	for _, change := range []func(*httpmodule.Config){
		func(c *httpmodule.Config) { c.Host = "localhost" },
		func(c *httpmodule.Config) { c.Host = "::1" },
		func(c *httpmodule.Config) { c.Host = "0.0.0.0"; c.SessionAPIKey = "k" },
		func(c *httpmodule.Config) { c.Host = "0.0.0.0"; c.AllowInsecure = true },
	} {
		cfg := testConfig()
		change(&cfg)
		_, err := httpmodule.New(cfg, httpmodule.Info{}, nil, db)
		assert.NoError(t, err)
	}
}

func TestStartRefusesATakenPort(t *testing.T) {
	t.Parallel()
	f := serve(t, testConfig(), nil)
	cfg := testConfig()
	cfg.Port = port(t, f.server)
	second, err := httpmodule.New(cfg, httpmodule.Info{}, nil, f.db)
	require.NoError(t, err)
	err = second.Start(t.Context())
	require.ErrorContains(t, err, f.server.Addr())
	require.ErrorContains(t, err, "PORT")
	require.NoError(t, second.Stop(t.Context()), "stopping what did not start does nothing")
	require.Error(t, f.server.Start(t.Context()), "a server starts once")
}

func port(t *testing.T, s *httpmodule.Server) int {
	t.Helper()
	addr, err := net.ResolveTCPAddr("tcp", s.Addr())
	require.NoError(t, err)
	return addr.Port
}

func TestStopDrains(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.ShutdownDelay = 300 * time.Millisecond
	entered, leave := make(chan struct{}), make(chan struct{})
	f := serve(t, cfg, func(f *fixture) httpmodule.Routes {
		return func(e *echo.Echo, _ huma.API) {
			e.POST("/slow", func(c echo.Context) error {
				close(entered)
				<-leave
				ctx := c.Request().Context()
				if err := insert(ctx, httpmodule.Session(ctx, f.db.Sessions()), "slow"); err != nil {
					return err
				}
				return c.NoContent(http.StatusCreated)
			})
		}
	})
	require.Equal(t, 200, f.do(http.MethodGet, "/ready", "").status)

	var wait sync.WaitGroup
	var slow answer
	wait.Go(func() { slow = f.do(http.MethodPost, "/slow", "") })
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- f.server.Stop(t.Context()) }()
	require.Eventually(t, func() bool {
		got := f.do(http.MethodGet, "/ready", "")
		return got.status == 503 && strings.Contains(got.body, "stopping")
	}, 5*time.Second, time.Millisecond, "/ready says no before connections are refused")
	close(leave)
	require.NoError(t, <-stopped)
	wait.Wait()
	assert.Equal(t, 201, slow.status, "requests in progress end well")
	assert.Equal(t, []string{"slow"}, f.names())
	_, err := net.DialTimeout("tcp", f.server.Addr(), time.Second)
	require.Error(t, err)
}

func TestStopCutsOffAfterItsTimeout(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.ShutdownTimeout = 50 * time.Millisecond
	entered := make(chan struct{})
	var left sync.WaitGroup
	left.Add(1)
	f := serve(t, cfg, func(f *fixture) httpmodule.Routes {
		return func(e *echo.Echo, _ huma.API) {
			e.POST("/stuck", func(c echo.Context) error {
				defer left.Done()
				ctx := c.Request().Context()
				err := insert(ctx, httpmodule.Session(ctx, f.db.Sessions()), "stuck")
				close(entered)
				<-ctx.Done()
				return err
			})
		}
	})
	go func() {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url("/stuck"), nil)
		if err == nil {
			if resp, err := f.client.Do(r); err == nil {
				_ = resp.Body.Close()
			}
		}
	}()
	<-entered
	require.ErrorContains(t, f.server.Stop(t.Context()), "1 requests cut off")
	left.Wait()
	assert.Zero(t, f.db.Stats().InUse, "nothing uses the database after Stop")
	assert.Empty(t, f.names())
}

func TestServeFailureIsReported(t *testing.T) {
	t.Parallel()
	f := serve(t, testConfig(), nil)
	httpmodule.BreakListener(f.server)
	select {
	case err := <-f.server.Failed():
		require.ErrorContains(t, err, "serve on "+f.server.Addr())
	case <-time.After(10 * time.Second):
		t.Fatal("no report")
	}
	require.Error(t, f.server.Stop(t.Context()))
}

func TestHeaderLimit(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.HeaderLimit = 1 << 10
	f := serve(t, cfg, nil)
	assert.Equal(t, 431, f.do(http.MethodGet, "/alive", "", "X-Large", strings.Repeat("x", 16<<10)).status)
}

func TestAccessLog(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.SessionAPIKey = "top-secret"
	f := serve(t, cfg, func(*fixture) httpmodule.Routes {
		return func(e *echo.Echo, _ huma.API) {
			e.GET("/items/:id", func(c echo.Context) error {
				return c.JSON(http.StatusOK, httpmodule.RequestID(c.Request().Context()))
			})
		}
	})
	got := f.do(http.MethodGet, "/items/7?token=top-secret", "", "X-Session-API-Key", "top-secret", "X-Request-ID", "req.1")
	assert.Equal(t, `"req.1"`, got.body)
	assert.Equal(t, "req.1", got.header.Get("X-Request-ID"))
	f.do(http.MethodGet, "/alive", "")

	require.Eventually(t, func() bool { return len(f.logged("request")) == 2 }, 10*time.Second, 5*time.Millisecond)
	fields := f.logged("request")[0].ContextMap()
	assert.NotNil(t, fields["duration"])
	delete(fields, "duration")
	assert.Equal(t, map[string]any{
		"method": "GET", "route": "/items/:id", "path": "/items/7", "status": int64(200), "bytes": int64(7), "client": "127.0.0.1", "request_id": "req.1",
	}, fields)
	assert.Equal(t, "debug", f.logged("request")[1].Level.String(), "probes are quiet")
	for _, entry := range f.logs.All() {
		assert.NotContains(t, entry.Message, "top-secret")
		for _, value := range entry.ContextMap() {
			assert.NotContains(t, fmt.Sprint(value), "top-secret")
		}
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	f := serve(t, testConfig(), nil)
	seen := map[string]bool{}
	for _, sent := range []string{"", "with space", strings.Repeat("x", 129), "semi;colon", `quote"`} {
		id := f.do(http.MethodGet, "/alive", "", "X-Request-ID", sent).header.Get("X-Request-ID")
		assert.NotEmpty(t, id)
		assert.NotEqual(t, sent, id)
		assert.False(t, seen[id])
		seen[id] = true
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	off := serve(t, testConfig(), nil)
	got := off.do(http.MethodGet, "/alive", "", "Origin", "https://a.example")
	assert.Empty(t, got.header.Get("Access-Control-Allow-Origin"))

	cfg := testConfig()
	cfg.SessionAPIKey = "k"
	cfg.CORSOrigins = []string{"https://a.example"}
	f := serve(t, cfg, nil)
	got = f.do(http.MethodGet, "/server_info", "", "Origin", "https://a.example")
	assert.Equal(t, 401, got.status)
	assert.Equal(t, "https://a.example", got.header.Get("Access-Control-Allow-Origin"), "pages may read errors too")
	got = f.do(http.MethodGet, "/alive", "", "Origin", "https://b.example")
	assert.Empty(t, got.header.Get("Access-Control-Allow-Origin"))
	assert.Equal(t, "Origin", got.header.Get("Vary"))
	got = f.do(http.MethodOptions, "/server_info", "", "Origin", "https://a.example",
		"Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "x-session-api-key")
	assert.Equal(t, 204, got.status)
	assert.Equal(t, "x-session-api-key", got.header.Get("Access-Control-Allow-Headers"))
	assert.Contains(t, got.header.Get("Access-Control-Allow-Methods"), "PATCH")

	cfg.CORSOrigins = []string{"*"}
	all := serve(t, cfg, nil)
	assert.Equal(t, "*", all.do(http.MethodGet, "/alive", "", "Origin", "https://b.example").header.Get("Access-Control-Allow-Origin"))
}

func TestManyRequestsAtOnce(t *testing.T) {
	t.Parallel()
	f := serve(t, testConfig(), func(f *fixture) httpmodule.Routes {
		return func(e *echo.Echo, api huma.API) {
			both(e, api, "/count", func(ctx context.Context) (int, error) {
				s := httpmodule.Session(ctx, f.db.Sessions())
				if err := insert(ctx, s, httpmodule.RequestID(ctx)); err != nil {
					return 0, err
				}
				return http.StatusCreated, nil
			})
		}
	})
	var wait sync.WaitGroup
	for i := range 60 {
		wait.Go(func() {
			path := "/plain/count"
			if i%2 == 0 {
				path = "/typed/count"
			}
			resp, err := f.client.Post(f.url(path), "", nil)
			if !assert.NoError(t, err) {
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			assert.Equal(t, 201, resp.StatusCode)
		})
	}
	wait.Wait()
	assert.Len(t, f.names(), 60)
	f.idle()
}
