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

// Codes with which a websocket is closed, of RFC 6455 and of the registry of its codes.
const (
	CloseNormal       = 1000
	CloseGoingAway    = 1001
	ClosePolicy       = 1008
	CloseTooLarge     = 1009
	CloseInternal     = 1011
	CloseTryAgain     = 1013
	ReasonSlow        = "slow_consumer"
	ReasonTooLarge    = "frame_too_large"
	reasonStopping    = "the server is stopping"
	reasonFull        = "too many connections"
	uncounted         = 64 << 10
	frames            = 8
	missedHeartbeats  = 2
	mostReason        = 120
	reasonUnspecified = "internal error"
)

// CloseError is an error that a handler returns to close its websocket with a code and a reason.
type CloseError struct {
	Code   int
	Reason string
}

// Error tells both.
func (e *CloseError) Error() string {
	return fmt.Sprintf("httpstream: closed with %d: %s", e.Code, e.Reason)
}

// errSlow closes a socket whose client does not read.
var errSlow = &CloseError{Code: CloseTryAgain, Reason: ReasonSlow}

// Slow is the error of a client that reads too slowly: close code 1013, slow_consumer. A handler
// returns it when the client's [Queue] has overflowed.
func (*Streams) Slow() error { return errSlow }

// errTooLarge closes a socket whose client has sent more than it may.
var errTooLarge = &CloseError{Code: CloseTooLarge, Reason: ReasonTooLarge}

// errNoMemory closes a socket for whose client's message the server had no memory in time.
var errNoMemory = &CloseError{Code: CloseTryAgain, Reason: "no memory left for so large a message"}

// SocketFunc serves one websocket, in a goroutine of its own. The request is over by then: ctx has
// the values that middleware put into the request's context, but no sessions of the request's
// ([httpmodule.Session]), and an echo.Context must not be used. When it returns, the socket is
// closed: with the code of a *[CloseError]; with 1001 when ctx has ended because the server
// stops; with 1011, and a line in the log, for another error; and with 1000 for nil. ctx
// ends when the client is gone as well.
type SocketFunc func(ctx context.Context, socket *Socket) error

// Socket is a websocket. Its methods are for the goroutine of its [SocketFunc].
type Socket struct {
	streams *Streams
	ws      *websocket.Conn
	frames  chan []byte
	// ended is closed when the handler has returned and the client was told.
	ended chan struct{}
	beats *time.Timer
	// limit is how many bytes a message may have. If counts is set, what is above
	// uncounted counts in the server's memory, and done says when it no longer does.
	limit  atomic.Int64
	counts atomic.Bool
	done   chan struct{}
	// What was noticed of the client: pings that it left unanswered, a message that was too
	// large or did not arrive in time, that there was no memory for one, and that nothing can
	// be sent to it any more.
	missed                         atomic.Int32
	tooLarge, late, noMemory, lost atomic.Bool
}

// Send sends a text. An error ends the socket, and the handler must return it: the client
// is gone, or did not read within STREAM_WRITE_TIMEOUT.
func (s *Socket) Send(ctx context.Context, text []byte) error {
	if s.tooLarge.Load() { // the next that is sent is the close
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

// WebSocket makes a handler for a plain route from fn. It refuses pages of other origins, as for
// writes. If there is no room for another stream, the client is accepted and closed with 1013.
func (s *Streams) WebSocket(fn SocketFunc) echo.HandlerFunc {
	return func(c echo.Context) error { return s.upgrade(c, fn) }
}

// WebSocketResponse is the same for a typed operation, which returns it. Give the operation the
// limits httpmodule.StreamLimits().Operation.
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
			Status: http.StatusUpgradeRequired, Detail: "Upgrade Required: this is a websocket",
			Header: http.Header{"Upgrade": {"websocket"}},
		}
	}
	httpmodule.CloseSessions(c.Request().Context())
	leave, room := s.admit(c.RealIP())
	ws, err := websocket.Accept(lean{c.Response()}, c.Request(), &websocket.AcceptOptions{
		InsecureSkipVerify: true, // httpmodule has looked at the origin
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		if room {
			leave(left)
		}
		return nil // it has been answered
	}
	// The request ends here: its stack and its buffers are more than a socket needs that waits.
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
		how := failed // if fn ends its goroutine
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
	// No context ends a read: that would end the connection without a code. CloseNow ends it.
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
	how, told := socket.outcome(inner, ctx, err)
	if how == failed {
		s.log.Error("a websocket's handler failed", zap.Error(err))
	}
	if told != nil {
		_ = ws.Close(websocket.StatusCode(told.Code), told.Reason[:min(len(told.Reason), mostReason)])
	}
	close(socket.ended)
	gone()
	_ = ws.CloseNow()
	<-read
	return how
}

// runSocket runs fn. A panic is its error: the response has begun, and nobody could answer it.
func runSocket(ctx context.Context, socket *Socket, fn SocketFunc) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("httpstream: handler panicked: %v", cause)
		}
	}()
	return fn(ctx, socket)
}

// outcome is how a socket ended whose handler has returned err, and what its client is told, if it is
// there. inner has ended if the client is gone.
func (s *Socket) outcome(inner, ctx context.Context, err error) (how end, told *CloseError) {
	switch {
	case s.tooLarge.Load():
		return tooLarge, errTooLarge
	case s.noMemory.Load():
		return finished, errNoMemory
	case s.late.Load():
		return slow, nil
	case errors.As(err, &told) && told == errSlow:
		return slow, told
	case told != nil:
		return finished, told
	case stopping(ctx):
		return stopped, &CloseError{CloseGoingAway, reasonStopping}
	case s.missed.Load() >= missedHeartbeats:
		return gone, nil
	case s.lost.Load() || inner.Err() != nil:
		return left, nil
	case err != nil:
		return failed, &CloseError{CloseInternal, reasonUnspecified}
	}
	return finished, &CloseError{Code: CloseNormal}
}

// beat pings, and ends a socket that does not answer.
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

// lean gives a websocket small buffers, as there are two for each that is open.
type lean struct{ *echo.Response }

const bufferSize = 512

// Hijack implements http.Hijacker.
func (l lean) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, both, err := l.Response.Hijack()
	if err != nil {
		return nil, nil, err
	}
	reader := both.Reader
	if reader.Buffered() == 0 { // the client has sent nothing yet
		reader = bufio.NewReaderSize(conn, bufferSize)
	}
	return conn, bufio.NewReadWriter(reader, bufio.NewWriterSize(conn, bufferSize)), nil
}
