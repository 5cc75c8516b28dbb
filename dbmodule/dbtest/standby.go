package dbtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openhands-go/server/dbmodule"
)

// replicated returns the settings that a server needs to have standbys.
func replicated(engine dbmodule.Engine, number int) []string {
	if engine == dbmodule.MySQL {
		return []string{"server-id=" + strconv.Itoa(number), "log-bin=binlog", "log-slave-updates", "gtid-strict-mode"}
	}
	return nil // PostgreSQL's defaults are enough
}

// StartPrimary is [StartServer] for a server that [StartStandby] will follow.
func StartPrimary(t testing.TB, engine dbmodule.Engine, opts ...ServerOption) *Server {
	t.Helper()
	return StartServer(t, engine, append([]ServerOption{WithSettings(replicated(engine, 1)...)}, opts...)...)
}

// StartStandby starts a server that replicates a server of [StartPrimary]. On
// PostgreSQL the standby begins as a copy of the primary and then uses streaming
// replication. On MariaDB it replicates by GTID, and the primary must still be
// empty. User and password are the same as the primary's. The standby is stopped
// when t ends. If the programs are missing, StartStandby skips or fails t as
// [StartServer] does.
func StartStandby(t testing.TB, primary *Server, opts ...ServerOption) *Server {
	t.Helper()
	engine := primary.recipe.engine
	o := serverOptions{durable: primary.options.durable, settings: replicated(engine, 2)}
	for _, opt := range opts {
		opt(&o)
	}
	r := primary.recipe
	if engine == dbmodule.PostgreSQL {
		r.initialise = copyOf(primary)
	}
	s, err := startServer(t.Context(), r, o, primary.layout.password)
	if err != nil {
		shared.giveUp(t, engine, err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	if engine == dbmodule.MySQL {
		if err := follow(t.Context(), primary, s); err != nil {
			t.Fatalf("dbtest: start standby: %v", err)
		}
	}
	return s
}

// address returns the host and port on which the server listens.
func (s *Server) address() (host, port string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return "127.0.0.1", strconv.Itoa(s.port)
}

// copyOf returns a recipe's initialise for a standby: it copies the primary's data directory, and
// the copy then follows the primary.
func copyOf(primary *Server) func(b binaries, l layout, o serverOptions) ([]string, error) {
	return func(b binaries, l layout, o serverOptions) ([]string, error) {
		host, port := primary.address()
		program := executable(filepath.Dir(b.initialise), "pg_basebackup")
		if program == "" {
			return nil, &missingError{"dbtest: pg_basebackup is not installed beside initdb"}
		}
		// The server's home is its folder: the program and the standby find the
		// password there.
		quote := strings.NewReplacer(`\`, `\\`, ":", `\:`)
		line := strings.Join([]string{host, port, "*", user, quote.Replace(l.password)}, ":")
		if err := errors.Join(
			os.WriteFile(l.passfile(), []byte(line+"\n"), 0o600),
			os.WriteFile(l.secret(), nil, 0o600),
		); err != nil {
			return nil, fmt.Errorf("dbtest: write password file: %w", err)
		}
		command := []string{
			program, "--pgdata", l.data(), "--host", host, "--port", port, "--username", user, "--no-password",
			"--checkpoint", "fast", "--wal-method", "stream", "--write-recovery-conf",
			// The slot keeps the WAL that a paused standby has not received yet.
			"--create-slot", "--slot", "standby_" + strings.TrimPrefix(filepath.Base(l.folder), "dbtest-"),
		}
		if !o.durable {
			command = append(command, "--no-sync")
		}
		return command, nil
	}
}

// follow makes a fresh MariaDB server replicate another one. Each has made its own accounts, so
// replication begins after the primary's were made.
func follow(ctx context.Context, primary, standby *Server) error {
	from, err := openAdmin(ctx, primary.URL())
	if err != nil {
		return err
	}
	var at string
	err = from.DB().NewRaw("SELECT @@gtid_binlog_pos").Scan(ctx, &at)
	if err = errors.Join(err, from.Close()); err != nil {
		return err
	}
	to, err := openAdmin(ctx, standby.URL())
	if err != nil {
		return err
	}
	host, port := primary.address()
	for _, statement := range []string{
		"RESET MASTER",
		"SET GLOBAL gtid_slave_pos = '" + at + "'",
		fmt.Sprintf("CHANGE MASTER TO master_host='%s', master_port=%s, master_user='%s', master_password='%s', master_use_gtid=slave_pos, master_connect_retry=1",
			host, port, user, primary.layout.password),
		"START SLAVE",
		"SET GLOBAL read_only = ON",
	} {
		if _, err = to.DB().ExecContext(ctx, statement); err != nil {
			break
		}
	}
	return errors.Join(err, to.Close())
}

// Promote makes a standby the primary, and returns when it accepts writes. The
// standby first applies all changes that it has received; other changes are lost.
// Promote does not touch the old primary.
func (s *Server) Promote(ctx context.Context) error {
	db, err := openAdmin(ctx, s.URL())
	if err == nil {
		if s.recipe.engine == dbmodule.MySQL {
			err = promoteMariaDB(ctx, db)
		} else {
			_, err = db.DB().ExecContext(ctx, "SELECT pg_promote(true, 60)")
		}
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		return fmt.Errorf("dbtest: promote standby: %w", err)
	}
	return nil
}

func promoteMariaDB(ctx context.Context, db *dbmodule.Database) error {
	if _, err := db.DB().ExecContext(ctx, "STOP SLAVE IO_THREAD"); err != nil {
		return err
	}
	for {
		var status []map[string]any
		if err := db.DB().NewRaw("SHOW SLAVE STATUS").Scan(ctx, &status); err != nil {
			return err
		}
		if len(status) == 0 || strings.Contains(fmt.Sprintf("%s", status[0]["Slave_SQL_Running_State"]), "has read all relay log") {
			break
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
	for _, statement := range []string{"STOP SLAVE", "RESET SLAVE ALL", "SET GLOBAL read_only = OFF"} {
		if _, err := db.DB().ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// URLOf returns one URL with several servers as its hosts, in this order. The
// servers must be of one engine and have the same password. options is the URL's
// query, such as "target_session_attrs=read-write".
func URLOf(options string, servers ...*Server) string {
	hosts := make([]string, len(servers))
	for i, s := range servers {
		hosts[i] = net.JoinHostPort(s.address())
	}
	rawURL := strings.Replace(servers[0].URL(), hosts[0], strings.Join(hosts, ","), 1)
	if options != "" {
		rawURL += "?" + options
	}
	return rawURL
}
