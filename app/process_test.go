//go:build unix

package app_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// limit is how long anything may take on a busy machine.
const limit = time.Minute

var binary struct {
	once   sync.Once
	folder string
	path   string
	err    error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if binary.folder != "" {
		_ = os.RemoveAll(binary.folder)
	}
	os.Exit(code)
}

// serverBinary builds the server once.
func serverBinary(t *testing.T) string {
	t.Helper()
	binary.once.Do(func() {
		if binary.folder, binary.err = os.MkdirTemp("", "openhands-server-test"); binary.err != nil {
			return
		}
		binary.path = filepath.Join(binary.folder, "openhands-server")
		if out, err := exec.Command("go", "build", "-o", binary.path, "..").CombinedOutput(); err != nil {
			binary.err = fmt.Errorf("go build: %w: %s", err, out)
		}
	})
	if binary.err != nil {
		t.Fatal(binary.err)
	}
	return binary.path
}

// process is a server that runs.
type process struct {
	cmd    *exec.Cmd
	folder string
	lines  chan string // of stderr

	mu     sync.Mutex
	stderr bytes.Buffer
	exited chan struct{}
}

// start runs the program in an empty folder with nothing but the given
// settings.
func start(t *testing.T, args []string, variables ...string) *process {
	t.Helper()
	p := &process{folder: t.TempDir(), lines: make(chan string, 1000), exited: make(chan struct{})}
	p.cmd = exec.Command(serverBinary(t), args...)
	p.cmd.Dir = p.folder
	p.cmd.Env = append([]string{"HOME=" + p.folder, "PATH=" + os.Getenv("PATH"), "GOCOVERDIR=" + p.folder}, variables...)
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.exited)
		defer close(p.lines)
		scanner := bufio.NewScanner(stderr)
		for scanner.Scan() {
			p.mu.Lock()
			p.stderr.WriteString(scanner.Text() + "\n")
			p.mu.Unlock()
			p.lines <- scanner.Text()
		}
		_, _ = io.Copy(io.Discard, stderr)
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.exited
	})
	return p
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// await returns the first line with a text.
func (p *process) await(t *testing.T, text string) string {
	t.Helper()
	timeout := time.After(limit)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				t.Fatalf("the process ended without %q:\n%s", text, p.output())
			}
			if strings.Contains(line, text) {
				return line
			}
		case <-timeout:
			t.Fatalf("no %q:\n%s", text, p.output())
		}
	}
}

// serving returns the fields of the entry that says where the server is.
func (p *process) serving(t *testing.T) (fields struct {
	URL, Docs, Engine, Database string
	Tables                      int
	Revisions                   []string
},
) {
	t.Helper()
	if err := json.Unmarshal([]byte(p.await(t, `"msg":"serving"`)), &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

func (p *process) signal(t *testing.T, sig os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// wait returns the exit code.
func (p *process) wait(t *testing.T) int {
	t.Helper()
	for {
		select {
		case <-p.lines: // make room
		case <-p.exited:
			return p.cmd.ProcessState.ExitCode()
		case <-time.After(limit):
			t.Fatalf("the process does not end:\n%s", p.output())
		}
	}
}

func TestProcessServesAndStops(t *testing.T) {
	t.Parallel()
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			p := start(t, nil, "PORT=0")
			at := p.serving(t)
			if at.Engine != "sqlite" || filepath.Base(at.Database) != "openhands.db" || at.Tables != 5 || len(at.Revisions) != 1 {
				t.Errorf("got %+v", at)
			}
			for _, url := range []string{at.URL + "/ready", at.Docs} {
				response, err := http.Get(url)
				if err != nil {
					t.Fatal(err)
				}
				_ = response.Body.Close()
				if response.StatusCode != http.StatusOK {
					t.Errorf("GET %s: %s", url, response.Status)
				}
			}
			p.signal(t, sig)
			if code := p.wait(t); code != 0 {
				t.Errorf("exit code %d:\n%s", code, p.output())
			}
			if _, err := os.Stat(filepath.Join(p.folder, "openhands.db")); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestProcessBannerForPeople(t *testing.T) {
	t.Parallel()
	p := start(t, []string{"serve"}, "PORT=0", "LOG_FORMAT=console")
	p.await(t, "serving   http://127.0.0.1:")
	p.await(t, "docs      http://127.0.0.1:")
	p.await(t, "database  sqlite: ")
	p.await(t, "schema    5 tables, at revision ")
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != 0 {
		t.Errorf("exit code %d:\n%s", code, p.output())
	}
}

func TestProcessNamesAnAddressToVisit(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "PORT=0", "HOST=0.0.0.0", "ALLOW_INSECURE=true")
	if at := p.serving(t); !strings.HasPrefix(at.URL, "http://localhost:") || at.Docs != at.URL+"/docs" {
		t.Errorf("got %+v", at)
	}
}

func TestProcessSaysThatTheSchemaIsBehind(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "PORT=0", "LOG_FORMAT=console", "DATABASE_SCHEMA=none")
	p.await(t, "schema    5 tables, not ready: tables are missing: conversation_tags, conversations, event_counts, events, refused_deliveries; ")
}

// hang sends half a request and returns when the server waits for the rest.
func hang(t *testing.T, url string) {
	t.Helper()
	address := strings.TrimPrefix(url, "http://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	// Only a handler that reads the body makes net/http ask for it.
	_, err = fmt.Fprintf(conn, "POST /api/conversations HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n", address)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(line, "100") {
		t.Fatalf("the server does not wait for the body: %q, %v", line, err)
	}
}

func TestProcessEndsAtOnceOnSecondSignal(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "PORT=0", "SHUTDOWN_TIMEOUT=10m", "READ_TIMEOUT=10m", "REQUEST_TIMEOUT=10m")
	hang(t, p.serving(t).URL)
	p.signal(t, syscall.SIGTERM)
	p.await(t, "stopping")
	select {
	case <-p.exited:
		t.Fatalf("it did not wait for the request:\n%s", p.output())
	case <-time.After(500 * time.Millisecond):
	}
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if !strings.HasSuffix(p.output(), "openhands-server: stopped at once by a second signal: requests in progress were cut off\n") {
		t.Errorf("got %s", p.output())
	}
}

func TestProcessTakesCopiesOfASignalForOne(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "PORT=0")
	p.serving(t)
	for range 3 {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	}
	if code := p.wait(t); code != 0 {
		t.Errorf("exit code %d:\n%s", code, p.output())
	}
}

func TestProcessCutsOffAfterShutdownTimeout(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "PORT=0", "SHUTDOWN_TIMEOUT=100ms", "READ_TIMEOUT=10m", "REQUEST_TIMEOUT=10m")
	hang(t, p.serving(t).URL)
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != 0 {
		t.Errorf("a client that is stuck is no failure, exit code %d", code)
	}
	for _, says := range []string{"1 requests cut off after SHUTDOWN_TIMEOUT", `"msg":"stopped"}`} {
		if !strings.Contains(p.output(), says) {
			t.Errorf("%s is not in %s", says, p.output())
		}
	}
}

func TestProcessDrainsOnSIGHUP(t *testing.T) {
	t.Parallel()
	// A process that was started to ignore the signal, as nohup does, goes on ignoring it,
	// and hands that down. This one hands down what others get.
	received := make(chan os.Signal, 1)
	signal.Notify(received, syscall.SIGHUP)
	defer signal.Stop(received)
	p := start(t, nil, "PORT=0")
	p.serving(t)
	p.signal(t, syscall.SIGHUP)
	if code := p.wait(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if lines := strings.Split(strings.TrimSpace(p.output()), "\n"); !strings.Contains(lines[len(lines)-1], `"msg":"stopped"`) {
		t.Errorf("the last line does not say that it has stopped: %s", p.output())
	}
}

func TestProcessStopsWhileItWaitsForTheDatabase(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "PORT=0", "START_TIMEOUT=10m", "DATABASE_URL=postgresql://u:"+password+"@127.0.0.1:1/db")
	p.await(t, "waiting for the database")
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if out := p.output(); !strings.Contains(out, "told to stop by signal") || strings.Contains(out, password) {
		t.Errorf("got %s", out)
	}
}

func TestProcessRefusesTakenPort(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	p := start(t, nil, "PORT="+port)
	if code := p.wait(t); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if out := p.output(); !strings.Contains(out, "openhands-server: listen on 127.0.0.1:"+port+": another process uses it") {
		t.Errorf("got %s", out)
	}
}
