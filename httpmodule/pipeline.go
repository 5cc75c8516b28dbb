package httpmodule

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/openhands-go/server/dbmodule"
)

// pipeline is what every request passes, routed or not, before the handlers
// of either kind: identity, deadline, unit of work, recovery and access log.
func (s *Server) pipeline(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		started := time.Now()
		r := &request{
			server: s,
			id:     requestID(c.Request().Header.Get(headerRequestID)),
			http:   c.Request(),
			body:   c.Request().Body,

			instrumented: s.logFields(c.Request().Context()),
		}
		r.work.init(c.Request().Method, s.log, r)
		ctx := dbmodule.WithLogFields(c.Request().Context(), r.identity()...)
		ctx = dbmodule.WithSessionsUsed(ctx, r.sessions.add)
		ctx, cancel := s.withDeadline(ctx)
		defer cancel()
		ctx = dbmodule.ReadYourWrites(ctx, writeTokenOf(c.Request()))
		r.ctx = context.WithValue(ctx, requestKey{}, r)
		c.SetRequest(c.Request().WithContext(r.ctx))

		header := c.Response().Header()
		header.Set(headerRequestID, r.id)
		if s.draining.Load() {
			header.Set("Connection", "close")
		}
		w := &r.response
		*w = response{ResponseWriter: c.Response().Writer, request: r, echo: c.Response()}
		c.Response().Writer = w

		if !s.probes[c.Path()] {
			s.lastRequest.Store(started.UnixNano())
		}
		// In a defer: a handler may abort the connection by a panic.
		defer func() {
			cancel() // ends rows that the handler forgot to close
			r.work.end()
			s.logAccess(c, r, w, started)
		}()
		if err := guarded(next, c); err != nil {
			c.Error(err)
		}
		w.finish()
		return nil
	}
}

// withDeadline bounds a request's time, if there is a limit.
func (s *Server) withDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.config.RequestTimeout > 0 {
		return context.WithTimeout(ctx, s.config.RequestTimeout)
	}
	return context.WithCancel(ctx)
}

// rememberHeader is the last before the handler: what the header has by now
// stays when an error replaces the handler's response. That only happens where
// there is something to store.
func rememberHeader(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if r := requestOf(c.Request().Context()); r != nil && !r.work.readOnly {
			r.response.baseline = c.Response().Header().Clone()
		}
		return next(c)
	}
}

// guarded turns a panic into an error. http.ErrAbortHandler is no accident
// but the way to abort a response, and goes on.
func guarded(next echo.HandlerFunc, c echo.Context) (err error) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if failure, ok := cause.(error); ok && errors.Is(failure, http.ErrAbortHandler) {
			panic(cause)
		}
		err = &panicError{value: cause, stack: debug.Stack()}
	}()
	return next(c)
}
