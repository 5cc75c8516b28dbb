//go:build linux

package migrate_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// pooled starts PgBouncer with transaction pooling in front of a database and
// returns the URL through it. It skips the test where there is none, as the
// test kit does.
func pooled(t *testing.T, raw string, poolSize int) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer"
		if _, err := os.Stat(program); err != nil {
			const reason = "PgBouncer is not installed: install the package pgbouncer"
			if os.Getenv("DBTEST_REQUIRE") != "" {
				t.Fatal(reason)
			}
			t.Skip(reason)
		}
	}
	u, err := url.Parse(raw)
	require.NoError(t, err)
	password, _ := u.User.Password()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	require.NoError(t, listener.Close())

	dir, err := os.MkdirTemp("", "pgbouncer")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	config := fmt.Sprintf(`[databases]
* = host=127.0.0.1 port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
unix_socket_dir =
auth_type = plain
auth_file = %s
pool_mode = transaction
default_pool_size = %d
max_client_conn = 500
logfile = %s
`, u.Port(), port, filepath.Join(dir, "users"), poolSize, filepath.Join(dir, "log"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ini"), []byte(config), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "users"), fmt.Appendf(nil, "%q %q\n", u.User.Username(), password), 0o644))
	require.NoError(t, os.Chmod(dir, 0o777))
	cmd := exec.Command(program, filepath.Join(dir, "ini"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() == 0 { // PgBouncer refuses to run as root
		nobody, err := user.Lookup("nobody")
		require.NoError(t, err)
		uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
		require.NoError(t, err)
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
	}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	u.Host = "127.0.0.1:" + port
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", u.Host)
		if err == nil {
			_ = conn.Close()
			return u.String()
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			t.Fatalf("%v: %s", err, log)
		}
	}
}

// The lock holds although PgBouncer hands each transaction to another server
// connection, of which there are fewer than processes that want one.
func TestBehindTransactionPooling(t *testing.T) {
	t.Parallel()
	through := pooled(t, dbtest.URL(t, dbmodule.PostgreSQL), 3)
	folders := ledger()
	folders = append(folders, folder{
		id: "s1", revises: folders[len(folders)-1].id,
		up: "-- migrate:no-transaction\nCREATE INDEX CONCURRENTLY ix_ledger ON ledger (revision);",
	})
	cfg := dbmodule.DefaultConfig()
	require.NoError(t, cfg.URL.UnmarshalText([]byte(through)))
	cfg.PoolSize, cfg.MaxOverflow = 1, 0
	var ran atomic.Int32
	var wg sync.WaitGroup
	for range 10 {
		db := dbtest.Open(t, cfg)
		m := newMigrator(t, source(folders...))
		wg.Go(func() {
			steps, err := m.Upgrade(t.Context(), db, "head")
			if err != nil {
				t.Error(err)
			}
			ran.Add(int32(len(steps)))
		})
	}
	wg.Wait()
	if ran.Load() != ledgerLength+2 {
		t.Errorf("%d revisions ran, want %d", ran.Load(), ledgerLength+2)
	}
	db := dbtest.Open(t, cfg)
	if n := count(t, db, "SELECT count(*) FROM ledger"); n != ledgerLength {
		t.Errorf("%d rows in the ledger, want %d", n, ledgerLength)
	}
	if s := state(t, newMigrator(t, source(folders...)), db); !s.Ready() {
		t.Errorf("%+v", s)
	}
}

// Behind a pooler that changes sessions between transactions nothing is kept
// prepared: the next transaction would look for it on another session.
func TestNothingIsPreparedBehindTransactionPooling(t *testing.T) {
	t.Parallel()
	cfg := dbmodule.DefaultConfig()
	require.NoError(t, cfg.URL.UnmarshalText([]byte(pooled(t, dbtest.URL(t, dbmodule.PostgreSQL), 2))))
	db := dbtest.Open(t, cfg)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			for i := range 20 {
				var n int
				err := db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
					return s.NewRaw("SELECT count(*) FROM generate_series(1, 9) AS n WHERE n > ?", i).Scan(ctx, &n)
				}, dbmodule.MaxAttempts(1))
				if err != nil || n != max(9-i, 0) {
					t.Errorf("%d: %v", n, err)
				}
			}
		})
	}
	wg.Wait()
	var n int
	require.NoError(t, db.DB().NewRaw("SELECT count(*) FROM pg_prepared_statements").Scan(t.Context(), &n))
	require.Zero(t, n)
}
