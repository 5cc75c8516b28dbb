package httpmodule

import (
	"context"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"
)

// Instrument watches requests from outside: httpmetrics and httptrace are made
// of these.
type Instrument struct {
	// Middleware wraps everything that happens to a request, with routing done
	// before it. It sees errors as what they were answered with: next returns
	// nil, and the response has its status. It may be nil.
	Middleware echo.MiddlewareFunc
	// LogFields returns what each line of the log about a request should have,
	// from the context that Middleware gave the request. It may be nil.
	LogFields func(ctx context.Context) []zap.Field
}

// Instrument adds what watches requests; the first is the outermost. It must not
// be called after Start.
func (s *Server) Instrument(instruments ...Instrument) {
	s.instruments = append(s.instruments, instruments...)
}

// Probe says that machines ask routes, as "/metrics", all the time: their
// requests are logged at debug only, and are no use of the server. It must not
// be called after Start.
func (s *Server) Probe(routes ...string) {
	for _, route := range routes {
		s.probes[route] = true
	}
}

// IsProbe tells the routes of which [Server.Probe] said that, and /alive,
// /health, /ready and /server_info.
func (s *Server) IsProbe(route string) bool { return s.probes[route] }

// instrument is the outermost middleware. Echo asks it anew for each request,
// so that instruments may be added after the server was made.
func (s *Server) instrument(next echo.HandlerFunc) echo.HandlerFunc {
	for i := len(s.instruments) - 1; i >= 0; i-- {
		if middleware := s.instruments[i].Middleware; middleware != nil {
			next = middleware(next)
		}
	}
	return next
}

// logFields is what the instruments have to say about a request.
func (s *Server) logFields(ctx context.Context) []zap.Field {
	var fields []zap.Field
	for _, instrument := range s.instruments {
		if instrument.LogFields != nil {
			fields = append(fields, instrument.LogFields(ctx)...)
		}
	}
	return fields
}

// Failure returns the error that a request was answered with, nil if it was
// none. It is for instruments, once next has returned.
func Failure(c echo.Context) *HTTPError {
	if r := requestOf(c.Request().Context()); r != nil {
		return r.failure
	}
	return nil
}

// Open lets a route, as "/status", be called without the server's key. It must
// not be called after Start.
func (s *Server) Open(method, route string) { s.openRoute(method, route) }
