package httptrace_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/httpmodule/httptrace"
)

func ExampleServe() {
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	if err := serveTraced(provider); err != nil {
		fmt.Println(err)
		return
	}
	for _, span := range spans.Ended() {
		fmt.Println(span.Name())
	}
	// Output: GET /hello
}

// serveTraced answers a request by a server whose requests are spans.
func serveTraced(provider *sdktrace.TracerProvider) (err error) {
	cfg := dbmodule.DefaultConfig()
	if cfg.URL, err = dbmodule.ParseURL("sqlite://"); err != nil {
		return err
	}
	db, err := dbmodule.Open(cfg, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close(), provider.Shutdown(context.Background())) }()
	server, err := httpmodule.New(httpmodule.DefaultConfig(), httpmodule.Info{Title: "Hello"}, nil, db, func(e *echo.Echo, _ huma.API) {
		e.GET("/hello", func(c echo.Context) error { return c.String(http.StatusOK, "hello") })
	})
	if err != nil {
		return err
	}
	httptrace.Serve(server, provider)
	server.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "http://localhost/hello", nil))
	return nil
}
