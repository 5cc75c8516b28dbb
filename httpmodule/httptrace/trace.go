// Package httptrace makes OpenTelemetry spans for the requests of an httpmodule.Server. It continues
// the clients' traces, and adds trace_id and span_id to the log lines of each request.
package httptrace

import (
	"context"
	"net"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/httpmodule"
)

// Scope is the instrumentation scope of the spans.
const Scope = "github.com/openhands-go/server/httpmodule/httptrace"

// Serve traces the requests of a server, except probes: one span each, named after method and route. If
// the client sent a traceparent, the span is a child of the client's. The attributes follow
// OpenTelemetry's conventions for HTTP servers, without the query string, which may hold keys and
// search terms. The caller shuts the provider down.
func Serve(server *httpmodule.Server, provider trace.TracerProvider) {
	t := tracer{
		Tracer:     provider.Tracer(Scope),
		propagator: propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}),
		isProbe:    server.IsProbe,
	}
	server.Instrument(httpmodule.Instrument{Middleware: t.middleware, LogFields: fields})
}

// tracer makes the spans.
type tracer struct {
	trace.Tracer
	propagator propagation.TextMapPropagator
	isProbe    func(route string) bool
}

func (t tracer) middleware(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if t.isProbe(c.Path()) {
			return next(c)
		}
		request := c.Request()
		ctx := t.propagator.Extract(request.Context(), propagation.HeaderCarrier(request.Header))
		ctx, span := t.Start(ctx, nameOf(c), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(requestAttributes(c)...))
		defer span.End()
		c.SetRequest(request.WithContext(ctx))
		err := next(c)
		setStatus(span, c.Response().Status)
		return err
	}
}

// nameOf returns the span's name. It contains no text that a client can choose: no path, and no method
// that HTTP does not define.
func nameOf(c echo.Context) string {
	name := methodOf(c.Request().Method)
	if name == semconv.HTTPRequestMethodOther.Value.AsString() {
		name = "HTTP"
	}
	if route := c.Path(); route != "" {
		name += " " + route
	}
	return name
}

// requestAttributes returns the attributes that are known before the request is answered.
func requestAttributes(c echo.Context) []attribute.KeyValue {
	request := c.Request()
	method := methodOf(request.Method)
	all := []attribute.KeyValue{
		semconv.HTTPRequestMethodKey.String(method),
		semconv.URLPath(request.URL.Path),
		semconv.URLScheme(c.Scheme()),
		semconv.NetworkProtocolVersion(versionOf(request)),
		semconv.ClientAddress(c.RealIP()),
	}
	if method != request.Method {
		all = append(all, semconv.HTTPRequestMethodOriginal(request.Method))
	}
	if route := c.Path(); route != "" {
		all = append(all, semconv.HTTPRoute(route))
	}
	if agent := request.UserAgent(); agent != "" {
		all = append(all, semconv.UserAgentOriginal(agent))
	}
	host, port, err := net.SplitHostPort(request.Host)
	if err != nil {
		return append(all, semconv.ServerAddress(request.Host))
	}
	all = append(all, semconv.ServerAddress(host))
	if number, err := strconv.Atoi(port); err == nil {
		all = append(all, semconv.ServerPort(number))
	}
	return all
}

// setStatus adds the response's status. Only a 5xx is an error of the span: a 4xx is the client's fault.
func setStatus(span trace.Span, status int) {
	span.SetAttributes(semconv.HTTPResponseStatusCode(status))
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
		span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(status)))
	}
}

// methodOf returns the method, or _OTHER for a method that HTTP does not define: clients may send any
// word.
func methodOf(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return method
	}
	return semconv.HTTPRequestMethodOther.Value.AsString()
}

func versionOf(request *http.Request) string {
	if request.ProtoMajor == 1 {
		return "1." + strconv.Itoa(request.ProtoMinor)
	}
	return strconv.Itoa(request.ProtoMajor)
}

// fields returns the log fields of the request's trace, if the trace is sampled.
func fields(ctx context.Context) []zap.Field {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsSampled() {
		return nil
	}
	return []zap.Field{zap.Stringer("trace_id", span.TraceID()), zap.Stringer("span_id", span.SpanID())}
}

// Module traces the requests of the graph's server. It needs a trace.TracerProvider in the graph.
var Module = fx.Module("httptrace", fx.Invoke(Serve))
