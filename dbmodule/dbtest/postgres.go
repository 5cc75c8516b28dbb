package dbtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/openhands-go/server/dbmodule"
)

func postgreSQL(env func(string) string) recipe {
	return recipe{
		engine:   dbmodule.PostgreSQL,
		variable: "DBTEST_POSTGRES_URL",
		account:  "postgres",
		path:     env("PATH"),
		folders: searchPath(env("PATH"), glob(
			"/usr/lib/postgresql/*/bin",
			"/usr/pgsql-*/bin",
			"/opt/homebrew/opt/postgresql@*/bin",
			"/usr/local/opt/postgresql@*/bin",
		)),
		find:       findPostgreSQL,
		initialise: initialisePostgreSQL,
		serve:      servePostgreSQL,
		shutdown:   syscall.SIGINT,  // its "fast" mode, which does not wait for clients
		discard:    syscall.SIGQUIT, // SIGKILL would leave its System V shared memory behind
		database:   "postgres",
		socket:     func(l layout) string { return l.folder },
	}
}

// findPostgreSQL looks for initdb and postgres in the same folder, after it followed
// symbolic links: the programs in PATH may be wrappers of another version's programs.
func findPostgreSQL(folders []string) (binaries, error) {
	for _, folder := range folders {
		path := executable(folder, "initdb")
		if path == "" {
			continue
		}
		path, err := filepath.EvalSymlinks(path)
		if err != nil {
			continue
		}
		if server := executable(filepath.Dir(path), "postgres"); server != "" {
			return binaries{initialise: path, serve: server}, nil
		}
	}
	return binaries{}, &missingError{"dbtest: PostgreSQL is not installed: no folder of PATH or of its packages holds both initdb and postgres; install it or set DBTEST_POSTGRES_URL"}
}

func initialisePostgreSQL(b binaries, l layout, o serverOptions) ([]string, error) {
	if err := os.WriteFile(l.secret(), []byte(l.password+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("dbtest: write password file: %w", err)
	}
	command := []string{
		b.initialise, "--pgdata", l.data(), "--username", user, "--pwfile", l.secret(), "--auth", "scram-sha-256",
		// The same on every machine, whatever its language.
		"--encoding", "UTF8", "--locale", "C",
		// Small WAL files: a new server writes a few small ones, not one of 16 MiB.
		"--wal-segsize", "1",
	}
	if !o.durable {
		command = append(command, "--no-sync")
	}
	return command, nil
}

func servePostgreSQL(b binaries, l layout, port int, o serverOptions) []string {
	settings := []string{
		"listen_addresses=127.0.0.1",
		"unix_socket_directories=" + l.folder,
		"max_connections=" + strconv.Itoa(maxConnections),
		"shared_buffers=32MB",
	}
	if !o.durable {
		// Commits still reach the operating system, so they survive Kill. Without autovacuum, plans do not
		// depend on whether it has run: a test that wants statistics asks for them.
		settings = append(settings, "fsync=off", "full_page_writes=off", "autovacuum=off")
	}
	command := []string{b.serve, "-D", l.data(), "-p", strconv.Itoa(port)}
	for _, setting := range append(settings, o.settings...) {
		command = append(command, "-c", setting)
	}
	return command
}
