package dbtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/openhands-go/server/dbmodule"
)

func mariaDB(env func(string) string) recipe {
	return recipe{
		engine:   dbmodule.MySQL,
		variable: "DBTEST_MYSQL_URL",
		account:  "mysql",
		path:     env("PATH"),
		folders: searchPath(env("PATH"), glob(
			"/usr/sbin", "/usr/bin", "/usr/libexec",
			"/usr/local/sbin", "/usr/local/bin", "/usr/local/mariadb/bin", "/usr/local/mariadb/scripts",
			"/opt/homebrew/opt/mariadb*/bin", "/usr/local/opt/mariadb*/bin",
		)),
		find:       findMariaDB,
		initialise: initialiseMariaDB,
		serve:      serveMariaDB,
		shutdown:   syscall.SIGTERM,
		discard:    syscall.SIGKILL,
		database:   user,
		socket:     mariaDBSocket,
	}
}

// findMariaDB also looks for MariaDB's own set-up program. A mysqld without that
// program is another product, which needs another set-up.
func findMariaDB(folders []string) (binaries, error) {
	var b binaries
	for _, folder := range folders {
		if b.serve == "" {
			b.serve = executable(folder, "mariadbd", "mysqld")
		}
		if b.initialise == "" {
			b.initialise = executable(folder, "mariadb-install-db", "mysql_install_db")
		}
	}
	if b.serve == "" || b.initialise == "" {
		return binaries{}, &missingError{"dbtest: MariaDB is not installed: no folder of PATH or of its packages holds mariadbd and mariadb-install-db; install it or set DBTEST_MYSQL_URL"}
	}
	return b, nil
}

// mariaDBLogSize is smaller than the default of 96 MiB, all of which each server
// would write, and large enough for rows of many megabytes.
const mariaDBLogSize = "--innodb-log-file-size=32M"

func initialiseMariaDB(b binaries, l layout, _ serverOptions) ([]string, error) {
	// The server runs this file at its first start, before it listens.
	accounts := fmt.Sprintf(`CREATE DATABASE %[1]s CHARACTER SET utf8mb4;
CREATE USER '%[1]s'@'%%' IDENTIFIED BY '%[2]s';
GRANT ALL ON *.* TO '%[1]s'@'%%' WITH GRANT OPTION;
DELETE FROM mysql.global_priv WHERE User NOT IN ('%[1]s', 'mariadb.sys');
FLUSH PRIVILEGES;
`, user, l.password)
	if err := os.WriteFile(l.secret(), []byte(accounts), 0o600); err != nil {
		return nil, fmt.Errorf("dbtest: write accounts file: %w", err)
	}
	return []string{
		b.initialise, "--no-defaults", "--datadir=" + l.data(), "--skip-test-db", "--skip-name-resolve",
		"--auth-root-authentication-method=normal", "--innodb-flush-method=nosync", mariaDBLogSize,
		// A server removes the files of other servers from a shared folder when it
		// starts.
		"--tmpdir=" + l.folder,
	}, nil
}

func serveMariaDB(b binaries, l layout, port int, o serverOptions) []string {
	command := []string{
		b.serve, "--no-defaults", "--datadir=" + l.data(), "--tmpdir=" + l.folder,
		"--socket=" + mariaDBSocket(l), "--pid-file=" + filepath.Join(l.folder, "mariadbd.pid"),
		"--bind-address=127.0.0.1", "--port=" + strconv.Itoa(port), "--skip-name-resolve",
		"--character-set-server=utf8mb4",
		"--max-connections=" + strconv.Itoa(maxConnections),
		"--innodb-buffer-pool-size=64M", mariaDBLogSize,
	}
	if _, err := os.Stat(l.secret()); err == nil {
		command = append(command, "--init-file="+l.secret())
	}
	if !o.durable {
		// Commits still reach the operating system, so they survive Kill.
		command = append(command, "--innodb-flush-log-at-trx-commit=2", "--innodb-flush-method=nosync")
	}
	for _, setting := range o.settings {
		command = append(command, "--"+setting)
	}
	return command
}

func mariaDBSocket(l layout) string { return filepath.Join(l.folder, "mariadb.sock") }
