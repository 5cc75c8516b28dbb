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
			work:   newUnitOfWork(c.Request().Method, s.log),

			instrumented: s.logFields(c.Request().Context()),
		}
		r.work.fields = r.fields
		ctx := dbmodule.WithLogFields(c.Request().Context(), r.identity()...)
		ctx = dbmodule.WithSessionsUsed(ctx, r.sessions.add)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		if s.config.RequestTimeout > 0 {
			var stopTimer context.CancelFunc
			ctx, stopTimer = context.WithTimeout(ctx, s.config.RequestTimeout)
			defer stopTimer()
		}
		ctx = dbmodule.ReadYourWrites(ctx, writeTokenOf(c.Request()))
		r.ctx = context.WithValue(ctx, requestKey{}, r)
		c.SetRequest(c.Request().WithContext(r.ctx))

		header := c.Response().Header()
		header.Set(headerRequestID, r.id)
		if s.draining.Load() {
			header.Set("Connection", "close")
		}
		w := &response{ResponseWriter: c.Response().Writer, request: r, echo: c.Response()}
		c.Response().Writer, r.response = w, w

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

// rememberHeader is the last before the handler: what the header has by now
// stays when an error replaces the handler's response.
func rememberHeader(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if r := requestOf(c.Request().Context()); r != nil {
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
