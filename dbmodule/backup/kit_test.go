package backup_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/backup"
)

// atPath is the database in a file, not connected.
func atPath(t testing.TB, path string) *dbmodule.Database {
	t.Helper()
	cfg := dbmodule.DefaultConfig()
	var err error
	cfg.URL, err = dbmodule.SQLiteURL(path, false)
	require.NoError(t, err)
	db, err := dbmodule.Open(cfg, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// ledger makes a database of accounts and what was booked on them, with a
// revision.
func ledger(t testing.TB, path string) *dbmodule.Database {
	t.Helper()
	db := atPath(t, path)
	require.NoError(t, db.Connect(t.Context()))
	for _, statement := range []string{
		"CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
		"INSERT INTO alembic_version VALUES ('one')",
		"CREATE TABLE accounts (id INTEGER PRIMARY KEY, name TEXT NOT NULL)",
		"CREATE TABLE bookings (id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES accounts (id), text TEXT)",
	} {
		_, err := db.DB().ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	return db
}

// book adds an account and its booking in one transaction.
func book(ctx context.Context, db *dbmodule.Database, n int) error {
	return db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		if _, err := s.ExecContext(ctx, "INSERT INTO accounts (id, name) VALUES (?, ?)", n, fmt.Sprint("account ", n)); err != nil {
			return err
		}
		_, err := s.ExecContext(ctx, "INSERT INTO bookings (id, account_id, text) VALUES (?, ?, ?)", n, n, strings.Repeat("x", 2000))
		return err
	})
}

// numbers reads a column of a file that nobody else uses.
func numbers(t testing.TB, path, query string) []int {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	rows, err := db.QueryContext(t.Context(), query)
	require.NoError(t, err)
	var all []int
	for rows.Next() {
		var n int
		require.NoError(t, rows.Scan(&n))
		all = append(all, n)
	}
	require.NoError(t, errors.Join(rows.Err(), rows.Close()))
	return all
}

// files lists the names in a folder.
func files(t testing.TB, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

const helperVariable = "BACKUP_TEST_HELPER"

// helper runs this test binary as another process, which does what
// TestHelper knows by that name.
func helper(t *testing.T, name string, arguments ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHelper$", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), helperVariable+"="+strings.Join(append([]string{name}, arguments...), "|"))
	return cmd
}

func TestHelper(t *testing.T) {
	task, ok := os.LookupEnv(helperVariable)
	if !ok {
		t.Skip("it is for other tests")
	}
	arguments := strings.Split(task, "|")
	switch arguments[0] {
	case "hold": // the database open, as a server has it
		db := atPath(t, arguments[1])
		require.NoError(t, db.Connect(t.Context()))
		fmt.Println("ready")
		select {}
	case "backup": // and stop in the middle of it
		_, err := backup.Create(t.Context(), atPath(t, arguments[1]), arguments[2], backup.Options{Progress: func(done, total int) {
			fmt.Println("ready", done, total)
			select {}
		}})
		require.NoError(t, err)
	case "restore": // two backups in turn, for ever
		for n := 0; ; n++ {
			r, err := backup.Prepare(t.Context(), arguments[2+n%2], atPath(t, arguments[1]), backup.Options{})
			require.NoError(t, err)
			fmt.Println("ready")
			done, err := r.Install(t.Context())
			require.NoError(t, err)
			require.NoError(t, os.Remove(done.Kept))
		}
	}
}

func folder(t testing.TB) (dir, database string) {
	t.Helper()
	dir = t.TempDir()
	return dir, filepath.Join(dir, "test.db")
}
