package webhooks_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// Whatever agent servers send, it is stored or the client's mistake, and what
// is stored can be read back as JSON.
func FuzzWebhookBodies(f *testing.F) {
	for _, seed := range []string{
		`[{"id":"a","kind":"MessageEvent","timestamp":"2025-01-01T00:00:00","source":"user"}]`,
		`[{"id":"a"},{"id":"a"}]`, `[{"id":"evt_%41","s":"\ud800\u0000"}]`, `[]`, `{}`, `null`, `[1]`, `[{"id":1}]`, ``,
		`{"id":"0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a10","execution_status":"running","stats":{"usage_to_metrics":{}},"tags":{"a":"b"}}`,
		`{"id":"0d3ee5a55f044e7a9c3b2f9e4f1d7a10","created_at":"0000-00-00T00:00:00Z","title":null,"agent":[]}`,
	} {
		f.Add(true, seed)
		f.Add(false, seed)
	}
	s := apptest.New(f, dbtest.Config(f, dbmodule.SQLite))
	f.Fuzz(func(t *testing.T, batch bool, body string) {
		path := "/api/v1/webhooks/conversations"
		if batch {
			path = push
		}
		got := s.Do(t, http.MethodPost, path, body)
		if got.Status >= 500 {
			t.Fatalf("POST %s %q: %d %s", path, body, got.Status, got.Body)
		}
		if got.Status >= 300 {
			return
		}
		for _, page := range []string{list + "/search?limit=5", "/api/conversations/search?limit=5"} {
			if back := s.Do(t, http.MethodGet, page, ""); back.Status >= 500 || !json.Valid([]byte(back.Body)) {
				t.Fatalf("after %q, GET %s: %d %s", body, page, back.Status, back.Body)
			}
		}
	})
}
