package httpmetrics_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/httpmodule/httpmetrics"
)

// serve returns a server with metrics, a route for each kind of end, and the
// registry.
func serve(t *testing.T, cfg httpmodule.Config) (http.Handler, *prometheus.Registry) {
	t.Helper()
	dbConfig := dbmodule.DefaultConfig()
	var err error
	dbConfig.URL, err = dbmodule.ParseURL("sqlite:///" + filepath.Join(t.TempDir(), "test.db"))
	require.NoError(t, err)
	db, err := dbmodule.Open(dbConfig, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	info := httpmodule.Info{Title: "Test", Version: "1.2.3"}
	server, err := httpmodule.New(cfg, info, nil, db, func(e *echo.Echo, _ huma.API) {
		e.GET("/books/:id", func(c echo.Context) error { return c.String(http.StatusOK, "a book") })
		e.POST("/books", func(echo.Context) error { return httpmodule.NewError(http.StatusConflict, "") })
		e.GET("/broken", func(echo.Context) error { return errors.New("made up") })
		e.GET("/panic", func(echo.Context) error { panic("made up") })
		e.GET("/abort", func(echo.Context) error { panic(http.ErrAbortHandler) })
	})
	require.NoError(t, err)
	registry, err := httpmetrics.NewRegistry(info)
	require.NoError(t, err)
	requests, err := httpmetrics.NewRequests(registry)
	require.NoError(t, err)
	httpmetrics.Serve(server, requests, registry, nil)
	return server, registry
}

func get(handler http.Handler, method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

// TestSeriesAreRoutes asks for paths of all kinds and expects that their number
// does not become that of the series.
func TestSeriesAreRoutes(t *testing.T) {
	t.Parallel()
	server, registry := serve(t, httpmodule.DefaultConfig())
	for i := range 50 {
		get(server, http.MethodGet, fmt.Sprintf("/books/%d", i))
		get(server, http.MethodGet, fmt.Sprintf("/nothing/%d", i))
		get(server, http.MethodPut, fmt.Sprintf("/books/%d", i))
		get(server, fmt.Sprintf("WORD%d", i), "/books")
	}
	get(server, http.MethodPost, "/books")
	get(server, http.MethodGet, "/broken")
	get(server, http.MethodGet, "/panic")
	require.Panics(t, func() { get(server, http.MethodGet, "/abort") })

	body := get(server, http.MethodGet, httpmetrics.Path).Body.String()
	for _, want := range []string{
		`http_server_request_duration_seconds_count{http_request_method="GET",http_route="/books/:id",status_class="2xx"} 50`,
		`http_server_request_duration_seconds_count{http_request_method="GET",http_route="",status_class="4xx"} 50`,
		`http_server_request_duration_seconds_count{http_request_method="PUT",http_route="/books/:id",status_class="4xx"} 50`,
		`http_server_request_duration_seconds_count{http_request_method="_OTHER",http_route="/books",status_class="4xx"} 50`,
		`http_server_request_duration_seconds_count{http_request_method="POST",http_route="/books",status_class="4xx"} 1`,
		`http_server_request_duration_seconds_count{http_request_method="GET",http_route="/broken",status_class="5xx"} 1`,
		`http_server_request_duration_seconds_count{http_request_method="GET",http_route="/panic",status_class="5xx"} 1`,
		`http_server_request_duration_seconds_count{http_request_method="GET",http_route="/abort"`,
		`http_server_response_body_bytes_total{http_request_method="GET",http_route="/books/:id"} 300`,
		`http_server_active_requests{http_request_method="GET"} 1`,
		`target_info{process_runtime_version="go`, `service_name="Test",service_version="1.2.3"`,
		"go_goroutines ", "process_open_fds ",
	} {
		require.Contains(t, body, want)
	}
	series, err := testutil.GatherAndCount(registry, "http_server_request_duration_seconds")
	require.NoError(t, err)
	require.Less(t, series, 12)
}

// TestNames lets Prometheus' own linter read the metrics. target_info is called
// what OpenTelemetry calls it.
func TestNames(t *testing.T) {
	t.Parallel()
	server, registry := serve(t, httpmodule.DefaultConfig())
	get(server, http.MethodGet, "/books/1")
	problems, err := testutil.GatherAndLint(registry)
	require.NoError(t, err)
	for _, problem := range problems {
		if !strings.HasPrefix(problem.Metric, "go_") { // client_golang's own
			t.Errorf("%s: %s", problem.Metric, problem.Text)
		}
	}
}

func TestMetricsNeedTheKey(t *testing.T) {
	t.Parallel()
	cfg := httpmodule.DefaultConfig()
	cfg.SessionAPIKey = "made-up-key"
	server, _ := serve(t, cfg)
	require.Equal(t, http.StatusUnauthorized, get(server, http.MethodGet, httpmetrics.Path).Code)
	for _, header := range [][]string{{"Authorization", "Bearer made-up-key"}, {"X-Session-API-Key", "made-up-key"}} {
		answer := get(server, http.MethodGet, httpmetrics.Path, header...)
		require.Equal(t, http.StatusOK, answer.Code)
		require.Contains(t, answer.Header().Get("Content-Type"), "text/plain")
		require.NotContains(t, answer.Body.String(), "made-up-key")
	}
}
