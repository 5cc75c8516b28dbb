package httpmodule_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/sse"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/httpmodule"
)

type bytesOutput struct{ Body int }

func countTyped(_ context.Context, in *struct{ RawBody []byte }) (*bytesOutput, error) {
	return &bytesOutput{len(in.RawBody)}, nil
}

func countPlain(c echo.Context) error {
	body, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return err
	}
	return c.JSON(200, len(body))
}

func TestBodyLimitOfARoute(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.BodyLimit = 10
	f := serve(t, cfg, func(*fixture) httpmodule.Routes {
		return func(e *echo.Echo, api huma.API) {
			large, small := httpmodule.Limits{BodyLimit: 20}, httpmodule.Limits{BodyLimit: 5}
			large.Route(api, e.POST("/plain/large/:id", countPlain))
			small.Route(api, e.Group("/plain").POST("/small", countPlain))
			large.Route(api, e.Host("files.test").POST("/plain", countPlain))
			httpmodule.Limits{BodyLimit: httpmodule.NoLimit}.Route(api, e.POST("/plain/any", countPlain))
			e.POST("/plain", countPlain)

			v1 := huma.NewGroup(api, "/typed")
			huma.Post(v1, "/large/{id}", countTyped, large.Operation)
			huma.Post(v1, "/small", countTyped, small.Operation)
			huma.Post(api, "/typed/huma", countTyped, func(op *huma.Operation) { op.MaxBodyBytes = 20 })
			huma.Post(v1, "", countTyped)
			huma.Post(v1, "/larger", countTyped, httpmodule.Limits{BodyLimit: 2 << 20}.Operation)
			large.Route(v1, e.PUT("/of/a/group", countPlain))
		}
	})
	for _, c := range []struct {
		method, path, host string
		takes              int
	}{
		{"POST", "/plain", "", 10},
		{"POST", "/plain/large/1", "", 20},
		{"POST", "/plain/small", "", 5},
		{"POST", "/plain", "files.test", 20},
		{"POST", "/typed", "", 10},
		{"POST", "/typed/large/1", "", 20},
		{"POST", "/typed/small", "", 5},
		{"POST", "/typed/huma", "", 20},
		{"PUT", "/of/a/group", "", 20},
	} {
		send := func(body io.Reader) int {
			r, err := http.NewRequestWithContext(t.Context(), c.method, f.url(c.path), body)
			require.NoError(t, err)
			if c.host != "" {
				r.Host = c.host
			}
			return f.send(r).status
		}
		within, beyond := strings.Repeat("x", c.takes), strings.Repeat("x", c.takes+1)
		assert.Equal(t, 200, send(strings.NewReader(within)), "%s of %s", c.path, c.host)
		assert.Equal(t, 413, send(strings.NewReader(beyond)), "%s of %s", c.path, c.host)
		assert.Equal(t, 413, send(io.MultiReader(strings.NewReader(beyond))), "%s of %s, without a length", c.path, c.host)
	}
	for _, path := range []string{"/plain/any", "/typed/larger"} {
		assert.Equal(t, 200, f.do("POST", path, strings.Repeat("x", 1<<20)).status, path)
	}
}

func TestTimesOfARoute(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.RequestTimeout, cfg.WriteTimeout = 150*time.Millisecond, 300*time.Millisecond
	// slow answers after both limits of the server, unless its context ends before.
	slow := func(ctx context.Context) error {
		timer := time.NewTimer(450 * time.Millisecond)
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	plain := func(c echo.Context) error {
		if err := slow(c.Request().Context()); err != nil {
			return err
		}
		return c.String(200, "done")
	}
	typed := func(ctx context.Context, _ *struct{}) (*bytesOutput, error) { return &bytesOutput{1}, slow(ctx) }
	f := serve(t, cfg, func(*fixture) httpmodule.Routes {
		return func(e *echo.Echo, api huma.API) {
			short := httpmodule.Limits{RequestTimeout: time.Millisecond}
			longer := httpmodule.Limits{RequestTimeout: time.Minute, WriteTimeout: time.Minute}
			e.GET("/plain", plain)
			short.Route(api, e.GET("/plain/short", plain))
			longer.Route(api, e.GET("/plain/longer", plain))
			httpmodule.DownloadLimits().Route(api, e.GET("/plain/download", plain))
			httpmodule.Limits{RequestTimeout: httpmodule.NoLimit}.Route(api, e.GET("/plain/unwritten", plain))
			huma.Get(api, "/typed", typed)
			huma.Get(api, "/typed/longer", typed, longer.Operation)
			huma.Get(api, "/typed/stream", typed, httpmodule.StreamLimits().Operation)
		}
	})
	for path, want := range map[string]int{
		"/plain": 504, "/plain/short": 504, "/plain/longer": 200, "/plain/download": 200,
		"/plain/unwritten": 0, // WRITE_TIMEOUT holds
		"/typed":           504, "/typed/longer": 200, "/typed/stream": 200,
	} {
		assert.Equal(t, want, f.try(t.Context(), http.MethodGet, path), path)
	}
	assert.Equal(t, 200, f.try(t.Context(), http.MethodHead, "/plain/longer"), "HEAD has the limits of GET")
	assert.Equal(t, 504, f.try(t.Context(), http.MethodGet, "/plain"), "a route's limits end with its request")
}

// A stream outlives the server's times and ends when the server stops, at once and in
// order.
func TestStreamsEndAtAStop(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.RequestTimeout, cfg.WriteTimeout, cfg.ShutdownTimeout = 50*time.Millisecond, 100*time.Millisecond, time.Minute
	causes := make(chan error, 3)
	type tick struct {
		N int `json:"n"`
	}
	f := serve(t, cfg, func(*fixture) httpmodule.Routes {
		return func(e *echo.Echo, api huma.API) {
			httpmodule.StreamLimits().Route(api, e.GET("/plain", func(c echo.Context) error {
				c.Response().Flush()
				ctx := c.Request().Context()
				return ticking(ctx, causes, func(int) error {
					_, err := io.WriteString(c.Response(), "data: 1\n\n")
					c.Response().Flush()
					return err
				})
			}))
			sse.Register(api, huma.Operation{Method: http.MethodGet, Path: "/typed"}, map[string]any{"tick": tick{}},
				func(ctx context.Context, _ *struct{}, send sse.Sender) {
					_ = ticking(ctx, causes, func(n int) error { return send.Data(tick{n}) })
				})
			httpmodule.StreamLimits().Route(api, e.GET("/socket", func(c echo.Context) error {
				conn, _, err := c.Response().Hijack()
				if err != nil {
					return err
				}
				err = ticking(c.Request().Context(), causes, func(int) error {
					_, err := io.WriteString(conn, "data: 1\n\n")
					return err
				})
				_ = conn.Close()
				return err
			}))
		}
	})
	bodies := make(chan error, 3)
	lived := make(chan struct{}, 3)
	for _, path := range []string{"/plain", "/typed", "/socket"} {
		go func() { bodies <- follow(f, path, 300*time.Millisecond, lived) }()
	}
	for range 3 {
		select {
		case <-lived:
		case err := <-bodies:
			require.NoError(t, err, "ended before the server's stop")
		}
	}
	began := time.Now()
	require.NoError(t, f.server.Stop(t.Context()))
	assert.Less(t, time.Since(began), 20*time.Second, "of a minute that requests have")
	for range 3 {
		require.ErrorIs(t, <-causes, httpmodule.ErrStopping)
		require.NoError(t, <-bodies, "the responses end in order")
	}
	assert.Empty(t, f.logged("request failed"))
}

// ticking sends until the context ends.
func ticking(ctx context.Context, causes chan<- error, send func(n int) error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			causes <- context.Cause(ctx)
			return ctx.Err()
		case <-tick.C:
		}
		if err := send(n); err != nil {
			return err
		}
	}
}

// follow reads a stream to its end, and says so on lived once it is old.
func follow(f *fixture, path string, old time.Duration, lived chan<- struct{}) error {
	conn, err := open(f, path, path == "/socket")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	began, told := time.Now(), false
	lines := bufio.NewReader(conn)
	for {
		_, err := lines.ReadString('\n')
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case !told && time.Since(began) > old:
			told = true
			lived <- struct{}{}
		}
	}
}

func TestARequestThatAStopEndsIsTold(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{})
	f := serve(t, testConfig(), func(*fixture) httpmodule.Routes {
		return func(e *echo.Echo, api huma.API) {
			httpmodule.StreamLimits().Route(api, e.GET("/waits", func(c echo.Context) error {
				close(entered)
				<-c.Request().Context().Done()
				return c.Request().Context().Err()
			}))
		}
	})
	answered := make(chan answer, 1)
	go func() { answered <- f.do(http.MethodGet, "/waits", "") }()
	<-entered
	require.NoError(t, f.server.Stop(t.Context()))
	a := <-answered
	assert.Equal(t, 503, a.status)
	assert.NotEmpty(t, a.header.Get("Retry-After"))
}

func TestLimitsOfAForeignRoute(t *testing.T) {
	t.Parallel()
	db := openDatabase(t)
	_, err := httpmodule.New(testConfig(), httpmodule.Info{}, nil, db, func(_ *echo.Echo, api huma.API) {
		httpmodule.StreamLimits().Route(api, echo.New().GET("/x", noContent))
	})
	require.ErrorContains(t, err, "the route GET /x is not on this server's router")
}

// open sends a GET and returns its answer's body, of a connection that the handler
// takes over all that comes.
func open(f *fixture, path string, raw bool) (io.ReadCloser, error) {
	if raw {
		conn, err := net.Dial("tcp", f.server.Addr())
		if err != nil {
			return nil, err
		}
		_, err = io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
		return conn, err
	}
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, f.url(path), nil)
	if err != nil {
		return nil, err
	}
	resp, err := f.client.Do(r)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}
