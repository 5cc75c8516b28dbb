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
		r, cancel := s.begin(c)
		defer cancel()
		if !s.probes[c.Path()] {
			s.lastRequest.Store(started.UnixNano())
		}
		// In a defer: a handler may abort the connection by a panic.
		defer func() {
			cancel() // ends rows that the handler forgot to close
			r.work.end()
			s.logAccess(c, r, &r.response, started)
		}()
		if err := s.guarded(next, c, r); err != nil {
			c.Error(err)
		}
		r.response.finish()
		return nil
	}
}

// begin makes what this package knows of a request, and puts it between Echo and
// net/http.
func (s *Server) begin(c echo.Context) (*request, context.CancelFunc) {
	sent := c.Request()
	ctx := sent.Context()
	r := &request{
		server: s,
		id:     requestID(sent.Header.Get(headerRequestID)),
		http:   sent,
		body:   sent.Body,
		outer:  dbmodule.ScopeOf(ctx),
		limits: s.limitsFor(c),

		instrumented: s.logFields(ctx),
	}
	r.work.init(sent.Method, s.log, r)
	r.idSent[0] = r.id
	sent.Header[canonicalRequestID] = r.idSent[:] // Echo's middleware.RequestID takes it from there
	ctx, cancel := s.withLimits(ctx, r.limits)
	r.Context = dbmodule.ReadYourWrites(ctx, writeTokenOf(sent))
	c.SetRequest(sent.WithContext(r))

	header := c.Response().Header()
	r.idHeader[0] = r.id
	header[canonicalRequestID] = r.idHeader[:]
	if s.draining.Load() {
		header.Set("Connection", "close")
	}
	r.response = response{ResponseWriter: c.Response().Writer, request: r, echo: c.Response()}
	if sent.Method == http.MethodHead {
		r.response.head = new(headBody)
	}
	limitConnection(c.Response().Writer, r.limits)
	c.Response().Writer = &r.response
	return r, cancel
}

// admit is what a request passes between this package's own work and the handler,
// with Echo's other middleware. It reports false when it has answered.
func (s *Server) admit(c echo.Context, r *request) (bool, error) {
	if answered, err := s.cors(c); answered || err != nil {
		return false, err
	}
	for _, check := range [...]func(*Server, echo.Context) error{
		(*Server).refuseCrossOrigin, (*Server).authenticate,
	} {
		if err := check(s, c); err != nil {
			return false, err
		}
	}
	if err := limitBody(c, r.limits.BodyLimit); err != nil {
		return false, err
	}
	// What the header has by now stays when an error replaces the handler's
	// response. That only happens where there is something to store.
	if !r.work.readOnly {
		r.response.baseline.take(c.Response().Header())
	}
	return true, nil
}

// guarded turns a panic into an error. http.ErrAbortHandler is no accident
// but the way to abort a response, and goes on.
func (s *Server) guarded(next echo.HandlerFunc, c echo.Context, r *request) (err error) {
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
	if admitted, err := s.admit(c, r); !admitted {
		return err
	}
	return next(c)
}
