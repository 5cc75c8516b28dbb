package httpstream

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"

	"github.com/openhands-go/server/httpmodule"
)

// EventFunc serves one stream of events, in the request's goroutine. The stream ends when it returns.
// Its error only ends the stream, and is logged: the response has begun. ctx ends when the client is
// gone or the server stops.
type EventFunc func(ctx context.Context, w *EventWriter) error

// EventWriter sends server-sent events. It is safe for concurrent use.
type EventWriter struct {
	streams *Streams
	out     http.ResponseWriter
	control *http.ResponseController

	mu     sync.Mutex
	beats  *time.Timer
	ended  bool
	slow   bool
	lastID string
}

// LastEventID returns the client's header Last-Event-ID: the id of the last event that it has
// received, or "".
func (w *EventWriter) LastEventID() string { return w.lastID }

// Send sends an event. The client sends id in Last-Event-ID when it reconnects; name is the event's
// type. Both may be empty, and must not contain a line break. After an error the handler must
// return: the client is gone, or did not read within STREAM_WRITE_TIMEOUT.
func (w *EventWriter) Send(id, name string, data []byte) error {
	if strings.ContainsAny(id+name, "\r\n\x00") {
		return fmt.Errorf("httpstream: send: a line break in the id %q or the name %q", id, name)
	}
	var b bytes.Buffer
	if id != "" {
		b.WriteString("id: " + id + "\n")
	}
	if name != "" {
		b.WriteString("event: " + name + "\n")
	}
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	data = bytes.ReplaceAll(data, []byte("\r"), []byte("\n"))
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		b.WriteString("data: ")
		b.Write(line)
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	if err := w.write(b.Bytes()); err != nil {
		return err
	}
	w.streams.sent.Add(1)
	return nil
}

func (w *EventWriter) write(text []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return http.ErrHandlerTimeout
	}
	began := time.Now()
	_ = w.control.SetWriteDeadline(began.Add(w.streams.config.WriteTimeout)) // a response without a connection has none
	_, err := w.out.Write(text)
	if err == nil {
		err = w.control.Flush()
	}
	if err != nil {
		w.ended, w.slow = true, time.Since(began) >= w.streams.config.WriteTimeout
		return fmt.Errorf("httpstream: send: %w", err)
	}
	w.beats.Reset(w.streams.config.Heartbeat)
	return nil
}

// Events makes a handler for a plain route from fn. If too many streams are open, it answers 503.
func (s *Streams) Events(fn EventFunc) echo.HandlerFunc {
	return func(c echo.Context) error { return s.stream(c, fn) }
}

// EventsResponse is [Streams.Events] for a typed operation, which returns it. Give the operation the
// limits httpmodule.StreamLimits().Operation.
func (s *Streams) EventsResponse(fn EventFunc) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		c := humaecho.Unwrap(hc)
		if err := s.stream(c, fn); err != nil {
			c.Error(err)
		}
	}}
}

func (s *Streams) stream(c echo.Context, fn EventFunc) error {
	ctx := c.Request().Context()
	header := c.Response().Header()
	leave, room := s.admit(c.RealIP())
	if !room {
		return errFull()
	}
	how := failed // if fn panics
	defer func() { leave(how) }()
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no") // nginx would buffer events
	if c.Request().Method == http.MethodHead {
		how = finished
		return c.NoContent(http.StatusOK)
	}
	httpmodule.CloseSessions(ctx)
	s.events.Add(1)
	defer s.events.Add(-1)
	w := &EventWriter{streams: s, out: c.Response(), control: http.NewResponseController(c.Response()), lastID: c.Request().Header.Get("Last-Event-ID")}
	_ = w.control.SetReadDeadline(time.Time{}) // otherwise READ_TIMEOUT would close the connection
	w.mu.Lock()
	w.beats = time.AfterFunc(s.config.Heartbeat, func() {
		_ = w.write([]byte(":\n\n")) // if it fails, the next Send fails too
	})
	w.mu.Unlock()
	defer w.end()
	err := w.write([]byte(":\n\n")) // sends the header: the client knows that it is connected
	if err == nil {
		err = fn(ctx, w)
	}
	if how = w.outcome(ctx, err); how == failed {
		return err
	}
	return nil
}

// outcome returns how a stream has ended. err is what its handler has returned.
func (w *EventWriter) outcome(ctx context.Context, err error) end {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.slow:
		return slow
	case w.ended:
		return left
	case stopping(ctx):
		return stopped
	case ctx.Err() != nil:
		return left
	case err != nil:
		return failed
	}
	return finished
}

// end stops the heartbeats: nothing may write after the handler has returned.
func (w *EventWriter) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.beats.Stop()
}
