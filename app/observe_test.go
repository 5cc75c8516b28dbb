package app_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/openhands-go/server/app"
)

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// entries returns the log's lines with a message.
func (b *lockedBuffer) entries(t *testing.T, message string) []map[string]any {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []map[string]any
	for line := range bytes.Lines(b.b.Bytes()) {
		var entry map[string]any
		if json.Unmarshal(line, &entry) == nil && entry["msg"] == message {
			found = append(found, entry)
		}
	}
	return found
}

// serving is a server in this process.
type serving struct {
	url  string
	log  *lockedBuffer
	stop func() (exitCode int)
}

// serve starts the server with these settings. The test is not parallel: it
// sets environment variables.
func serve(t *testing.T, variables map[string]string) *serving {
	t.Helper()
	all := map[string]string{
		"DATABASE_URL": "sqlite:///" + filepath.Join(t.TempDir(), "test.db"), "PORT": "0", "LOG_FORMAT": "json",
	}
	for name, value := range variables {
		all[name] = value
	}
	environment(t, all)
	ctx, cancel := context.WithCancel(t.Context())
	s := &serving{log: &lockedBuffer{}}
	ended := make(chan int, 1)
	go func() { ended <- app.Main(ctx, nil, strings.NewReader(""), io.Discard, s.log) }()
	s.stop = sync.OnceValue(func() int {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { s.stop() })
	require.Eventually(t, func() bool {
		entries := s.log.entries(t, "serving")
		if len(entries) == 1 {
			s.url = entries[0]["url"].(string)
		}
		return s.url != ""
	}, time.Minute, 10*time.Millisecond)
	return s
}

// ask sends a request; header comes in pairs.
func (s *serving) ask(t *testing.T, method, path, body string, header ...string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

const someConversation = `{"agent": {"kind": "Agent", "note": "hidden-value"}, "workspace": {"working_dir": "/hidden-value"}}`

// Not parallel: it sets environment variables.
func TestMetricsAreServed(t *testing.T) {
	s := serve(t, nil)
	status, _ := s.ask(t, http.MethodPost, "/api/conversations", someConversation)
	require.Equal(t, http.StatusCreated, status)
	status, _ = s.ask(t, http.MethodHead, "/api/conversations/stream", "")
	require.Equal(t, http.StatusOK, status)
	status, text := s.ask(t, http.MethodGet, "/metrics", "")
	require.Equal(t, http.StatusOK, status)
	for _, want := range []string{
		`http_stream_opened_total 1`, `http_stream_closed_total{reason="server"} 1`, `http_stream_closed_total{reason="slow"} 0`,
		`http_stream_closed_total{reason="client"} 0`, `http_stream_closed_total{reason="no_pong"} 0`, `http_stream_closed_total{reason="stop"} 0`,
		`db_client_transactions_total{database="main",outcome="commit"} 1`,
		`db_schema_state{database="main",state="current"} 1`,
		`db_schema_revision_info{database="main",revision="`,
		`http_server_request_duration_seconds_count{http_request_method="POST",http_route="/api/conversations",status_class="2xx"} 1`,
	} {
		require.Contains(t, text, want)
	}
	require.Zero(t, s.stop())
}

// What could not be stored is seen by who looks at metrics and at the page.
//
// Not parallel: it sets environment variables.
func TestRefusedDeliveriesAreSeen(t *testing.T) {
	s := serve(t, nil)
	_, status := s.ask(t, http.MethodGet, "/status.json", "")
	require.Contains(t, status, `"state":"ok"`)
	code, _ := s.ask(t, http.MethodPost, "/api/v1/webhooks/events/0d3ee5a55f044e7a9c3b2f9e4f1d7a10", `[{"id":"1"},{"no":"id"},7]`)
	require.Equal(t, http.StatusOK, code)
	_, text := s.ask(t, http.MethodGet, "/metrics", "")
	require.Contains(t, text, "webhook_refused_total 2\n")
	require.Contains(t, text, "webhook_refused_deliveries 2\n")
	require.Eventually(t, func() bool { // what was read serves for a few seconds
		_, status = s.ask(t, http.MethodGet, "/status.json", "")
		return strings.Contains(status, `"state":"degraded"`)
	}, time.Minute, 100*time.Millisecond)
	require.Contains(t, status, "2 deliveries of agent servers could not be stored")
	require.Len(t, s.log.entries(t, "refused a delivery of an agent server"), 2)
}

// Not parallel: it sets environment variables.
func TestMetricsAreOff(t *testing.T) {
	s := serve(t, map[string]string{"METRICS": "false"})
	status, _ := s.ask(t, http.MethodGet, "/metrics", "")
	require.Equal(t, http.StatusNotFound, status)
}

// receiver is a collector of traces that keeps them.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*spans.Span
	about string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		var sent collector.ExportTraceServiceRequest
		if err != nil || request.URL.Path != "/v1/traces" || proto.Unmarshal(body, &sent) != nil {
			http.Error(w, "not understood", http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, resource := range sent.GetResourceSpans() {
			r.about = resource.GetResource().String()
			for _, scope := range resource.GetScopeSpans() {
				r.spans = append(r.spans, scope.GetSpans()...)
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(r.Close)
	return r
}

// below returns the spans with this parent.
func (r *receiver) below(parent *spans.Span) (names []string, found []*spans.Span) {
	for _, span := range r.spans {
		if bytes.Equal(span.GetParentSpanId(), parent.GetSpanId()) && bytes.Equal(span.GetTraceId(), parent.GetTraceId()) {
			names, found = append(names, span.GetName()), append(found, span)
		}
	}
	return names, found
}

func attribute(span *spans.Span, key string) string {
	for _, a := range span.GetAttributes() {
		if a.GetKey() == key {
			return a.GetValue().GetStringValue()
		}
	}
	return ""
}

// TestTraces sends a request to a server that sends its traces to a receiver:
// request, unit of work and statements are one below the other, the client's
// trace goes on, the log names it, probes are left out, no value gets anywhere,
// and all of it arrives by the time the server has stopped.
//
// Not parallel: it sets environment variables.
func TestTraces(t *testing.T) {
	r := newReceiver(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "3600000") // what arrives is flushed by the stop
	s := serve(t, map[string]string{"DATABASE_ECHO": "true", "DATABASE_ECHO_HIDE_PARAMETERS": "true", "LOG_LEVEL": "debug"})
	const traceID, clientSpan = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	status, _ := s.ask(t, http.MethodPost, "/api/conversations", someConversation,
		"Traceparent", "00-"+traceID+"-"+clientSpan+"-01", "X-Request-ID", "the-request")
	require.Equal(t, http.StatusCreated, status)
	for _, probe := range []string{"/ready", "/alive", "/metrics"} {
		s.ask(t, http.MethodGet, probe, "")
	}
	require.Zero(t, s.stop())

	var request *spans.Span
	for _, span := range r.spans {
		require.NotContains(t, span.String(), "hidden-value")
		if span.GetName() == "POST /api/conversations" {
			request = span
			continue
		}
		require.NotContains(t, span.GetName(), "GET /")
	}
	require.NotNil(t, request)
	require.Equal(t, traceID, hexOf(request.GetTraceId()))
	require.Equal(t, clientSpan, hexOf(request.GetParentSpanId()))
	names, units := r.below(request)
	require.Equal(t, []string{"unit of work"}, names)
	require.Equal(t, "commit", attribute(units[0], "db.session.outcome"))
	names, statements := r.below(units[0])
	require.Equal(t, "BEGIN", names[0])
	require.Equal(t, "COMMIT", names[len(names)-1])
	require.Contains(t, names, "INSERT")
	for _, statement := range statements {
		require.Equal(t, "sqlite", attribute(statement, "db.system.name"))
		require.NotEmpty(t, attribute(statement, "db.query.text"))
		require.LessOrEqual(t, units[0].GetStartTimeUnixNano(), statement.GetStartTimeUnixNano())
		require.GreaterOrEqual(t, units[0].GetEndTimeUnixNano(), statement.GetEndTimeUnixNano())
	}
	require.Contains(t, r.about, "openhands-server")

	access := s.log.entries(t, "request")
	require.NotEmpty(t, access)
	require.Equal(t, traceID, access[0]["trace_id"])
	queries := 0
	for _, query := range s.log.entries(t, "query") {
		if query["request_id"] == "the-request" {
			queries++
			require.Equal(t, traceID, query["trace_id"])
			require.Equal(t, access[0]["session"], query["session"], "%v", query)
		}
	}
	require.NotZero(t, queries)
	require.NotZero(t, access[0]["session"])
}

// TestTracesOfNobody stops a server whose receiver is gone: the log says that,
// and the stop does not wait for it for long.
//
// Not parallel: it sets environment variables.
func TestTracesOfNobody(t *testing.T) {
	r := newReceiver(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hidden-token")
	r.Close()
	s := serve(t, nil)
	s.ask(t, http.MethodGet, "/api/conversations/search", "")
	began := time.Now()
	require.Zero(t, s.stop())
	require.Less(t, time.Since(began), 30*time.Second)
	require.NotContains(t, s.log.b.String(), "hidden-token")
	require.NotEmpty(t, append(s.log.entries(t, "traces"), s.log.entries(t, "the last traces were not exported")...))
}

func hexOf(id []byte) string { return hex.EncodeToString(id) }
