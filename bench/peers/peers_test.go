package peers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/bench/gauge"
	"github.com/openhands-go/server/bench/peers"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

const seeded = 130

// exchange is one request and what came back.
type exchange struct {
	method, path, body string
	status             int
	answer             string
}

// TestPeersAnswerAlike asks all contenders the same on each engine: those in
// Go answer the same bytes, others the same values.
func TestPeersAnswerAlike(t *testing.T) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			var want []exchange
			for _, peer := range peers.All() {
				c := contract.Config{Engine: engine, URL: dbtest.URL(t, engine), Pool: 3, Synchronous: "NORMAL"}
				require.NoError(t, contract.Seed(t.Context(), c, seeded))
				t.Run(peer.Name, func(t *testing.T) {
					got := ask(t, serve(t, peer, c))
					if peer.Name == peers.Hand {
						want = got
						checkHand(t, got)
						return
					}
					for i := range want {
						compare(t, peer, want[i], got[i])
					}
				})
			}
		})
	}
}

// checkHand keeps what the others are compared with honest.
func checkHand(t *testing.T, got []exchange) {
	sample, err := json.Marshal(contract.Sample(7))
	require.NoError(t, err)
	require.Equal(t, string(sample), got[0].answer)
	for i, status := range []int{200, 404, 200, 200, 200, 201, 200} {
		require.Equal(t, status, got[i].status, "%s %s", got[i].method, got[i].path)
	}
	for i, count := range map[int]int{2: contract.PageSize, 3: 30, 4: 0} {
		var events []contract.Event
		require.NoError(t, json.Unmarshal([]byte(got[i].answer), &events))
		require.Len(t, events, count)
	}
	require.Equal(t, got[5].answer, got[6].answer, "what was stored is read back")
}

func compare(t *testing.T, peer peers.Peer, want, got exchange) {
	what := want.method + " " + want.path
	require.Equal(t, want.status, got.status, what)
	switch {
	case want.status >= 400: // each says that in its own words
	case peer.Serve != nil:
		require.Equal(t, want.answer, got.answer, what)
	default:
		require.Equal(t, values(t, want.answer), values(t, got.answer), what)
	}
}

// values decodes an answer, in which times may be written in several ways.
func values(t *testing.T, answer string) any {
	var v any
	require.NoError(t, json.Unmarshal([]byte(answer), &v), answer)
	events, ok := v.([]any)
	if !ok {
		events = []any{v}
	}
	for _, event := range events {
		fields := event.(map[string]any)
		at, err := time.Parse(time.RFC3339Nano, fields["created_at"].(string))
		require.NoError(t, err)
		fields["created_at"] = at.UTC()
	}
	return v
}

func ask(t *testing.T, addr string) []exchange {
	created := contract.Sample(1_000_003)
	created.ID = 0
	body, err := json.Marshal(created)
	require.NoError(t, err)
	exchanges := []exchange{
		{method: http.MethodGet, path: "/events/7"},
		{method: http.MethodGet, path: "/events/999999"},
		{method: http.MethodGet, path: "/events?after=0"},
		{method: http.MethodGet, path: "/events?after=100"},
		{method: http.MethodGet, path: "/events?after=5000"},
		{method: http.MethodPost, path: "/events", body: string(body)},
		{method: http.MethodGet, path: "/events/131"},
	}
	for i := range exchanges {
		exchanges[i].send(t, addr)
	}
	return exchanges
}

func (e *exchange) send(t *testing.T, addr string) {
	request, err := http.NewRequestWithContext(t.Context(), e.method, "http://"+addr+e.path, strings.NewReader(e.body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Contains(t, response.Header.Get("Content-Type"), map[bool]string{true: "application/json"}[response.StatusCode < 400])
	e.status, e.answer = response.StatusCode, string(bytes.TrimSpace(answer))
}

// serve runs a contender until the test ends: in this process, or as its own
// when it is not written in Go.
func serve(t *testing.T, peer peers.Peer, c contract.Config) string {
	if peer.Serve == nil {
		return launch(t, peer, c)
	}
	ctx, cancel := context.WithCancel(t.Context())
	addr, done := make(chan string, 1), make(chan error, 1)
	go func() { done <- peer.Serve(ctx, c, func(a string) { addr <- a }) }()
	select {
	case a := <-addr:
		t.Cleanup(func() {
			cancel()
			require.NoError(t, <-done)
		})
		return a
	case err := <-done:
		cancel()
		t.Fatalf("it ended: %v", err)
		return ""
	}
}

func launch(t *testing.T, peer peers.Peer, c contract.Config) string {
	command, err := peer.Command(t.Context(), "", c)
	if errors.Is(err, peers.ErrUnavailable) {
		t.Skip(err)
	}
	require.NoError(t, err)
	child, err := gauge.Launch(t.Context(), command, c.URL, os.Stderr)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, child.Stop()) })
	require.NotEmpty(t, child.Version)
	return child.Addr
}
