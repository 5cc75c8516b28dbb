package httpmodule_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/httpmodule"
)

// patience is how long a client of these tests waits for the server to act.
const patience = 30 * time.Second

// dial opens a connection that gives up after patience.
func (f *fixture) dial() net.Conn {
	f.t.Helper()
	conn, err := net.Dial("tcp", f.server.Addr())
	require.NoError(f.t, err)
	f.t.Cleanup(func() { _ = conn.Close() })
	require.NoError(f.t, conn.SetDeadline(time.Now().Add(patience)))
	return conn
}

// ended reads to the end that the server makes of a connection and returns
// the status of the one answer before it, 0 if there was none.
func ended(t *testing.T, conn io.Reader) int {
	t.Helper()
	r := bufio.NewReader(conn)
	response, err := http.ReadResponse(r, nil)
	status := 0
	if err == nil {
		status = response.StatusCode
		_, err = io.Copy(io.Discard, response.Body)
		assert.NoError(t, err)
		_, err = io.Copy(io.Discard, r)
	}
	assert.False(t, errors.Is(err, os.ErrDeadlineExceeded), "the server keeps the connection: %v", err)
	return status
}

// timeless has no limits of time, so that each test can set its own.
func timeless() httpmodule.Config {
	cfg := testConfig()
	cfg.RequestTimeout, cfg.ReadHeaderTimeout, cfg.ReadTimeout, cfg.WriteTimeout, cfg.IdleTimeout = 0, 0, 0, 0, time.Hour
	return cfg
}

func bodyReader(*fixture) httpmodule.Routes {
	return func(e *echo.Echo, _ huma.API) {
		e.POST("/read", func(c echo.Context) error {
			if _, err := io.Copy(io.Discard, c.Request().Body); err != nil {
				return err
			}
			return c.NoContent(http.StatusNoContent)
		})
	}
}

// Each limit of time ends the kind of slow client that it is for.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	const short = 200 * time.Millisecond
	for name, test := range map[string]struct {
		set  func(cfg *httpmodule.Config)
		sent string
		want int // the answer before the end, 0 for none
	}{
		"says nothing":         {func(cfg *httpmodule.Config) { cfg.ReadHeaderTimeout = short }, "", 0},
		"half a header":        {func(cfg *httpmodule.Config) { cfg.ReadHeaderTimeout = short }, "GET / HTTP/1.1\r\nHost: localhost\r\nX-More: ", 0},
		"half a body":          {func(cfg *httpmodule.Config) { cfg.ReadTimeout = short }, "POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc", 408},
		"half a chunk":         {func(cfg *httpmodule.Config) { cfg.ReadTimeout = short }, "POST /read HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc", 408},
		"idle after an answer": {func(cfg *httpmodule.Config) { cfg.IdleTimeout = short }, "GET /alive HTTP/1.1\r\nHost: localhost\r\n\r\n", 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := timeless()
			test.set(&cfg)
			f := serve(t, cfg, bodyReader)
			conn := f.dial()
			_, err := io.WriteString(conn, test.sent)
			require.NoError(t, err)
			assert.Equal(t, test.want, ended(t, conn))
		})
	}
}

// A client that does not read its answer holds the handler up to WriteTimeout.
func TestClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	cfg := timeless()
	cfg.WriteTimeout = 300 * time.Millisecond
	written := make(chan error, 1)
	f := serve(t, cfg, func(*fixture) httpmodule.Routes {
		return func(e *echo.Echo, _ huma.API) {
			e.GET("/endless", func(c echo.Context) error {
				block := make([]byte, 1<<20)
				for {
					if _, err := c.Response().Write(block); err != nil {
						written <- err
						return err
					}
				}
			})
		}
	})
	_, err := io.WriteString(f.dial(), "GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
	require.NoError(t, err)
	select {
	case err := <-written:
		assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
	case <-time.After(patience):
		t.Error("the handler is still writing")
	}
}

// What is not HTTP is refused and its connection closed; what is too large is
// refused too, announced or not.
func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	cfg := timeless()
	cfg.BodyLimit, cfg.HeaderLimit = 1<<20, 16<<10
	cfg.ReadHeaderTimeout, cfg.ReadTimeout = 20*time.Second, 20*time.Second // the ends of these requests never come
	f := serve(t, cfg, bodyReader)
	const chunked = "POST /read HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
	for name, test := range map[string]struct {
		sent string
		want int
		// whole is a request after which the connection can go on.
		whole bool
	}{
		"a size that is no number":     {chunked + "zz\r\nabc\r\n0\r\n\r\n", 400, false},
		"a negative size":              {chunked + "-1\r\nabc\r\n0\r\n\r\n", 400, false},
		"a size beyond all":            {chunked + strings.Repeat("f", 17) + "\r\nabc", 400, false},
		"an endless size":              {chunked + strings.Repeat("0", 64<<10), 400, false},
		"an endless extension":         {chunked + "1;" + strings.Repeat("x", 64<<10), 400, false},
		"many extensions":              {chunked + strings.Repeat("1;"+strings.Repeat("x", 2000)+"\r\na\r\n", 500), 400, false},
		"no line end after a chunk":    {chunked + "3\r\nabcdef\r\n0\r\n\r\n", 400, false},
		"two lengths":                  {"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400, false},
		"length and chunks":            {"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: identity\r\n\r\nabc", 501, false},
		"a length below zero":          {"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: -3\r\n\r\nabc", 400, false},
		"no host":                      {"GET /alive HTTP/1.1\r\n\r\n", 400, false},
		"no HTTP":                      {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello \r\n\r\n", 400, false},
		"a line end in a header":       {"GET /alive HTTP/1.1\r\nHost: localhost\r\nX-A: b\rc\r\n\r\n", 400, false},
		"a space before the colon":     {"GET /alive HTTP/1.1\r\nHost: localhost\r\nX-A : b\r\n\r\n", 400, false},
		"a large header":               {"GET /alive HTTP/1.1\r\nHost: localhost\r\nX-A: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", 431, false},
		"many headers":                 {"GET /alive HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("X-A: b\r\n", 16<<10) + "\r\n", 431, false},
		"a large body, announced":      {"POST /read HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2000000\r\n\r\n" + strings.Repeat("a", 2_000_000), 413, false},
		"a large body, not announced":  {chunked + strings.Repeat("10000\r\n"+strings.Repeat("a", 64<<10)+"\r\n", 20) + "0\r\n\r\n", 413, true},
		"a large body that never ends": {chunked + strings.Repeat("10000\r\n"+strings.Repeat("a", 64<<10)+"\r\n", 600), 413, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := f.dial()
			go func() { _, _ = io.WriteString(conn, test.sent) }() // the server may close before it has all
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			defer func() { _ = response.Body.Close() }()
			assert.Equal(t, test.want, response.StatusCode)
			assert.Equal(t, !test.whole, response.Close, "the connection's end: %v", response.Header)
			assert.Equal(t, 200, f.do(http.MethodGet, "/alive", "").status, "others are served")
		})
	}
}

// Trickling clients occupy connections, not the server: others are served.
func TestManySlowClients(t *testing.T) {
	t.Parallel()
	const clients = 100
	f := serve(t, timeless(), bodyReader)
	for range clients {
		for _, sent := range []string{"GET / HTTP/1.1\r\nHost: ", "POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc"} {
			_, err := io.WriteString(f.dial(), sent)
			require.NoError(t, err)
		}
	}
	for i := range 50 {
		got := f.do(http.MethodPost, "/read", fmt.Sprint(i))
		require.Equal(t, http.StatusNoContent, got.status, got.body)
	}
}
