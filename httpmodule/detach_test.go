package httpmodule_test

import (
	"bufio"
	"context"
	"io"
	"net"
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

type userKey struct{}

// What a handler leaves behind when it returns goes on until the server stops, which waits for it. It
// has what middleware put into the request's context, and nothing of the request.
func TestDetach(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{"with a value of middleware": "anna", "as the server made it": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testDetach(t, value)
		})
	}

	// A context of no server.
	detached, done := httpmodule.Detach(context.WithValue(t.Context(), userKey{}, "bob"))
	assert.Equal(t, "bob", detached.Value(userKey{}))
	done()
	assert.Error(t, detached.Err())
}

// testDetach tries it with a value that middleware puts into the context, or without one.
func testDetach(t *testing.T, value any) {
	t.Helper()
	returned, ended, proceed := make(chan struct{}), make(chan error, 1), make(chan struct{})
	cfg := httpmodule.DefaultConfig()
	cfg.Port = 0
	f := serveOn(t, dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite)), cfg, func(*fixture) httpmodule.Routes {
		return func(e *echo.Echo, _ huma.API) {
			e.GET("/detached", func(c echo.Context) error {
				ctx := c.Request().Context()
				if value != nil {
					ctx = context.WithValue(ctx, userKey{}, value)
				}
				conn, _, err := c.Response().Hijack()
				if err != nil {
					return err
				}
				detached, done := httpmodule.Detach(ctx)
				go func() {
					defer conn.Close()
					defer done()
					<-returned
					assert.Equal(t, value, detached.Value(userKey{}))
					assert.NotNil(t, detached.Value(http.LocalAddrContextKey), "what came with the request")
					assert.Nil(t, dbmodule.ScopeOf(detached), "its sessions are the request's")
					assert.NoError(t, detached.Err(), "the request's end is not its own")
					_, err := io.WriteString(conn, "hello\n")
					assert.NoError(t, err)
					<-detached.Done()
					ended <- context.Cause(detached)
					<-proceed
				}()
				return nil
			})
		}
	})
	conn, err := net.Dial("tcp", f.server.Addr())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	_, err = io.WriteString(conn, "GET /detached HTTP/1.1\r\nHost: localhost\r\n\r\n")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(f.logged("request")) > 0 }, time.Minute, time.Millisecond)
	close(returned)
	text, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "hello\n", text)

	stopped := make(chan error, 1)
	go func() { stopped <- f.server.Stop(context.WithoutCancel(t.Context())) }()
	require.ErrorIs(t, <-ended, httpmodule.ErrStopping)
	select {
	case err := <-stopped:
		t.Errorf("Stop did not wait: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	close(proceed)
	require.NoError(t, <-stopped)
}
