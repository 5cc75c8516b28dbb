package httpmodule

import (
	"errors"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
)

// newRequest makes the request: its context becomes the http.Request's, and its response wraps w.
// It runs before Echo.
func (s *Server) newRequest(w http.ResponseWriter, sent *http.Request) *request {
	sent = withoutKeyInURL(withLiteralQuery(sent))
	ctx := sent.Context()
	r := &request{
		server:  s,
		id:      requestID(first(sent.Header[canonicalRequestID])),
		body:    sent.Body,
		outer:   dbmodule.ScopeOf(ctx),
		started: time.Now(),
		share:   share{budget: s.budget},
	}
	r.base.Context = dbmodule.ReadYourWrites(ctx, writeTokenOf(sent))
	r.Context = &r.base
	r.work.init(sent.Method, s.log, r)
	r.idSent[0] = r.id
	sent.Header[canonicalRequestID] = r.idSent[:] // Echo's middleware.RequestID uses the request's header
	r.http = sent.WithContext(r)

	header := w.Header()
	r.idHeader[0] = r.id
	header[canonicalRequestID] = r.idHeader[:]
	if s.draining.Load() {
		header.Set("Connection", "close")
	}
	r.response = response{ResponseWriter: w, request: r}
	if sent.Method == http.MethodHead {
		r.response.head = new(headBody)
	}
	r.response.keepHeader()
	return r
}

// enter is the outermost middleware. It runs before routing and before the program's own middleware
// of [echo.Echo.Pre]. It recovers panics, ends the unit of work and writes the access log.
func (s *Server) enter(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := requestOf(c.Request().Context())
		if r == nil || r.server != s || r.response.echo != nil {
			// Somebody called Echo directly, and not the server.
			r = s.newRequest(c.Response().Writer, c.Request())
			c.SetRequest(r.http)
			c.Response().Writer = &r.response
		}
		r.response.echo = c.Response()
		// Deferred, because a handler may panic with http.ErrAbortHandler.
		defer func() {
			r.base.end() // ends rows that were not closed
			r.work.end()
			r.share.releaseAll()
			r.uploads.track(c.Request())
			if err := r.uploads.removeAll(); err != nil {
				s.log.Warn("temporary files of an upload were not removed", append(r.fields(), zap.Error(err))...)
			}
			s.logAccess(c, r, &r.response, r.started)
		}()
		err := error(nil)
		if r.listened {
			err = s.refuseHost(c.Request())
		}
		if err == nil {
			err = checkQuery(c.Request().URL.RawQuery)
		}
		writer := c.Response().Writer
		if err == nil {
			err = guarded(next, c)
		}
		s.conclude(c, r, writer, err)
		r.response.finish()
		return nil
	}
}

// conclude answers err, if it is not nil. writer is the writer of the response before the handler ran.
func (s *Server) conclude(c echo.Context, r *request, writer http.ResponseWriter, err error) {
	if own := c.Response(); err != nil && !r.response.wrote {
		if own.Committed || own != r.response.echo {
			// The handler, or an error handler, wrote to a writer of middleware, which has not sent it.
			r.response.echo = echo.NewResponse(&r.response, s.echo)
			c.SetResponse(r.response.echo)
		} else {
			own.Writer = writer // middleware that failed may have left one of its own, which sends nothing
		}
	}
	if err != nil {
		c.Error(err)
	}
}

// pipeline runs for every request after routing, also if no route matches, and before the
// program's own middleware. It applies limits and deadline, and checks key and body. It answers
// errors itself, so that instruments see the status.
func (s *Server) pipeline(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := requestOf(c.Request().Context())
		if !s.probes[c.Path()] {
			s.lastRequest.Store(r.started.UnixNano())
		}
		r.pattern = c.Path()
		if r.response.head != nil {
			r.response.head.path = echo.GetPath(c.Request())
		}
		limits := s.limitsFor(c)
		limitConnection(r.response.ResponseWriter, limits)
		ctx, end := s.withLimits(c.Request().Context(), limits, &r.base)
		writer := c.Response().Writer
		// Middleware of e.Pre with a writer of its own may send the answer when this has returned.
		sends := writer == http.ResponseWriter(&r.response)
		if end != nil {
			if sends {
				defer end() // otherwise COMMIT needs the context, which ends with the request
			}
			c.SetRequest(c.Request().WithContext(ctx))
		}
		r.share.answerBy = limits.answerBy(s.config, r.started)
		r.routed, r.limits, r.instrumented = ctx, limits, s.logFields(ctx)
		err := guarded(func(c echo.Context) error {
			if answered, err := s.admit(c, r); answered || err != nil {
				return err
			}
			return next(c)
		}, c)
		s.conclude(c, r, writer, err)
		if sends {
			r.response.finish()
		}
		return nil
	}
}

// admit applies CORS, checks the key and limits the body. It reports whether it has answered.
func (s *Server) admit(c echo.Context, r *request) (answered bool, err error) {
	if answered, err := s.cors(c); answered || err != nil {
		return answered, err
	}
	// A preflight has no key, and the program's own CORS middleware may answer it. If no
	// middleware does, lastCheck asks for the key before a handler runs.
	if !isPreflight(c.Request()) {
		if err := s.authenticate(c); err != nil {
			return false, err
		}
	}
	if err := limitBody(c, r.limits, &r.share); err != nil {
		return false, err
	}
	r.response.keepHeader()
	return false, nil
}

// lastCheck is the innermost middleware of all routes. It checks the origin, because the program's
// own middleware has set its CORS headers by now. If the route returns an error or panics before
// there is an answer, it makes the unit of work roll back, whatever outer middleware answers.
func (s *Server) lastCheck(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		if isPreflight(c.Request()) {
			if err := s.authenticate(c); err != nil {
				return err
			}
		}
		if err := s.refuseCrossOrigin(c); err != nil {
			return err
		}
		r := requestOf(c.Request().Context())
		if r == nil { // middleware has replaced the request by one with another context
			return next(c)
		}
		returned := false
		defer func() {
			if (!returned || err != nil) && !c.Response().Committed {
				r.work.fail()
			}
			// c may belong to another request by now, if this handler outlived its own: Echo
			// reuses contexts.
			if requestOf(c.Request().Context()) == r {
				r.uploads.track(c.Request())
			}
		}()
		err = next(c)
		returned = true
		return err
	}
}

// guarded turns a panic into an error. It does not recover http.ErrAbortHandler, by which a
// handler aborts the response.
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
