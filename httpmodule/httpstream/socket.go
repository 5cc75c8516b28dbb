package httpstream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"github.com/openhands-go/server/httpmodule"
)

// Close codes and reasons of a websocket: see RFC 6455 and IANA's registry of close codes.
const (
	CloseNormal    = 1000
	CloseGoingAway = 1001
	ClosePolicy    = 1008
	CloseTooLarge  = 1009
	CloseInternal  = 1011
	CloseTryAgain  = 1013

	ReasonSlow     = "slow_consumer"
	ReasonTooLarge = "frame_too_large"
	reasonStopping = "the server is stopping"
	reasonFull     = "too many connections"
	reasonInternal = "internal error"
	maxReason      = 120 // bytes; a close frame has room for 123
)

const (
	// uncounted is the size up to which a message does not count in MEMORY_BUDGET.
	uncounted = 64 << 10
	// frames is how many messages wait for the handler, at most.
	frames = 8
	// missedHeartbeats is how many unanswered pings end a socket.
	missedHeartbeats = 2
)

// CloseError is an error that a handler returns to close its websocket with a code and a reason.
type CloseError struct {
	Code   int
	Reason string
}

// Error returns code and reason.
func (e *CloseError) Error() string {
	return fmt.Sprintf("httpstream: closed with %d: %s", e.Code, e.Reason)
}

// errSlow closes a socket whose client does not read.
var errSlow = &CloseError{Code: CloseTryAgain, Reason: ReasonSlow}

// Slow returns the error for a client that reads too slowly: close code 1013, slow_consumer. A handler
// returns it when the client's [Queue] has overflowed.
func (*Streams) Slow() error { return errSlow }

// errTooLarge closes a socket whose client has sent a message above the limit.
var errTooLarge = &CloseError{Code: CloseTooLarge, Reason: ReasonTooLarge}

// errNoMemory closes a socket if the server found no memory for the client's message in time.
var errNoMemory = &CloseError{Code: CloseTryAgain, Reason: "no memory left for so large a message"}

// SocketFunc serves one websocket, in a goroutine of its own. The request has ended by then: ctx has
// the values of the request's context but no request sessions ([httpmodule.Session]), and an
// echo.Context must not be used. ctx ends when the client is gone or the server stops. When the
// function returns, the socket is closed: with the code of a *[CloseError]; with 1001 if the server
// stops; with 1000 if the error is nil; and with 1011 for any other error, which is logged.
type SocketFunc func(ctx context.Context, socket *Socket) error

// Socket is a websocket. Only the goroutine of its [SocketFunc] may call its methods.
type Socket struct {
	streams *Streams
	ws      *websocket.Conn
	frames  chan []byte
	// ended is closed when the handler has returned and the close frame was sent.
	ended chan struct{}
	beats *time.Timer
	// limit is how many bytes a message may have. If counts is set, a message above uncounted
	// reserves memory, until FrameDone sends to done.
	limit  atomic.Int64
	counts atomic.Bool
	done   chan struct{}
	// missed is the number of unanswered pings. The others say why the socket ends: a message was
	// too large, did not arrive in time or found no memory, or a message could not be sent.
	missed                         atomic.Int32
	tooLarge, late, noMemory, lost atomic.Bool
}

// Send sends a text message. The handler must return its error: the client is gone, or did not read
// within STREAM_WRITE_TIMEOUT.
func (s *Socket) Send(ctx context.Context, text []byte) error {
	if s.tooLarge.Load() { // send the close frame next
		return errTooLarge
	}
	within, cancel := context.WithTimeout(ctx, s.streams.config.WriteTimeout)
	defer cancel()
	err := s.ws.Write(within, websocket.MessageText, text)
	if err == nil {
		s.streams.sent.Add(1)
		return nil
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errSlow
	}
	s.lost.Store(true)
	return fmt.Errorf("httpstream: send: %w", err)
}

// WebSocket makes a handler for a plain route from fn. The server refuses pages of other origins, as
// it does for writes. If too many streams are open, it accepts the client and closes the socket with
// 1013.
func (s *Streams) WebSocket(fn SocketFunc) echo.HandlerFunc {
	return func(c echo.Context) error { return s.upgrade(c, fn) }
}

// WebSocketResponse is [Streams.WebSocket] for a typed operation, which returns it. Give the operation
// the limits httpmodule.StreamLimits().Operation.
func (s *Streams) WebSocketResponse(fn SocketFunc) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		c := humaecho.Unwrap(hc)
		if err := s.upgrade(c, fn); err != nil {
			c.Error(err)
		}
	}}
}

func (s *Streams) upgrade(c echo.Context, fn SocketFunc) error {
	if !c.IsWebSocket() {
		return &httpmodule.HTTPError{
			Status: http.StatusUpgradeRequired, Detail: "Upgrade Required: this route is a websocket",
			Header: http.Header{"Upgrade": {"websocket"}},
		}
	}
	httpmodule.CloseSessions(c.Request().Context())
	leave, room := s.admit(c.RealIP())
	ws, err := websocket.Accept(smallBuffers{c.Response()}, c.Request(), &websocket.AcceptOptions{
		InsecureSkipVerify: true, // httpmodule has checked the origin
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		if room {
			leave(left)
		}
		return nil // Accept has answered
	}
	// End the request: an idle socket does not need its stack and its buffers.
	ctx, done := httpmodule.Detach(c.Request().Context())
	if !room {
		go func() {
			defer done()
			_ = ws.Close(CloseTryAgain, reasonFull)
		}()
		return nil
	}
	s.sockets.Add(1)
	go func() {
		defer done()
		how := failed // if fn calls runtime.Goexit
		defer func() {
			leave(how)
			s.sockets.Add(-1)
		}()
		how = s.serve(ctx, ws, fn)
	}()
	return nil
}

func (s *Streams) serve(ctx context.Context, ws *websocket.Conn, fn SocketFunc) end {
	socket := &Socket{streams: s, ws: ws, frames: make(chan []byte, frames), done: make(chan struct{}, 1), ended: make(chan struct{})}
	ws.SetReadLimit(-1) // read has a limit of its own
	socket.SetReadLimit(uncounted)
	inner, gone := context.WithCancel(ctx)
	// Reads get a context that does not end: a read whose context ends closes the connection
	// without a close code. CloseNow ends them.
	unended := context.WithoutCancel(ctx)
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer gone()
		socket.read(unended, inner)
	}()
	socket.beats = time.AfterFunc(math.MaxInt64, func() { socket.beat(unended) })
	socket.beats.Reset(s.config.Heartbeat)
	err := runSocket(inner, socket, fn)
	socket.beats.Stop()
	how, closing := socket.outcome(inner, ctx, err)
	if how == failed {
		s.log.Error("a websocket's handler failed", zap.Error(err))
	}
	if closing != nil {
		_ = ws.Close(websocket.StatusCode(closing.Code), closing.Reason[:min(len(closing.Reason), maxReason)])
	}
	close(socket.ended)
	gone()
	_ = ws.CloseNow()
	<-read
	return how
}

// runSocket runs fn and returns a panic as an error.
func runSocket(ctx context.Context, socket *Socket, fn SocketFunc) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("httpstream: handler panicked: %v", cause)
		}
	}()
	return fn(ctx, socket)
}

// outcome returns how a socket has ended, and the close frame for the client, nil if it is gone. err is
// what the handler has returned. inner has ended if the client is gone.
func (s *Socket) outcome(inner, ctx context.Context, err error) (how end, closing *CloseError) {
	switch {
	case s.tooLarge.Load():
		return tooLarge, errTooLarge
	case s.noMemory.Load():
		return finished, errNoMemory
	case s.late.Load():
		return slow, nil
	case errors.As(err, &closing) && closing == errSlow:
		return slow, closing
	case closing != nil:
		return finished, closing
	case stopping(ctx):
		return stopped, &CloseError{CloseGoingAway, reasonStopping}
	case s.missed.Load() >= missedHeartbeats:
		return gone, nil
	case s.lost.Load() || inner.Err() != nil:
		return left, nil
	case err != nil:
		return failed, &CloseError{CloseInternal, reasonInternal}
	}
	return finished, &CloseError{Code: CloseNormal}
}

// beat sends a ping, and closes the connection after missedHeartbeats unanswered ones.
func (s *Socket) beat(ctx context.Context) {
	within, cancel := context.WithTimeout(ctx, s.streams.config.Heartbeat)
	defer cancel()
	err := s.ws.Ping(within)
	select {
	case <-s.ended:
		return
	default:
	}
	switch {
	case err == nil:
		s.missed.Store(0)
		s.beats.Reset(s.streams.config.Heartbeat)
	case s.missed.Add(1) >= missedHeartbeats:
		_ = s.ws.CloseNow()
	default:
		s.beats.Reset(0)
	}
}

// smallBuffers gives a websocket small buffers, because each open one has two.
type smallBuffers struct{ *echo.Response }

const bufferSize = 512

// Hijack implements http.Hijacker.
func (b smallBuffers) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, both, err := b.Response.Hijack()
	if err != nil {
		return nil, nil, err
	}
	reader := both.Reader
	if reader.Buffered() == 0 { // the client has sent nothing yet
		reader = bufio.NewReaderSize(conn, bufferSize)
	}
	return conn, bufio.NewReadWriter(reader, bufio.NewWriterSize(conn, bufferSize)), nil
}
