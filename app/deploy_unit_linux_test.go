package app_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openhands-go/server/app"
)

// unit reads the settings of the systemd unit, all values of each.
func unit(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for line := range strings.Lines(read(t, deploy+"openhands-server.service")) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "#") // what is suggested counts too
		if name, value, ok := strings.Cut(line, "="); ok && regexp.MustCompile(`^[A-Z][A-Za-z]+$`).MatchString(name) {
			all[name] = append(all[name], value)
		}
	}
	return all
}

func TestUnit(t *testing.T) {
	t.Parallel()
	u := unit(t)
	cfg := app.Server().DefaultConfig()
	for _, pair := range u["Environment"] {
		name, _, _ := strings.Cut(pair, "=")
		knownSetting(t, "openhands-server.service", name)
	}
	seconds := func(name string) time.Duration {
		d, err := time.ParseDuration(u[name][0] + "s")
		if err != nil {
			t.Error(err)
		}
		return d
	}
	if seconds("TimeoutStopSec") <= cfg.StopTimeout() || seconds("TimeoutStartSec") <= cfg.StartTimeout {
		t.Errorf("systemd waits %s and %s, and a start may take %s, a stop %s", u["TimeoutStartSec"], u["TimeoutStopSec"], cfg.StartTimeout, cfg.StopTimeout())
	}
	words := strings.Fields(u["ExecStart"][0])
	if r := call(t, append(words[1:], "--help")...); r.code != 0 {
		t.Errorf("%v: %s", words, r.stderr)
	}
	if state := "/var/lib/" + u["StateDirectory"][0]; !strings.Contains(u["Environment"][0], "sqlite+aiosqlite:///"+state+"/") || u["WorkingDirectory"][0] != state {
		t.Errorf("the database is not in %s", state)
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		lacking(t, "install the package systemd", err)
	}
	// The program has to be there.
	text := strings.ReplaceAll(read(t, deploy+"openhands-server.service"), words[0], serverBinary(t))
	file := filepath.Join(t.TempDir(), "openhands-server.service")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(analyze, "verify", "--man=no", "--recursive-errors=no", file).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	// 0 is a service that can do nothing, 100 one that may do everything.
	out, err = exec.Command(analyze, "security", "--offline=true", "--threshold=20", "--no-pager", file).CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}

// Type=notify: the manager is told when it serves, and when it stops.
func TestProcessTellsItsManager(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "notify") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	hear := func() string {
		_ = socket.SetReadDeadline(time.Now().Add(limit))
		b := make([]byte, 1000)
		n, err := socket.Read(b)
		if err != nil {
			return fmt.Sprint(err)
		}
		return string(b[:n])
	}
	p := start(t, nil, "PORT=0", "NOTIFY_SOCKET="+filepath.Join(dir, "s"))
	if said := hear(); said != "READY=1" {
		t.Errorf("said %q", said)
	}
	p.serving(t)
	p.signal(t, syscall.SIGTERM)
	if said := hear(); said != "STOPPING=1" {
		t.Errorf("said %q", said)
	}
	if code := p.wait(t); code != 0 {
		t.Errorf("exit code %d:\n%s", code, p.output())
	}
}

// calls lists the system calls of a set of systemd's, those of sets in it
// included.
func calls(t *testing.T, analyze, set string) map[string]bool {
	t.Helper()
	out, err := exec.Command(analyze, "syscall-filter", "--no-pager", set).Output()
	if err != nil {
		t.Fatalf("systemd-analyze syscall-filter %s: %v", set, err)
	}
	all := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		switch line = strings.TrimSpace(line); {
		case line == set || line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "@"):
			for name := range calls(t, analyze, line) {
				all[name] = true
			}
		default:
			all[line] = true
		}
	}
	return all
}

// lacking skips a test for which this machine lacks something, unless all tests
// are asked for.
func lacking(t *testing.T, remedy string, err error) {
	t.Helper()
	if os.Getenv("DBTEST_REQUIRE") == "all" {
		t.Fatalf("%v: %s (DBTEST_REQUIRE asks for all)", err, remedy)
	}
	t.Skipf("%v: %s", err, remedy)
}

// What the unit forbids, the server does not call.
func TestUnitAllowsWhatTheServerCalls(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		lacking(t, "install the package systemd", err)
	}
	trace := filepath.Join(t.TempDir(), "trace")
	if out, err := exec.Command("strace", "-f", "-o", trace, "true").CombinedOutput(); err != nil {
		lacking(t, "install the package strace", fmt.Errorf("strace: %w: %s", err, out))
	}
	allowed := map[string]bool{}
	for _, value := range unit(t)["SystemCallFilter"] {
		without := strings.HasPrefix(value, "~")
		for set := range strings.FieldsSeq(strings.TrimPrefix(value, "~")) {
			for name := range calls(t, analyze, set) {
				allowed[name] = !without
			}
		}
	}
	address := freeAddress(t)
	server := exec.Command("strace", "-f", "-qq", "-o", trace, serverBinary(t), "serve")
	server.Dir = t.TempDir()
	server.Env = []string{"PORT=" + strings.TrimPrefix(address, "127.0.0.1:")}
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = syscall.Kill(-server.Process.Pid, syscall.SIGKILL) // strace and what it watches
		_ = server.Wait()
	}()
	for deadline := time.Now().Add(limit); ; time.Sleep(50 * time.Millisecond) {
		if err = create("http://" + address); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	name := regexp.MustCompile(`(?m)^\d+ +([a-z_0-9]+)\(`)
	seen := map[string]bool{}
	for _, m := range name.FindAllStringSubmatch(read(t, trace), -1) {
		seen[m[1]] = true
	}
	// SQLite gives its log to the database's owner, as root alone can.
	delete(seen, "fchown")
	for name := range seen {
		if !allowed[name] {
			t.Errorf("the unit forbids %s", name)
		}
	}
	if len(seen) < 20 {
		t.Errorf("only %d calls were seen", len(seen))
	}
}
