package httpstream_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/httpmodule/httpstream"
)

// counting serves sockets whose messages count in a budget of one of them. The handler tells on got
// how large a message is, and is done with it when leave has a value. GET /memory waits for memory
// for a short time.
func counting(t *testing.T, change func(*httpstream.Streams)) (f *fixture, got chan int, leave chan struct{}) {
	t.Helper()
	const large = 1 << 20
	got, leave = make(chan int, 10), make(chan struct{}, 10)
	cfg := config()
	cfg.Heartbeat = time.Minute
	f = serve(t, cfg, func(f *fixture, e *echo.Echo, api huma.API) {
		if change != nil {
			change(f.streams)
		}
		f.streams.Route(api, e.GET("/counted", f.streams.WebSocket(func(ctx context.Context, s *httpstream.Socket) error {
			s.SetCountedReadLimit(large)
			if err := s.Send(ctx, []byte("hello")); err != nil {
				return err
			}
			for frame := range s.Frames() {
				got <- len(frame)
				if len(frame) > 64<<10 {
					<-leave
				}
				s.FrameDone(frame)
			}
			return nil
		})))
		e.GET("/memory", func(c echo.Context) error {
			ctx, cancel := context.WithTimeout(c.Request().Context(), 100*time.Millisecond)
			defer cancel()
			if err := httpmodule.ReserveMemory(ctx, large); err != nil {
				return err
			}
			return c.NoContent(http.StatusNoContent)
		})
	}, func(cfg *httpmodule.Config) { cfg.MemoryBudget = large })
	return f, got, leave
}

// hello dials and waits until the handler has set its limit.
func (f *fixture) hello() *websocket.Conn {
	ws := f.mustDial("/counted")
	_, _, err := ws.Read(f.context())
	require.NoError(f, err)
	return ws
}

func (f *fixture) memory() int {
	answer, err := http.Get("http://" + f.server.Addr() + "/memory")
	require.NoError(f, err)
	require.NoError(f, answer.Body.Close())
	return answer.StatusCode
}

// A large message counts from before it is read until its handler is done with it. Small ones pass
// meanwhile.
func TestLargeMessagesCountInTheBudget(t *testing.T) {
	t.Parallel()
	f, got, leave := counting(t, nil)
	message := []byte(strings.Repeat("x", 500<<10))
	one, other, small := f.hello(), f.hello(), f.hello()
	require.NoError(t, one.Write(f.context(), websocket.MessageText, message))
	require.Equal(t, len(message), <-got)
	assert.Equal(t, http.StatusServiceUnavailable, f.memory())
	sent := make(chan error, 1)
	go func() { sent <- other.Write(f.context(), websocket.MessageText, message) }()
	require.NoError(t, small.Write(f.context(), websocket.MessageText, []byte("small")))
	require.Equal(t, len("small"), <-got, "the other large one waits")
	leave <- struct{}{}
	require.Equal(t, len(message), <-got)
	require.NoError(t, <-sent)
	leave <- struct{}{}
	assert.Eventually(t, func() bool { return f.memory() == http.StatusNoContent }, limit, time.Millisecond)
}

// A client that does not send the rest of a large message gives its memory back.
func TestLargeMessageThatDoesNotArrive(t *testing.T) {
	t.Parallel()
	f, _, _ := counting(t, func(s *httpstream.Streams) { s.SetReadTime(300 * time.Millisecond) })
	ws := f.hello()
	part, err := ws.Writer(f.context(), websocket.MessageText)
	require.NoError(t, err)
	_, err = part.Write([]byte(strings.Repeat("x", 100<<10)))
	require.NoError(t, err)
	f.ended(httpstream.Stats{Opened: 1, Slow: 1})
	assert.Equal(t, http.StatusNoContent, f.memory())
}

// Without memory for 10 seconds, the client is told to come again.
func TestLargeMessageWithoutMemory(t *testing.T) {
	t.Parallel()
	f, got, leave := counting(t, nil)
	message := []byte(strings.Repeat("x", 500<<10))
	one, other := f.hello(), f.hello()
	require.NoError(t, one.Write(f.context(), websocket.MessageText, message))
	require.Equal(t, len(message), <-got)
	go func() { _ = other.Write(f.context(), websocket.MessageText, message) }()
	_, _, err := other.Read(f.context())
	assert.Equal(t, websocket.StatusTryAgainLater, websocket.CloseStatus(err), err)
	leave <- struct{}{}
}
