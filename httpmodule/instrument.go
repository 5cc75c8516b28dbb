package httpmodule

import (
	"context"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"
)

// Instrument observes requests. httpmetrics, httptrace and httpstatus use it.
type Instrument struct {
	// Middleware wraps the pipeline and the handler, after the route was found. next always
	// returns nil: an error has been answered by then, and the response has its status. It may
	// be nil.
	Middleware echo.MiddlewareFunc
	// LogFields returns fields for each log line about a request,
	// from the context that Middleware gave the request. It may be nil.
	LogFields func(ctx context.Context) []zap.Field
}

// Instrument adds instruments that observe requests; the first is the outermost. It
// must not be called after Start.
func (s *Server) Instrument(instruments ...Instrument) {
	s.instruments = append(s.instruments, instruments...)
}

// Probe marks routes that monitoring calls all the time, such as "/metrics". Their requests are
// logged at debug level only, and don't change idle_time. It must not be called after Start.
func (s *Server) Probe(routes ...string) {
	for _, route := range routes {
		s.probes[route] = true
	}
}

// IsProbe reports whether a route was marked by [Server.Probe], or is /alive,
// /health, /ready or /server_info.
func (s *Server) IsProbe(route string) bool { return s.probes[route] }

// instrument runs the instruments' middleware. Echo calls it for each request, so instruments
// may be added after New.
func (s *Server) instrument(next echo.HandlerFunc) echo.HandlerFunc {
	for i := len(s.instruments) - 1; i >= 0; i-- {
		if middleware := s.instruments[i].Middleware; middleware != nil {
			next = middleware(next)
		}
	}
	return next
}

// logFields returns the log fields of all instruments.
func (s *Server) logFields(ctx context.Context) []zap.Field {
	var fields []zap.Field
	for _, instrument := range s.instruments {
		if instrument.LogFields != nil {
			fields = append(fields, instrument.LogFields(ctx)...)
		}
	}
	return fields
}

// Failure returns the error that a request was answered with, or nil. Instruments
// may call it once next has returned.
func Failure(c echo.Context) *HTTPError {
	if r := requestOf(c.Request().Context()); r != nil {
		return r.failure
	}
	return nil
}

// Open lets clients call a route, such as "/status", without the server's key. It
// must not be called after Start.
func (s *Server) Open(method, route string) { s.openRoute(method, route) }
