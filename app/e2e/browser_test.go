package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// TestBrowser opens /docs in a headless Chromium, tries a request there and
// sees the answer, with no other machine asked for anything. E2E_SCREENSHOT
// names a file for a picture of it; set to 1, the picture goes to the system's
// folder for temporary files.
func TestBrowser(t *testing.T) {
	t.Parallel()
	p := server(t, dbtest.URL(t, dbmodule.SQLite))
	env := []string{"CHROMIUM=" + chromium()}
	if picture := os.Getenv("E2E_SCREENSHOT"); picture != "" {
		if picture == "1" {
			picture = filepath.Join(os.TempDir(), "openhands-docs.png")
		}
		env = append(env, "SCREENSHOT="+picture)
		t.Log("picture:", picture)
	}
	node(t, "browser.mjs", p, env...)
	p.stop(t)
}

// chromium finds a browser on PATH; without one, playwright looks for its own.
func chromium() string {
	for _, name := range []string{"chromium", "google-chrome-stable", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// TestRebinding has a page of another site, whose name resolves to this machine,
// ask a server without a key in a headless Chromium.
func TestRebinding(t *testing.T) {
	t.Parallel()
	p := server(t, dbtest.URL(t, dbmodule.SQLite), "ALLOWED_HOSTS=friend.example")
	node(t, "rebinding.mjs", p, "CHROMIUM="+chromium())
	p.stop(t)
}
