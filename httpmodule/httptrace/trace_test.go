package httptrace_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/httpmodule/httptrace"
)

func attributesOf(span sdktrace.ReadOnlySpan) map[string]any {
	all := make(map[string]any)
	for _, a := range span.Attributes() {
		all[string(a.Key)] = a.Value.AsInterface()
	}
	return all
}

// A request is one span with what OpenTelemetry's conventions want of it.
func TestSpans(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	var inside trace.SpanContext
	server, err := httpmodule.New(httpmodule.DefaultConfig(), httpmodule.Info{}, nil, dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite)), func(e *echo.Echo, _ huma.API) {
		e.GET("/items/:id", func(c echo.Context) error {
			inside = trace.SpanContextFromContext(c.Request().Context())
			return c.NoContent(http.StatusNoContent)
		})
		e.GET("/broken", func(echo.Context) error { return errors.New("hidden-value") })
		e.GET("/panics", func(echo.Context) error { panic("hidden-value") })
		e.GET("/missing", func(echo.Context) error { return echo.ErrNotFound })
	})
	require.NoError(t, err)
	httptrace.Serve(server, provider)
	ask := func(method, path string, header ...string) {
		r := httptest.NewRequestWithContext(t.Context(), method, "http://localhost:8080"+path, nil)
		r.Header.Set("User-Agent", "a client")
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		server.ServeHTTP(httptest.NewRecorder(), r)
	}
	const traceID = "0af7651916cd43dd8448eb211c80319c"
	ask(http.MethodGet, "/items/7?session_api_key=hidden-value&q=hidden-value", "Traceparent", "00-"+traceID+"-b7ad6b7169203331-01")
	ask(http.MethodGet, "/broken")
	ask(http.MethodGet, "/panics")
	ask(http.MethodGet, "/missing")
	ask("MADEUP", "/items/7")
	ask(http.MethodGet, "/nowhere/hidden-value-not")
	for _, probe := range []string{"/ready", "/alive", "/health"} {
		ask(http.MethodGet, probe)
	}
	ended := spans.Ended()
	var names []string
	for _, span := range ended {
		names = append(names, span.Name())
		assert.Equal(t, trace.SpanKindServer, span.SpanKind())
		assert.NotContains(t, tracetest.SpanStubFromReadOnlySpan(span).Attributes, attribute.String("url.query", ""))
		for _, value := range attributesOf(span) {
			assert.NotEqual(t, "hidden-value", value)
		}
	}
	require.Len(t, ended, 6, names)
	assert.Equal(t, []string{"GET /items/:id", "GET /broken", "GET /panics", "GET /missing"}, names[:4])
	assert.Regexp(t, "^HTTP", names[4])
	assert.Equal(t, "GET", names[5])

	assert.Equal(t, traceID, ended[0].SpanContext().TraceID().String())
	assert.Equal(t, ended[0].SpanContext().SpanID(), inside.SpanID(), "handlers are below it")
	assert.Equal(t, map[string]any{
		"http.request.method": "GET", "http.route": "/items/:id", "http.response.status_code": int64(204),
		"url.path": "/items/7", "url.scheme": "http", "network.protocol.version": "1.1", "client.address": "192.0.2.1",
		"server.address": "localhost", "server.port": int64(8080), "user_agent.original": "a client",
	}, attributesOf(ended[0]))
	assert.Equal(t, codes.Unset, ended[0].Status().Code)
	for _, failed := range ended[1:3] {
		assert.Equal(t, codes.Error, failed.Status().Code, failed.Name())
		assert.Equal(t, "500", attributesOf(failed)["error.type"], failed.Name())
	}
	assert.Equal(t, codes.Unset, ended[3].Status().Code, "the client's mistake")
	assert.Equal(t, "MADEUP", attributesOf(ended[4])["http.request.method_original"])
	assert.Equal(t, "_OTHER", attributesOf(ended[4])["http.request.method"])
}
