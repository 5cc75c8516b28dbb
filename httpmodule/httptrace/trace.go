// Package httptrace makes OpenTelemetry spans for an httpmodule.Server's
// requests, continues the traces of clients, and adds each request's trace to
// its log lines.
package httptrace

import (
	"context"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/contrib/instrumentation/github.com/labstack/echo/otelecho"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/httpmodule"
)

// Serve traces the requests of a server: one span each, named after method and
// route, below the client's if it sent a traceparent. Probes are left out. The
// provider stays the caller's.
func Serve(server *httpmodule.Server, provider trace.TracerProvider) {
	server.Instrument(httpmodule.Instrument{
		Middleware: otelecho.Middleware("", // the host that the client asks
			otelecho.WithTracerProvider(provider),
			otelecho.WithPropagators(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})),
			otelecho.WithSkipper(func(c echo.Context) bool { return server.IsProbe(c.Path()) }),
		),
		LogFields: fields,
	})
}

// fields names the request's trace in the log, if somebody keeps it.
func fields(ctx context.Context) []zap.Field {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsSampled() {
		return nil
	}
	return []zap.Field{zap.Stringer("trace_id", span.TraceID()), zap.Stringer("span_id", span.SpanID())}
}

// Module traces the requests of the graph's server with the graph's
// trace.TracerProvider, which it needs.
var Module = fx.Module("httptrace", fx.Invoke(Serve))
