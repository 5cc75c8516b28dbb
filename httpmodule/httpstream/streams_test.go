package httpstream_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/httpmodule/httpstream"
)

const limit = 20 * time.Second

type fixture struct {
	*testing.T
	server  *httpmodule.Server
	db      *dbmodule.Database
	streams *httpstream.Streams
	logs    *observer.ObservedLogs
}

type routesFunc func(f *fixture, e *echo.Echo, api huma.API)

// serve starts a server whose times are short: streams must outlive them.
func serve(t *testing.T, cfg httpstream.Config, routes routesFunc, change ...func(*httpmodule.Config)) *fixture {
	t.Helper()
	f := &fixture{T: t, db: dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite))}
	core, logs := observer.New(zap.DebugLevel)
	f.logs = logs
	var err error
	f.streams, err = httpstream.New(cfg, zap.New(core))
	require.NoError(t, err)
	http := httpmodule.DefaultConfig()
	http.Port = 0
	http.RequestTimeout, http.ReadTimeout, http.WriteTimeout = 200*time.Millisecond, 200*time.Millisecond, 200*time.Millisecond
	for _, c := range change {
		c(&http)
	}
	f.server, err = httpmodule.New(http, httpmodule.Info{}, zap.New(core), f.db, func(e *echo.Echo, api huma.API) { routes(f, e, api) })
	require.NoError(t, err)
	require.NoError(t, f.server.Start(t.Context()))
	t.Cleanup(func() { assert.NoError(t, f.server.Stop(context.WithoutCancel(t.Context()))) })
	return f
}

// ended waits until all streams are closed, and looks at how they ended.
func (f *fixture) ended(want httpstream.Stats) {
	f.Helper()
	assert.Eventually(f, func() bool {
		got := f.streams.Stats()
		want.Sent, want.Refused = got.Sent, got.Refused
		return got == want
	}, limit, time.Millisecond)
	if got := f.streams.Stats(); got != want {
		f.Errorf("%+v, want %+v", got, want)
	}
}

func (f *fixture) context() context.Context {
	ctx, cancel := context.WithTimeout(f.Context(), limit)
	f.Cleanup(cancel)
	return ctx
}

func (f *fixture) dial(path string, header http.Header) (*websocket.Conn, *http.Response, error) {
	ws, response, err := websocket.Dial(f.context(), "ws://"+f.server.Addr()+path, &websocket.DialOptions{HTTPHeader: header})
	if ws != nil {
		f.Cleanup(func() { _ = ws.CloseNow() })
	}
	return ws, response, err
}

func (f *fixture) mustDial(path string) *websocket.Conn {
	f.Helper()
	ws, _, err := f.dial(path, nil)
	require.NoError(f, err)
	return ws
}

// echoes sends back what it gets.
func echoes(ctx context.Context, s *httpstream.Socket) error {
	for {
		var frame []byte
		select {
		case frame = <-s.Frames():
		case <-ctx.Done():
			return ctx.Err()
		}
		switch string(frame) {
		case "close":
			return &httpstream.CloseError{Code: 4004, Reason: "gone"}
		case "fail":
			return errors.New("secret cause")
		case "panic":
			panic("secret panic")
		case "end":
			return nil
		}
		if err := s.Send(ctx, frame); err != nil {
			return err
		}
	}
}

func config() httpstream.Config {
	cfg := httpstream.DefaultConfig()
	cfg.Heartbeat = 50 * time.Millisecond
	return cfg
}

// live lifts an operation's limits of time.
func live(op huma.Operation) huma.Operation {
	httpmodule.StreamLimits().Operation(&op)
	return op
}

func sockets(f *fixture, e *echo.Echo, api huma.API) {
	f.streams.Route(api, e.GET("/plain", f.streams.WebSocket(echoes)))
	huma.Register(api, live(huma.Operation{OperationID: "live", Method: http.MethodGet, Path: "/typed/{id}"}),
		func(_ context.Context, in *struct {
			ID string `path:"id"`
		},
		) (*huma.StreamResponse, error) {
			if in.ID == "none" {
				return nil, httpmodule.NewError(http.StatusNotFound, "no such thing")
			}
			return f.streams.WebSocketResponse(func(ctx context.Context, s *httpstream.Socket) error {
				if err := s.Send(ctx, []byte("id "+in.ID)); err != nil {
					return err
				}
				return echoes(ctx, s)
			}), nil
		})
}

// Both kinds of routes serve sockets, which outlive the server's times, are pinged, and close with
// what the handler says.
func TestSockets(t *testing.T) {
	t.Parallel()
	f := serve(t, config(), sockets)
	for path, first := range map[string]string{"/plain": "", "/typed/7": "id 7"} {
		for send, want := range map[string]websocket.StatusCode{"end": 1000, "close": 4004, "fail": 1011, "panic": 1011, strings.Repeat("x", 65<<10): 1009} {
			ws := f.mustDial(path)
			ws.SetReadLimit(1 << 20)
			if first != "" {
				_, text, err := ws.Read(f.context())
				require.NoError(t, err)
				assert.Equal(t, first, string(text))
			}
			for range 3 {
				require.NoError(t, ws.Write(f.context(), websocket.MessageText, []byte("hello")))
				_, text, err := ws.Read(f.context())
				require.NoError(t, err)
				assert.Equal(t, "hello", string(text))
			}
			require.NoError(t, ws.Write(f.context(), websocket.MessageText, []byte(send)))
			_, _, err := ws.Read(f.context())
			assert.Equal(t, want, websocket.CloseStatus(err), "%s %.9s: %v", path, send, err)
			if err != nil {
				assert.NotContains(t, err.Error(), "secret")
			}
			if want == httpstream.CloseTooLarge {
				assert.ErrorContains(t, err, httpstream.ReasonTooLarge)
			}
		}
	}
	f.ended(httpstream.Stats{Opened: 10, Finished: 4, Failed: 4, TooLarge: 2})
	_, response, err := f.dial("/typed/none", nil)
	require.Error(t, err)
	assert.Equal(t, 404, response.StatusCode)
	plain, err := http.Get("http://" + f.server.Addr() + "/plain")
	require.NoError(t, err)
	assert.Equal(t, http.StatusUpgradeRequired, plain.StatusCode)
	require.NoError(t, plain.Body.Close())

	// Longer than each of the server's times, with a reader that answers pings.
	ws := f.mustDial("/plain")
	read := make(chan error, 1)
	go func() {
		_, _, err := ws.Read(f.context())
		read <- err
	}()
	select {
	case err := <-read:
		t.Fatalf("ended by itself: %v", err)
	case <-time.After(time.Second):
	}
	require.NoError(t, ws.Write(f.context(), websocket.MessageText, []byte("still here")))
	require.NoError(t, <-read)
}

// A client that does not answer pings, or does not read, ends; others are served meanwhile.
func TestClientsThatHang(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.WriteTimeout, cfg.Heartbeat = 200*time.Millisecond, time.Second
	var slow, silent atomic.Pointer[error]
	f := serve(t, cfg, func(f *fixture, e *echo.Echo, api huma.API) {
		sockets(f, e, api)
		f.streams.Route(api, e.GET("/flood", f.streams.WebSocket(func(ctx context.Context, s *httpstream.Socket) error {
			for {
				if err := s.Send(ctx, make([]byte, 1<<16)); err != nil {
					slow.Store(&err)
					return err
				}
			}
		})))
		f.streams.Route(api, e.GET("/silent", f.streams.WebSocket(func(ctx context.Context, _ *httpstream.Socket) error {
			<-ctx.Done()
			err := ctx.Err()
			silent.Store(&err)
			return err
		})))
	})
	f.raw("/silent", upgrade) // reads nothing, so answers no ping
	f.raw("/flood", upgrade)
	require.Eventually(t, func() bool { return slow.Load() != nil }, limit, time.Millisecond)
	var closed *httpstream.CloseError
	require.ErrorAs(t, *slow.Load(), &closed)
	assert.Equal(t, httpstream.CloseError{Code: 1013, Reason: "slow_consumer"}, *closed)
	require.Eventually(t, func() bool { return silent.Load() != nil }, limit, time.Millisecond, "it never notices")
	ws := f.mustDial("/plain")
	require.NoError(t, ws.Write(f.context(), websocket.MessageText, []byte("hello")))
	_, _, err := ws.Read(f.context())
	require.NoError(t, err)
	f.ended(httpstream.Stats{Opened: 3, Sockets: 1, Gone: 1, Slow: 1})
}

// A client may send its first message together with the question for the upgrade.
func TestFirstMessageComesEarly(t *testing.T) {
	t.Parallel()
	f := serve(t, config(), sockets)
	conn := f.raw("/plain", upgrade+"\x81\x85\x00\x00\x00\x00hello")
	reader := bufio.NewReader(conn)
	answer, err := http.ReadResponse(reader, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusSwitchingProtocols, answer.StatusCode)
	frame := make([]byte, len("\x81\x05hello"))
	_, err = io.ReadFull(reader, frame)
	require.NoError(t, err)
	assert.Equal(t, "\x81\x05hello", string(frame))
}

// There is a limit for each address and one for all; who leaves makes room.
func TestLimits(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*httpstream.Config){
		"all": func(c *httpstream.Config) { c.Most = 2 }, "address": func(c *httpstream.Config) { c.PerAddress = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config()
			change(&cfg)
			f := serve(t, cfg, func(f *fixture, e *echo.Echo, api huma.API) {
				sockets(f, e, api)
				f.streams.Route(api, e.GET("/events", f.streams.Events(func(ctx context.Context, _ *httpstream.EventWriter) error {
					<-ctx.Done()
					return nil
				})))
			})
			one, _ := f.mustDial("/plain"), f.mustDial("/plain")
			_, _, err := f.mustDial("/plain").Read(f.context())
			assert.Equal(t, websocket.StatusCode(1013), websocket.CloseStatus(err))
			response, err := http.Get("http://" + f.server.Addr() + "/events")
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			assert.Equal(t, 503, response.StatusCode)
			assert.NotEmpty(t, response.Header.Get("Retry-After"))
			assert.Equal(t, int64(2), f.streams.Stats().Refused)
			require.NoError(t, one.Close(1000, ""))
			require.Eventually(t, func() bool { return f.streams.Stats().Sockets == 1 }, limit, time.Millisecond)
			ws := f.mustDial("/plain")
			require.NoError(t, ws.Write(f.context(), websocket.MessageText, []byte("hello")))
			_, _, err = ws.Read(f.context())
			require.NoError(t, err)
		})
	}
}

// At a stop sockets are closed with 1001, event streams end, and the stop does not wait.
func TestStop(t *testing.T) {
	t.Parallel()
	f := serve(t, config(), func(f *fixture, e *echo.Echo, api huma.API) {
		sockets(f, e, api)
		f.streams.Route(api, e.GET("/events", f.streams.Events(func(ctx context.Context, _ *httpstream.EventWriter) error {
			<-ctx.Done()
			return ctx.Err()
		})))
	})
	const many = 20
	codes := make(chan websocket.StatusCode, many)
	for range many {
		ws := f.mustDial("/plain")
		go func() {
			_, _, err := ws.Read(f.context())
			codes <- websocket.CloseStatus(err)
		}()
	}
	response, err := http.Get("http://" + f.server.Addr() + "/events")
	require.NoError(t, err)
	defer response.Body.Close()
	require.NoError(t, f.server.Stop(f.context()))
	for range many {
		assert.Equal(t, websocket.StatusCode(1001), <-codes)
	}
	_, err = io.Copy(io.Discard, response.Body)
	assert.NoError(t, err, "the stream ends as a whole answer does")
	f.ended(httpstream.Stats{Opened: many + 1, Stopped: many + 1})
}

// A page of another origin opens no socket; a key in the query does, and is nowhere in the log.
func TestKeyAndOrigin(t *testing.T) {
	t.Parallel()
	const key = "super-secret-key"
	f := serve(t, config(), func(f *fixture, e *echo.Echo, api huma.API) {
		sockets(f, e, api)
		f.streams.Route(api, e.GET("/events", func(c echo.Context) error {
			// Handlers and traces of others may write these down.
			assert.Equal(t, "/events?x=1", c.Request().URL.String())
			assert.Equal(t, "/events?x=1", c.Request().RequestURI)
			return f.streams.Events(func(_ context.Context, w *httpstream.EventWriter) error {
				return w.Send("", "", []byte("hello"))
			})(c)
		}))
	}, func(c *httpmodule.Config) { c.SessionAPIKey = key })
	_, response, err := f.dial("/plain", nil)
	require.Error(t, err)
	assert.Equal(t, 401, response.StatusCode)
	_, response, err = f.dial("/plain?session_api_key="+key, http.Header{"Origin": {"https://evil.example"}})
	require.Error(t, err)
	assert.Equal(t, 403, response.StatusCode)
	ws := f.mustDial("/plain?x=1&session_api_key=" + key)
	require.NoError(t, ws.Close(1000, ""))
	r, err := http.NewRequestWithContext(f.context(), http.MethodGet, "http://"+f.server.Addr()+"/events?x=1&session_api_key="+key, nil)
	require.NoError(t, err)
	r.Header.Set("Accept", "text/event-stream")
	response, err = http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	assert.Equal(t, 200, response.StatusCode)
	require.Eventually(t, func() bool { return f.logs.FilterMessage("request").Len() == 4 }, limit, time.Millisecond)
	for _, entry := range f.logs.All() {
		assert.NotContains(t, entry.Message, key)
		for _, value := range entry.ContextMap() {
			if text, ok := value.(string); ok {
				assert.NotContains(t, text, key)
			}
		}
	}
}

// Events come with their ids and names, in lines that every client reads; silence has comments.
func TestEvents(t *testing.T) {
	t.Parallel()
	f := serve(t, config(), func(f *fixture, e *echo.Echo, api huma.API) {
		fn := func(ctx context.Context, w *httpstream.EventWriter) error {
			if w.LastEventID() == "stop" {
				return httpmodule.NewError(404, "too late")
			}
			if err := errors.Join(w.Send("7", "added", []byte("a\nb\r\nc\rd")), w.Send("", "", []byte(w.LastEventID()))); err != nil {
				return err
			}
			assert.Error(f, w.Send("a\nb", "", nil))
			<-ctx.Done()
			return nil
		}
		f.streams.Route(api, e.GET("/plain", f.streams.Events(fn)))
		huma.Register(api, live(huma.Operation{OperationID: "events", Method: http.MethodGet, Path: "/typed"}),
			func(context.Context, *struct{}) (*huma.StreamResponse, error) {
				return f.streams.EventsResponse(fn), nil
			})
	})
	for _, path := range []string{"/plain", "/typed"} {
		r, err := http.NewRequestWithContext(f.context(), http.MethodGet, "http://"+f.server.Addr()+path, nil)
		require.NoError(t, err)
		r.Header.Set("Last-Event-ID", "41")
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer response.Body.Close()
		assert.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
		reader := bufio.NewReader(response.Body)
		var text strings.Builder
		for range 10 {
			line, err := reader.ReadString('\n')
			require.NoError(t, err)
			text.WriteString(line)
		}
		assert.Equal(t, ":\n\nid: 7\nevent: added\ndata: a\ndata: b\ndata: c\ndata: d\n\ndata: 41\n", text.String())
		for began := time.Now(); time.Since(began) < 600*time.Millisecond; { // beyond all of the server's times
			_, err := reader.ReadString('\n')
			require.NoError(t, err, "no heartbeat")
		}
		head, err := http.Head("http://" + f.server.Addr() + path)
		require.NoError(t, err)
		assert.Equal(t, 200, head.StatusCode)
		require.NoError(t, head.Body.Close())
	}
}

// A socket that is open holds no connection of the database, whatever its handler read before.
func TestIdleSocketHoldsNoConnection(t *testing.T) {
	t.Parallel()
	f := serve(t, config(), func(f *fixture, e *echo.Echo, api huma.API) {
		f.streams.Route(api, e.GET("/plain", func(c echo.Context) error {
			s := httpmodule.Session(c.Request().Context(), f.db.Sessions().With(dbmodule.Snapshot()))
			if _, err := s.ExecContext(c.Request().Context(), "SELECT 1"); err != nil {
				return err
			}
			return f.streams.WebSocket(echoes)(c)
		}))
	})
	ws := f.mustDial("/plain")
	require.NoError(t, ws.Write(f.context(), websocket.MessageText, []byte("hello")))
	_, _, err := ws.Read(f.context())
	require.NoError(t, err)
	for pool, stats := range f.db.PoolStats() {
		assert.Zero(t, stats.InUse, pool)
	}
}

func TestQueue(t *testing.T) {
	t.Parallel()
	q := httpstream.NewQueue[int](3, 10)
	assert.True(t, q.Put(1, 100), "one alone may be larger")
	assert.False(t, q.Put(2, 1))
	items, over := q.Take()
	assert.Equal(t, []int{1}, items)
	assert.True(t, over)
	for i := range 3 {
		assert.True(t, q.Put(i, 3))
	}
	assert.False(t, q.Put(3, 0), "a fourth")
	assert.False(t, q.Put(3, 0), "it stays overflowed until it is taken")
	<-q.Ready()
	_, over = q.Take()
	assert.True(t, over)
	items, over = q.Take()
	assert.Empty(t, items)
	assert.False(t, over)
}

func TestConfig(t *testing.T) {
	t.Parallel()
	_, err := httpstream.New(httpstream.Config{Most: -1, PerAddress: -1}, nil)
	for _, name := range []string{"STREAMS_MAX", "STREAMS_PER_ADDRESS", "STREAM_HEARTBEAT", "STREAM_WRITE_TIMEOUT"} {
		assert.ErrorContains(t, err, name)
	}
}
