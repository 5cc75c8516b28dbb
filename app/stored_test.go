package app_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is stored, refused, repeated and deleted is counted.
//
// Not parallel: it sets environment variables.
func TestStoredIsCounted(t *testing.T) {
	s := serve(t, nil)
	const push = "/api/v1/webhooks/events/0d3ee5a55f044e7a9c3b2f9e4f1d7a10"
	first, second := `{"id":"1","kind":"MessageEvent"}`, `{"id":"2","kind":"MessageEvent"}`
	for _, body := range []string{"[" + first + "]", "[" + first + "," + second + ",7]", "[" + first + "," + second + "]"} {
		code, answer := s.ask(t, http.MethodPost, push, body)
		require.Equal(t, http.StatusOK, code, answer)
	}
	const state = `{"id":"1d3ee5a55f044e7a9c3b2f9e4f1d7a10","execution_status":"running"}`
	for range 2 {
		code, answer := s.ask(t, http.MethodPost, "/api/v1/webhooks/conversations", state)
		require.Equal(t, http.StatusOK, code, answer)
	}
	code, _ := s.ask(t, http.MethodDelete, "/api/conversations/1d3ee5a55f044e7a9c3b2f9e4f1d7a10", "")
	require.Equal(t, http.StatusOK, code)

	_, metrics := s.ask(t, http.MethodGet, "/metrics", "")
	var found []string
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, "store_") || strings.HasPrefix(line, "webhook_") {
			found = append(found, strings.TrimSpace(line))
		}
	}
	require.Equal(t, []string{
		"store_conversations 1",
		"store_conversations_created_total 2",
		"store_conversations_deleted_total 1",
		"store_conversations_repeated_total 1",
		"store_events 2",
		"store_events_added_bytes_total 64",
		"store_events_added_total 2",
		"store_events_repeated_total 3",
		"webhook_refused_deliveries 1",
		"webhook_refused_total 1",
	}, found)
}
