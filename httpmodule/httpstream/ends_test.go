package httpstream_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/httpmodule/httpstream"
)

// What follows the first line and the host in a request of a stream.
const (
	upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	plain   = "\r\n"
)

// raw opens a connection, asks for path and reads nothing.
func (f *fixture) raw(path, rest string) net.Conn {
	f.Helper()
	conn, err := (&net.Dialer{}).DialContext(f.context(), "tcp", f.server.Addr())
	require.NoError(f, err)
	f.Cleanup(func() { _ = conn.Close() })
	require.NoError(f, conn.SetDeadline(time.Now().Add(limit)))
	_, err = io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n"+rest)
	require.NoError(f, err)
	return conn
}

// A client that stops reading is closed STREAM_WRITE_TIMEOUT after the first write that its connection
// does not take, be it a websocket or a stream of events, and by default within 10 seconds.
func TestReaderThatStops(t *testing.T) {
	t.Parallel()
	assert.LessOrEqual(t, httpstream.DefaultConfig().WriteTimeout, 8*time.Second, "10 s, and something for the way")
	for name, rest := range map[string]string{"/socket": upgrade, "/events": plain} {
		for _, timeout := range []time.Duration{200 * time.Millisecond, time.Second} {
			t.Run(name[1:]+timeout.String(), func(t *testing.T) {
				t.Parallel()
				cfg := config()
				cfg.WriteTimeout, cfg.Heartbeat = timeout, time.Hour // so that nothing else ends it
				blocked := make(chan time.Time, 1)
				flood := func(send func(text []byte) error) error {
					for {
						began := time.Now()
						if err := send(make([]byte, 1<<16)); err != nil {
							blocked <- began
							return err
						}
					}
				}
				f := serve(t, cfg, func(f *fixture, e *echo.Echo, api huma.API) {
					f.streams.Route(api, e.GET("/socket", f.streams.WebSocket(func(ctx context.Context, s *httpstream.Socket) error {
						return flood(func(text []byte) error { return s.Send(ctx, text) })
					})))
					f.streams.Route(api, e.GET("/events", f.streams.Events(func(_ context.Context, w *httpstream.EventWriter) error {
						return flood(func(text []byte) error { return w.Send("", "", text) })
					})))
				})
				conn := f.raw(name, rest)
				var began time.Time
				select {
				case began = <-blocked:
				case <-f.context().Done():
					t.Fatal("it is not closed")
				}
				f.ended(httpstream.Stats{Opened: 1, Slow: 1})
				took := time.Since(began)
				assert.GreaterOrEqual(t, took, timeout)
				assert.Less(t, took, timeout+5*time.Second, "the rest is a busy machine's")
				_, err := io.Copy(io.Discard, conn) // what was on its way, and then the end
				assert.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the connection is still open")
			})
		}
	}
}

// Whatever ends a stream is counted, and a client that leaves in the middle of what is sent to it is no
// failure of the handler.
func TestHowStreamsEnd(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.Heartbeat = time.Hour
	f := serve(t, cfg, func(f *fixture, e *echo.Echo, api huma.API) {
		sockets(f, e, api)
		f.streams.Route(api, e.GET("/talks", f.streams.WebSocket(func(_ context.Context, s *httpstream.Socket) error {
			for {
				if err := s.Send(context.WithoutCancel(f.Context()), []byte("hello")); err != nil {
					return err
				}
			}
		})))
		for path, fn := range map[string]httpstream.EventFunc{
			"/waits": func(ctx context.Context, _ *httpstream.EventWriter) error { <-ctx.Done(); return ctx.Err() },
			"/ends":  func(context.Context, *httpstream.EventWriter) error { return nil },
			"/fails": func(context.Context, *httpstream.EventWriter) error { return errors.New("it failed") },
		} {
			f.streams.Route(api, e.GET(path, f.streams.Events(fn)))
		}
	})
	require.NoError(t, f.mustDial("/plain").Close(1000, ""))
	require.NoError(t, f.mustDial("/plain").CloseNow())
	const many = 20
	for range many {
		ws := f.mustDial("/talks")
		_, _, err := ws.Read(f.context())
		require.NoError(t, err)
		require.NoError(t, ws.CloseNow())
	}
	f.ended(httpstream.Stats{Opened: many + 2, Left: many + 2})
	assert.Empty(t, f.logs.FilterMessage("a websocket's handler failed").All())
	want := httpstream.Stats{Opened: many + 2, Left: many + 2}
	for path, counted := range map[string]*int64{"/waits": &want.Left, "/ends": &want.Finished, "/fails": &want.Failed} {
		conn := f.raw(path, plain)
		_, err := conn.Read(make([]byte, 1))
		require.NoError(t, err)
		if path == "/waits" {
			require.NoError(t, conn.Close())
		}
		want.Opened++
		*counted++
		f.ended(want)
	}
}
