package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// create makes a conversation.
func create(url string) error {
	response, err := http.Post(url+"/api/conversations", "application/json", strings.NewReader(`{"agent": {"kind": "Agent"}, "workspace": {"working_dir": "/project"}}`))
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusCreated && response.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", response.Status)
	}
	return nil
}

// conversations counts them.
func conversations(t *testing.T, url string) int {
	t.Helper()
	response, err := http.Get(url + "/api/conversations/count")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var n int
	if err := json.NewDecoder(response.Body).Decode(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A server is backed up while clients write, and restored once it is stopped.
func TestProcessIsBackedUpAndRestored(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	database := "DATABASE_URL=sqlite:///" + filepath.Join(folder, "openhands.db")
	backup := filepath.Join(folder, "backup.db")
	command := func(arguments ...string) (string, error) {
		cmd := exec.Command(serverBinary(t), append([]string{"db"}, arguments...)...)
		cmd.Env = []string{database}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	p := start(t, nil, "PORT=0", database)
	at := p.serving(t)
	for range 20 {
		if err := create(at.URL); err != nil {
			t.Fatal(err)
		}
	}
	var writers sync.WaitGroup
	var stop atomic.Bool
	for range 4 {
		writers.Go(func() {
			for !stop.Load() {
				if err := create(at.URL); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	out, err := command("backup", backup)
	stop.Store(true)
	writers.Wait()
	if err != nil || !strings.Contains(out, "verified  integrity and foreign keys") {
		t.Fatalf("backup: %v: %s", err, out)
	}
	all := conversations(t, at.URL)

	out, err = command("restore", backup)
	if want := fmt.Sprintf("the database is in use by process %d (openhands-serve", p.cmd.Process.Pid); err == nil || !strings.Contains(out, want) {
		t.Errorf("restore: %v: %s", err, out)
	}
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, p.output())
	}
	if out, err = command("restore", backup); err != nil {
		t.Fatalf("restore: %v: %s", err, out)
	}
	if info, err := os.Stat(backup); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup is %v (%v)", info, err)
	}
	p = start(t, nil, "PORT=0", database)
	if n := conversations(t, p.serving(t).URL); n < 20 || n > all {
		t.Errorf("%d conversations are restored, and there were 20 before the backup and %d after it", n, all)
	}
}
