package dbtest

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openhands-go/server/dbmodule"
)

// StartPooler starts PgBouncer in front of the server of a PostgreSQL URL and
// returns the URL of PgBouncer, which works until the end of the test. mode is
// PgBouncer's pool_mode, and size is its number of connections to the server for
// each database and account. If PgBouncer is not installed, StartPooler skips or
// fails t as [Config] does for an engine.
func StartPooler(t testing.TB, rawURL, mode string, size int) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer"
		if _, err := os.Stat(program); err != nil {
			shared.giveUp(t, dbmodule.PostgreSQL, &missingError{"dbtest: PgBouncer is not installed: install the package pgbouncer"})
		}
	}
	through, cmd, err := startPooler(t, program, rawURL, mode, size)
	if err != nil {
		t.Fatalf("dbtest: start PgBouncer: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	return through
}

func startPooler(t testing.TB, program, rawURL, mode string, size int) (string, *exec.Cmd, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", nil, errors.New("the URL can't be read")
	}
	password, _ := u.User.Password()
	port, err := freePort(t.Context())
	if err != nil {
		return "", nil, err
	}
	runsAs, err := serverAccount("postgres")
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "pgbouncer")
	if err != nil {
		return "", nil, err
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	users, ini, log := filepath.Join(dir, "users"), filepath.Join(dir, "ini"), filepath.Join(dir, "log")
	config := fmt.Sprintf(`[databases]
* = host=%s port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = plain
auth_file = %s
pool_mode = %s
default_pool_size = %d
max_client_conn = 500
logfile = %s
`, u.Hostname(), u.Port(), port, users, mode, size, log)
	err = errors.Join(os.WriteFile(ini, []byte(config), 0o600),
		os.WriteFile(users, fmt.Appendf(nil, "%q %q\n", u.User.Username(), password), 0o600),
		runsAs.own(dir), runsAs.own(ini), runsAs.own(users))
	if err != nil {
		return "", nil, err
	}
	cmd := exec.Command(program, ini)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if runsAs.other { // PgBouncer refuses to run as root
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(runsAs.uid), Gid: uint32(runsAs.gid)}
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	u.Host = fmt.Sprintf("127.0.0.1:%d", port)
	if err := answers(u.Host); err != nil {
		text, _ := os.ReadFile(log) // there may be no log yet
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return "", nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(string(text)))
	}
	return u.String(), cmd, nil
}

// answers waits until a server accepts connections at address.
func answers(address string) error {
	for deadline := time.Now().Add(connectLimit); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}
