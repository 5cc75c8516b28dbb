//go:build cluster

package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
)

const (
	galeraProvider = "/usr/lib/galera/libgalera_smm.so"
	// galeraLimit bounds the start: each node takes 15 to 40 s, one by one.
	galeraLimit = 4 * time.Minute
)

// galera starts a cluster of three nodes and returns the URLs of one empty
// database through each. It needs galera-4, rsync and, on PATH, MariaDB's
// programs with wsrep_sst_rsync (Debian's package mariadb-server has it), by
// which a node gets the first one's data.
func galera(t *testing.T) []string {
	t.Helper()
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/usr/bin")
	for _, program := range []string{"mariadbd", "mariadb-install-db", "rsync", "wsrep_sst_rsync"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	if _, err := os.Stat(galeraProvider); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), galeraLimit)
	defer cancel()
	first := startNode(ctx, t, "")
	nodes := []*galeraNode{first, startNode(ctx, t, first.cluster), startNode(ctx, t, first.cluster)}
	urls := make([]string, len(nodes))
	for i, node := range nodes {
		urls[i] = node.url
		node.await(ctx, t)
	}
	return urls
}

// galeraNode is a throwaway server of a cluster.
type galeraNode struct {
	url, cluster, log string
	ended             chan struct{}
}

// startNode starts a node that joins the one at the address, or is the first.
func startNode(ctx context.Context, t *testing.T, cluster string) *galeraNode {
	t.Helper()
	dir, err := os.MkdirTemp("", "galera-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() == 0 { // no server starts as root
		nobody, err := user.Lookup("nobody")
		require.NoError(t, err)
		uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
		require.NoError(t, err)
		gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
		require.NoError(t, err)
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		require.NoError(t, os.Chown(dir, int(uid), int(gid)))
	}
	common := []string{
		"--no-defaults", "--datadir=" + filepath.Join(dir, "data"), "--tmpdir=" + dir, "--skip-name-resolve",
		"--innodb-flush-method=nosync", "--innodb-log-file-size=32M",
	}
	command := func(program string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), program, append(common[:len(common):len(common)], args...)...)
		cmd.Dir, cmd.Env, cmd.SysProcAttr = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C"}, attr
		return cmd
	}
	if out, err := command("mariadb-install-db", "--skip-test-db", "--auth-root-authentication-method=normal").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	const database, password = "dbtest", "of one test"
	ports := freePorts(t, 4)
	node := &galeraNode{
		url: fmt.Sprintf("mysql://%s:%s@127.0.0.1:%d/%[1]s", database, strings.ReplaceAll(password, " ", "%20"), ports[0]),
		log: filepath.Join(dir, "log"), cluster: fmt.Sprintf("127.0.0.1:%d", ports[1]), ended: make(chan struct{}),
	}
	args := []string{
		"--socket=" + filepath.Join(dir, "sock"), "--pid-file=" + filepath.Join(dir, "pid"),
		"--bind-address=127.0.0.1", fmt.Sprintf("--port=%d", ports[0]), "--character-set-server=utf8mb4",
		"--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=2",
		"--binlog-format=ROW", "--innodb-autoinc-lock-mode=2",
		"--wsrep-on=ON", "--wsrep-provider=" + galeraProvider, "--wsrep-cluster-address=gcomm://" + cluster,
		"--wsrep-sst-method=rsync", "--wsrep-node-address=127.0.0.1", fmt.Sprintf("--wsrep-sst-receive-address=127.0.0.1:%d", ports[3]),
		fmt.Sprintf("--wsrep-provider-options=base_port=%d;gmcast.listen_addr=tcp://127.0.0.1:%[1]d;ist.recv_addr=127.0.0.1:%d;pc.recovery=false;gcache.size=16M", ports[1], ports[2]),
	}
	if cluster == "" { // the others get its accounts
		accounts := filepath.Join(dir, "accounts")
		text := fmt.Sprintf("CREATE DATABASE %[1]s CHARACTER SET utf8mb4;\nCREATE USER '%[1]s'@'%%' IDENTIFIED BY '%[2]s';\nGRANT ALL ON *.* TO '%[1]s'@'%%';\n", database, password)
		require.NoError(t, os.WriteFile(accounts, []byte(text), 0o644))
		args = append(args, "--init-file="+accounts)
	}
	log, err := os.OpenFile(node.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	require.NoError(t, err)
	cmd := command("mariadbd", args...)
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(t, cmd.Start())
	require.NoError(t, log.Close())
	go func() {
		_ = cmd.Wait() // it is killed
		close(node.ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-node.ended
	})
	if cluster == "" {
		node.await(ctx, t)
	}
	return node
}

// await returns when the node has joined and answers.
func (n *galeraNode) await(ctx context.Context, t *testing.T) {
	t.Helper()
	for {
		err := n.ready(ctx)
		if err == nil {
			return
		}
		select {
		case <-time.After(50 * time.Millisecond):
			continue
		case <-ctx.Done():
		case <-n.ended:
		}
		log, _ := os.ReadFile(n.log)
		t.Fatalf("%v; its log ends:\n%s", err, log[max(0, len(log)-3000):])
	}
}

func (n *galeraNode) ready(ctx context.Context) (err error) {
	cfg := dbmodule.DefaultConfig()
	if cfg.URL, err = dbmodule.ParseURL(n.url); err != nil {
		return err
	}
	db, err := dbmodule.Open(cfg, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var name, value string
	if err := db.DB().NewRaw("SHOW STATUS LIKE 'wsrep_ready'").Scan(ctx, &name, &value); err != nil {
		return err
	}
	if value != "ON" {
		return errors.New("not ready")
	}
	return nil
}

// freePorts finds ports that nobody listens on.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports
}

// onNode opens a database through a node. With fresh, its reads see what any
// node had committed before.
func onNode(t *testing.T, url string, fresh bool) *dbmodule.Database {
	t.Helper()
	if fresh {
		url += "?init_command=SET+SESSION+wsrep_sync_wait=15"
	}
	cfg := dbmodule.DefaultConfig()
	require.NoError(t, cfg.URL.UnmarshalText([]byte(url)))
	return dbtest.Open(t, cfg)
}

// another makes a second database and returns its URLs.
func another(t *testing.T, urls []string, name string) []string {
	t.Helper()
	others := make([]string, len(urls))
	for i, url := range urls {
		db := onNode(t, url, true)
		if i == 0 {
			_, err := db.DB().ExecContext(t.Context(), "CREATE DATABASE "+name+" CHARACTER SET utf8mb4")
			require.NoError(t, err)
		}
		if n := count(t, db, "SELECT count(*) FROM information_schema.schemata WHERE schema_name = '"+name+"'"); n != 1 {
			t.Fatalf("node %d has no %s", i+1, name)
		}
		others[i] = strings.TrimSuffix(url, "/dbtest") + "/" + name
	}
	return others
}

func TestGalera(t *testing.T) {
	began := time.Now()
	urls := galera(t)
	t.Logf("three nodes in %s", time.Since(began).Round(time.Millisecond))

	// Twelve processes upgrade through three nodes at once. The one that is
	// killed at work holds the lease, which the others wait out.
	t.Run("processes on all nodes", func(t *testing.T) {
		upgradeAtOnce(t, urls, 12, 1, 1)
		for i, url := range urls {
			t.Run(strconv.Itoa(i+1), func(t *testing.T) { checkLedger(t, onNode(t, url, true)) })
		}
	})

	// Records of progress that fail certification are made again, and what they
	// are about is not.
	t.Run("conflicts", func(t *testing.T) {
		urls := another(t, urls, "conflicts")
		db, other := onNode(t, urls[0], false), onNode(t, urls[1], true)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var wg sync.WaitGroup
		var written, retried atomic.Int32
		wg.Go(func() {
			for ctx.Err() == nil {
				_, err := other.DB().ExecContext(t.Context(), "UPDATE "+migrate.LeaseTable+" SET expires_at = UTC_TIMESTAMP(6) + INTERVAL 30 SECOND")
				if err == nil {
					written.Add(1)
				}
				time.Sleep(time.Duration(50+rand.IntN(300)) * time.Millisecond)
			}
		})
		m := newMigrator(t, source(ledger()...)).With(migrate.WithProgress(func(p migrate.Progress) {
			if p.Phase == migrate.PhaseRetry {
				retried.Add(1)
			}
		}))
		steps, err := m.Upgrade(t.Context(), db, "head")
		cancel()
		wg.Wait()
		t.Logf("%d conflicting writes, %d retries", written.Load(), retried.Load())
		if err != nil || len(steps) != ledgerLength+1 {
			t.Fatalf("%s, %v", stepIDs(steps), err)
		}
		checkLedger(t, other)
	})

	// DDL holds up every commit of the cluster, renewals of the lease too. Other
	// statements only keep their own transaction open.
	t.Run("statements that take longer than a lease", func(t *testing.T) {
		urls := another(t, urls, "lasting")
		const term = 2 * time.Second
		var took atomic.Int64
		folders := []folder{{id: "s1", up: "CREATE TABLE slow (id INTEGER PRIMARY KEY);\n" +
			"INSERT INTO slow SELECT seq FROM seq_1_to_100000;\n" +
			"DO SLEEP(5);\n" +
			"ALTER TABLE slow ADD COLUMN filled VARCHAR(128) DEFAULT (SHA2(REPEAT(UUID(), 100), 512)), ALGORITHM=COPY;\n" +
			"INSERT INTO slow (id) VALUES (0);"}, {id: "s2", revises: "s1", up: "CREATE TABLE after (id INTEGER PRIMARY KEY);"}}
		var wg sync.WaitGroup
		var ran atomic.Int32
		for i, url := range urls {
			db := onNode(t, url, false)
			last := time.Now()
			m := newMigrator(t, source(folders...)).With(migrate.LeaseTerm(term), migrate.WithProgress(func(p migrate.Progress) {
				if p.Phase == migrate.PhaseStatement && p.Statement == 4 {
					took.Store(int64(time.Since(last)))
				}
				last = time.Now()
			}))
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 500 * time.Millisecond) // the first one gets it
				steps, err := m.Upgrade(t.Context(), db, "head")
				if err != nil {
					t.Errorf("node %d: %v", i+1, err)
				}
				t.Logf("node %d ran %q", i+1, stepIDs(steps))
				ran.Add(int32(len(steps)))
			})
		}
		wg.Wait()
		t.Logf("DDL took %s", time.Duration(took.Load()).Round(time.Millisecond))
		if took.Load() < int64(term) {
			t.Error("that is too short to test anything")
		}
		if ran.Load() != 2 {
			t.Errorf("%d revisions ran", ran.Load())
		}
		for _, url := range urls {
			db := onNode(t, url, true)
			if s := state(t, newMigrator(t, source(folders...)), db); !s.Ready() || len(s.Pending) > 0 {
				t.Errorf("%+v", s)
			}
			if n := count(t, db, "SELECT count(*) FROM slow"); n != 100001 {
				t.Errorf("%d rows", n)
			}
		}
	})
}
