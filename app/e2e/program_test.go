package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startLimit and stopLimit are how long a program may take at most, on a busy
// machine: they end a hang, and measure nothing.
const (
	startLimit = 60 * time.Second
	stopLimit  = 30 * time.Second
)

// listening matches what the log says of the address: with PORT=0 only the
// log knows it.
var listening = regexp.MustCompile(`http://(127\.0\.0\.1:[0-9]+)`)

// program is a running server.
type program struct {
	// base is its URL, without a slash at the end.
	base string

	cmd  *exec.Cmd
	log  *logBuffer
	done chan struct{}
	err  error // of Wait, once done is closed
}

// build compiles the package in folder, an absolute path, and returns the
// program's path.
func build(ctx context.Context, folder, output string, env ...string) (string, error) {
	args := append([]string{"build"}, buildFlags...)
	cmd := exec.CommandContext(ctx, "go", append(args, "-o", output, ".")...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("e2e: build %s: %w\n%s", filepath.Base(folder), err, out)
	}
	return output, nil
}

var buildServer = sync.OnceValues(func() (string, error) {
	root, err := checkout()
	if err != nil {
		return "", err
	}
	// Several tests share the result: it belongs to none of their contexts.
	return build(context.Background(), root, filepath.Join(work, "openhands-server"))
})

// checkout is the folder that holds the module's go.mod.
func checkout() (string, error) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return "", fmt.Errorf("e2e: find checkout: %w", err)
	}
	return root, nil
}

// server starts the built server on a database, with a port of its own.
func server(t *testing.T, databaseURL string, env ...string) *program {
	t.Helper()
	path, err := buildServer()
	if err != nil {
		t.Fatal(err)
	}
	return start(t, path, append([]string{"DATABASE_URL=" + databaseURL}, env...)...)
}

// start runs a program with PORT=0 until it is ready. Its environment holds
// none of the settings that this process may have been given.
func start(t *testing.T, path string, env ...string) *program {
	t.Helper()
	p := &program{log: &logBuffer{}, done: make(chan struct{})}
	p.cmd = exec.Command(path)
	p.cmd.Dir = t.TempDir()
	p.cmd.Env = append(bareEnvironment(), append([]string{"HOST=127.0.0.1", "PORT=0", "LOG_FORMAT=json"}, env...)...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", filepath.Base(path), err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		select {
		case <-p.done:
		default: // a test that failed before it stopped its program
			_ = p.cmd.Process.Kill()
			<-p.done
		}
		if t.Failed() {
			t.Logf("%s logged last:\n%s", filepath.Base(path), p.log.tail(20))
		}
	})
	p.awaitReady(t)
	return p
}

// bareEnvironment is what any program needs, and none of a server's settings.
func bareEnvironment() []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "USER", "LANG", "TZ"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// awaitReady waits for the address in the log and for /ready to answer 200.
func (p *program) awaitReady(t *testing.T) {
	t.Helper()
	deadline := time.After(startLimit)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.done:
			t.Fatalf("the program ended before it was ready: %v\n%s", p.err, p.log)
		case <-deadline:
			t.Fatalf("the program was not ready after %v:\n%s", startLimit, p.log)
		case <-tick.C:
		}
		if p.base == "" {
			if found := listening.FindStringSubmatch(p.log.String()); found != nil {
				p.base = "http://" + found[1]
			}
		}
		if p.base != "" && p.answers(t, "/ready") {
			return
		}
	}
}

func (p *program) answers(t *testing.T, path string) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false // not yet
	}
	_, err = io.Copy(io.Discard, res.Body)
	return errors.Join(err, res.Body.Close()) == nil && res.StatusCode == http.StatusOK
}

// stop asks the program to end as a supervisor does, and checks that it ended
// by itself, without a complaint and without a race.
func (p *program) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("signal: %v", err)
	}
	select {
	case <-p.done:
	case <-time.After(stopLimit):
		t.Fatalf("the program still runs %v after SIGTERM:\n%s", stopLimit, p.log)
	}
	if p.err != nil {
		t.Fatalf("the program did not end cleanly: %v\n%s", p.err, p.log)
	}
	for _, bad := range []string{"DATA RACE", "panic:", `"level":"error"`} {
		if strings.Contains(p.log.String(), bad) {
			t.Errorf("the log holds %q:\n%s", bad, p.log)
		}
	}
}

// logBuffer collects what a program prints while others read it.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// tail is the last lines, without the rest of a long run.
func (b *logBuffer) tail(lines int) string {
	all := strings.Split(strings.TrimSpace(b.String()), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
