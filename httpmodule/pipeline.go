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

// begin makes what this package knows of a request, and puts it around the response
// and into the request's context, before anything of Echo's runs.
func (s *Server) begin(w http.ResponseWriter, sent *http.Request) *request {
	sent = withoutKeyInURL(sent)
	ctx := sent.Context()
	r := &request{
		server:  s,
		id:      requestID(first(sent.Header[canonicalRequestID])),
		body:    sent.Body,
		outer:   dbmodule.ScopeOf(ctx),
		started: time.Now(),
		share:   share{budget: s.budget},
	}
	r.timed.Context = dbmodule.ReadYourWrites(ctx, writeTokenOf(sent))
	r.Context = &r.timed
	r.work.init(sent.Method, s.log, r)
	r.idSent[0] = r.id
	sent.Header[canonicalRequestID] = r.idSent[:] // Echo's middleware.RequestID takes it from there
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

// enter is the outermost middleware, before routing: recovery and access log for all
// that the program adds, [echo.Echo.Pre] included.
func (s *Server) enter(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := requestOf(c.Request().Context())
		if r == nil || r.server != s || r.response.echo != nil {
			// The router was called without the server.
			r = s.begin(c.Response().Writer, c.Request())
			c.SetRequest(r.http)
			c.Response().Writer = &r.response
		}
		r.response.echo = c.Response()
		// In a defer: a handler may abort the connection by a panic.
		defer func() {
			r.timed.end() // ends rows that were not closed
			r.work.end()
			r.share.giveBack()
			r.uploads.note(c.Request())
			if err := r.uploads.end(); err != nil {
				s.log.Warn("temporary files of an upload were not removed", append(r.fields(), zap.Error(err))...)
			}
			s.logAccess(c, r, &r.response, r.started)
		}()
		err := error(nil)
		if r.listened {
			err = s.refuseHost(c.Request())
		}
		if err == nil {
			err = guarded(next, c)
		}
		s.conclude(c, r, err)
		return nil
	}
}

// conclude answers what came out of the middleware inside, if that is an error, and completes the response.
func (s *Server) conclude(c echo.Context, r *request, err error) {
	if own := c.Response(); err != nil && !r.response.wrote && (own.Committed || own != r.response.echo) {
		// The handler, or an error handler, wrote to middleware that has ended without sending it.
		r.response.echo = echo.NewResponse(&r.response, s.echo)
		c.SetResponse(r.response.echo)
	}
	if err != nil {
		c.Error(err)
	}
	r.response.finish()
}

// pipeline is what every request passes once its route is known, whether there is one
// or not, before the program's own middleware: limits, deadline, key and body. It
// answers errors itself, so that instruments around it see the answer.
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
		ctx, end := s.withLimits(c.Request().Context(), limits, &r.timed)
		if end != nil {
			defer end()
			c.SetRequest(c.Request().WithContext(ctx))
		}
		r.share.answerBy = limits.answerBy(s.config, r.started)
		r.route(ctx, limits, s.logFields(ctx))
		err := guarded(func(c echo.Context) error {
			if answered, err := s.admit(c, r); answered || err != nil {
				return err
			}
			return next(c)
		}, c)
		s.conclude(c, r, err)
		return nil
	}
}

// admit is what a request passes between this package's own work and the program's. It
// reports true when it has answered.
func (s *Server) admit(c echo.Context, r *request) (answered bool, err error) {
	if answered, err := s.cors(c); answered || err != nil {
		return answered, err
	}
	// The program's own middleware may answer browsers' questions about CORS, which
	// come without a key. None of them reaches a handler: see lastCheck.
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

// lastCheck is the innermost of the middleware for all routes. By now the program's own
// has said which origins it allows. An error or a panic that comes out of the route without
// an answer has failed the unit of work, whatever that middleware makes of it.
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
		if r == nil { // middleware has put a request in its place that has nothing of it
			return next(c)
		}
		returned := false
		defer func() {
			if (!returned || err != nil) && !c.Response().Committed {
				r.work.fail()
			}
			// Middleware may take back the request that it made. One of another is there if this handler
			// was left behind by its request, and c is in use again.
			if requestOf(c.Request().Context()) == r {
				r.uploads.note(c.Request())
			}
		}()
		err = next(c)
		returned = true
		return err
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
