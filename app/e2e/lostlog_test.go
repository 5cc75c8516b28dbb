package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// TestLogThatIsDeleted deletes SQLite's write-ahead log under a server, which then is killed. What
// the server acknowledged before and after is there when it starts again.
func TestLogThatIsDeleted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "server.db")
	p := server(t, "sqlite:///"+path)
	pushed := &pusher{id: uuid.NewString()}
	pushed.to.Store(p)
	pushed.conversation(t)
	pushed.events(t, 20)
	if err := os.Remove(path + "-wal"); err != nil {
		t.Fatal(err)
	}
	p.awaitLog(t, "nothing is lost")
	pushed.events(t, 20)
	kill(t, p)
	p = server(t, "sqlite:///"+path)
	if got := ask(t, p, "", http.MethodGet, "/api/conversations/"+pushed.id+"/events/count", nil); fmt.Sprint(got) != "40" {
		t.Errorf("%v events are there after the server was killed, want 40", got)
	}
	p.stop(t)
}

func (p *program) awaitLog(t *testing.T, text string) {
	t.Helper()
	for limit := time.Now().Add(startLimit); !strings.Contains(p.log.String(), text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("the log does not say %q:\n%s", text, p.log)
		}
	}
}

func kill(t *testing.T, p *program) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.done
}
