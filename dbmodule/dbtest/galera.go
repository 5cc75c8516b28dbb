package dbtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openhands-go/server/dbmodule"
)

// galeraLimit bounds the start of a node, which gets the cluster's data first.
const galeraLimit = 3 * time.Minute

// StartGalera starts a Galera cluster of MariaDB nodes on the loopback
// interface, stops it when t ends, and returns the nodes, which all have the same
// password. Each node is an ordinary [Server]. A killed node can be restarted and
// joins the cluster again, except for the first node. StartGalera needs what
// [StartServer] needs for MariaDB, and the packages galera-4, rsync and
// mariadb-server (for the script wsrep_sst_rsync). If they are missing,
// StartGalera skips or fails t.
func StartGalera(t testing.TB, nodes int, opts ...ServerOption) []*Server {
	t.Helper()
	r, err := galeraRecipe(shared.recipes[dbmodule.MySQL])
	if err != nil {
		shared.giveUp(t, dbmodule.MySQL, err)
	}
	servers := make([]*Server, nodes)
	t.Cleanup(func() {
		for _, s := range servers {
			if s == nil {
				continue
			}
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
		}
	})
	password, seed := newPassword(), ""
	start := func(i int) error {
		var o serverOptions
		for _, opt := range opts {
			opt(&o)
		}
		o.limit = galeraLimit
		address, settings, err := galeraSettings(t.Context(), i+1, seed)
		if err != nil {
			return err
		}
		o.settings = append(settings, o.settings...)
		own := r
		if i > 0 {
			own.initialise = emptyFolder
		}
		if servers[i], err = startServer(t.Context(), own, o, password); err != nil {
			return err
		}
		if i == 0 {
			seed = address
		}
		return servers[i].joined(t.Context())
	}
	if err := start(0); err != nil {
		shared.giveUp(t, dbmodule.MySQL, err)
	}
	errs := make([]error, nodes)
	var wg sync.WaitGroup
	for i := 1; i < nodes; i++ {
		wg.Go(func() { errs[i] = start(i) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return servers
}

// galeraRecipe returns MariaDB's recipe with the programs that nodes call.
func galeraRecipe(r recipe) (recipe, error) {
	r.path = strings.Join(append(strings.Split(r.path, string(os.PathListSeparator)), "/usr/sbin", "/usr/bin"), string(os.PathListSeparator))
	for _, program := range []string{"rsync", "wsrep_sst_rsync"} {
		found := false
		for _, folder := range searchPath(r.path, nil) {
			found = found || executable(folder, program) != ""
		}
		if !found {
			return r, &missingError{"dbtest: Galera is not installed: no folder of PATH holds " + program}
		}
	}
	if galeraLibrary() == "" {
		return r, &missingError{"dbtest: Galera is not installed: there is no libgalera_smm.so"}
	}
	return r, nil
}

func galeraLibrary() string {
	for _, path := range []string{"/usr/lib/galera/libgalera_smm.so", "/usr/lib64/galera/libgalera_smm.so", "/usr/lib/libgalera_smm.so"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// galeraSettings returns the address at which the node talks to the other nodes, and
// the node's settings. The node joins the node at seed, or is the first one if seed
// is empty.
func galeraSettings(ctx context.Context, number int, seed string) (address string, settings []string, err error) {
	ports := make([]int, 3)
	for i := range ports {
		if ports[i], err = freePort(ctx); err != nil {
			return "", nil, err
		}
	}
	address = "127.0.0.1:" + strconv.Itoa(ports[0])
	return address, []string{
		"server-id=" + strconv.Itoa(number), "binlog-format=ROW", "innodb-autoinc-lock-mode=2",
		"wsrep-on=ON", "wsrep-provider=" + galeraLibrary(), "wsrep-cluster-address=gcomm://" + seed,
		"wsrep-node-name=node" + strconv.Itoa(number), "wsrep-node-address=127.0.0.1",
		"wsrep-sst-method=rsync", fmt.Sprintf("wsrep-sst-receive-address=127.0.0.1:%d", ports[2]),
		fmt.Sprintf("wsrep-provider-options=base_port=%d;gmcast.listen_addr=tcp://127.0.0.1:%[1]d;ist.recv_addr=127.0.0.1:%d;pc.recovery=false;gcache.size=16M",
			ports[0], ports[1]),
	}, nil
}

// emptyFolder makes a data directory that the cluster fills.
func emptyFolder(_ binaries, l layout, _ serverOptions) ([]string, error) {
	if err := os.WriteFile(l.secret(), nil, 0o600); err != nil {
		return nil, fmt.Errorf("dbtest: write accounts file: %w", err)
	}
	return []string{"/bin/mkdir", l.data()}, nil
}

// joined waits until the node takes part in the cluster.
func (s *Server) joined(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, galeraLimit)
	defer cancel()
	for {
		err := s.ready(ctx)
		if err == nil {
			return nil
		}
		if pauseErr := pause(ctx, 50*time.Millisecond); pauseErr != nil {
			return fmt.Errorf("dbtest: start Galera node: %w", errors.Join(pauseErr, err))
		}
	}
}

func (s *Server) ready(ctx context.Context) error {
	db, err := openAdmin(ctx, s.URL())
	if err != nil {
		return err
	}
	var name, value string
	err = db.DB().NewRaw("SHOW STATUS LIKE 'wsrep_ready'").Scan(ctx, &name, &value)
	if err == nil && value != "ON" {
		err = errors.New("dbtest: start Galera node: it is not ready")
	}
	return errors.Join(err, db.Close())
}
