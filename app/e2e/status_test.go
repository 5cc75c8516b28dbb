package e2e_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// TestStatusPage looks at /status in a headless Chromium, on a server that has a
// key. E2E_SCREENSHOT names a file: beside it stand pictures in light and dark,
// wide and narrow.
func TestStatusPage(t *testing.T) {
	t.Parallel()
	const key = "a-made-up-key"
	p := server(t, dbtest.URL(t, dbmodule.SQLite), "SESSION_API_KEY="+key)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.base+"/api/conversations",
		strings.NewReader(`{"agent": {"kind": "Agent", "note": "hidden-value"}, "workspace": {"working_dir": "/hidden-value"}}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Session-API-Key", key)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil || answer.StatusCode != http.StatusCreated {
		t.Fatalf("status %d, %v", answer.StatusCode, err)
	}
	env := []string{"CHROMIUM=" + chromium(), "KEY=" + key}
	if picture := os.Getenv("E2E_SCREENSHOT"); picture != "" {
		env = append(env, "SCREENSHOT="+picture)
	}
	node(t, "status.mjs", p, env...)
	p.stop(t)
}
