package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/openhands-go/server/dbmodule/dbtest"
)

// moved is a conversation that a server is asked to move, and manyEvents more than a page of the script's.
const (
	moved      = "0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a10"
	manyEvents = 4
)

// TestMove copies conversations from engine to engine by the script that the documentation names.
func TestMove(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "curl", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing(t, err.Error())
		}
	}
	engines := dbtest.Engines()
	old := server(t, dbtest.URL(t, engines[0]), "SESSION_API_KEY=key 0")
	fillForMove(t, old, "key 0")
	want := everything(t, old, "key 0")
	for i := range engines {
		oldKey, newKey := fmt.Sprint("key ", i), fmt.Sprint("key ", i+1)
		next := server(t, dbtest.URL(t, engines[(i+1)%len(engines)]), "SESSION_API_KEY="+newKey)
		runMove(t, old, next, oldKey, newKey)
		if i == 0 {
			runMove(t, old, next, oldKey, newKey) // it may run again
		}
		if got := everything(t, next, newKey); !reflect.DeepEqual(got, want) {
			t.Fatalf("moved to %s:\n%v\nwant\n%v", engines[(i+1)%len(engines)], got, want)
		}
		old.stop(t)
		old = next
	}
	old.stop(t)
}

func runMove(t *testing.T, old, next *program, oldKey, newKey string) {
	t.Helper()
	root, err := checkout()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", filepath.Join(root, "docs", "deploy", "move.sh"), old.base, next.base)
	cmd.Env = append(os.Environ(), "OLD_KEY="+oldKey, "NEW_KEY="+newKey, "PAGE_SIZE=2")
	out, err := cmd.CombinedOutput()
	if want := fmt.Sprintf("copied 3 conversations and %d events\n", manyEvents+3); err != nil || string(out) != want {
		t.Fatalf("%v\n%s, want\n%s", err, out, want)
	}
}

// fillForMove stores more than a page of conversations; one of them has more than a page of events, and all that
// clients set.
func fillForMove(t *testing.T, p *program, key string) {
	t.Helper()
	event := func(conversation, n int) map[string]any {
		return map[string]any{
			"id": fmt.Sprintf("event %d of %d", n, conversation), "kind": "MessageEvent", "source": "user",
			"timestamp": fmt.Sprintf("2026-01-31T12:%02d:%02d.000001", n/60, n%60),
			"seed":      json.RawMessage("12345678901234567890"), "cost": json.RawMessage("1.10"), "next_page_id": nil,
			"llm_message": map[string]any{"role": "user", "content": []any{map[string]any{"type": "text", "text": fmt.Sprintf("Übung \"%d\" \\ \u2028", n)}}},
		}
	}
	for c := range 3 {
		id := fmt.Sprintf("%s%02d", moved[:len(moved)-2], c+10)
		agent := map[string]any{"kind": "Agent", "llm": map[string]any{"model": "m"}, "agent_context": map[string]any{"skills": []any{map[string]any{"name": "s"}}}}
		state := map[string]any{"id": id, "execution_status": "finished", "agent": agent, "tags": map[string]any{"team": "red"}}
		ask(t, p, key, http.MethodPost, "/api/v1/webhooks/conversations", state)
		batch := []any{event(c, 0)}
		if id == moved {
			for n := range manyEvents {
				batch = append(batch, event(c, n+1))
			}
		}
		ask(t, p, key, http.MethodPost, "/api/v1/webhooks/events/"+id, batch)
	}
	ask(t, p, key, http.MethodPatch, "/api/v1/app-conversations/"+moved, map[string]any{
		"title": "A title", "public": true, "selected_repository": "a/b", "selected_branch": "main", "git_provider": "github",
	})
}

// everything is what clients read of a server, without the time of the last change.
func everything(t *testing.T, p *program, key string) (all []any) {
	t.Helper()
	for _, path := range []string{
		"/api/conversations/search?limit=100&sort_order=CREATED_AT&include_skills=true", "/api/v1/app-conversations/search?limit=100",
		"/api/conversations/" + moved + "/events/search?limit=100", "/api/conversations/" + moved + "/events/count", "/api/v1/webhooks/refused",
	} {
		all = append(all, ask(t, p, key, http.MethodGet, path, nil))
	}
	for _, listing := range all[:2] {
		for _, item := range listing.(map[string]any)["items"].([]any) {
			delete(item.(map[string]any), "updated_at")
		}
	}
	return all
}

// ask sends a request with a key and returns the JSON of its answer.
func ask(t *testing.T, p *program, key, method, path string, body any) (answer any) {
	t.Helper()
	content, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, p.base+path, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Session-API-Key", key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
	}()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s", method, path, res.Status)
	}
	decoder := json.NewDecoder(res.Body)
	decoder.UseNumber() // what is stored keeps each digit
	if err := decoder.Decode(&answer); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer
}
