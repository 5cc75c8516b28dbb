package backup_test

import (
	"bufio"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/backup"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// Everything that was acknowledged before the backup began is in it, the two
// tables that are written in one transaction agree, and writers go on.
func TestBackupUnderWriters(t *testing.T) {
	t.Parallel()
	dir, path := folder(t)
	db := ledger(t, path)
	for n := range 3000 { // some steps of pages
		require.NoError(t, book(t.Context(), db, n))
	}
	var next, acknowledged atomic.Int64
	next.Store(3000)
	acknowledged.Store(3000)
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for ctx.Err() == nil {
				if err := book(ctx, db, int(next.Add(1))); err == nil {
					acknowledged.Add(1)
				} else if ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	for round := range 3 {
		before := acknowledged.Load()
		to := filepath.Join(dir, "copy.db")
		var during int64
		steps := 0
		report, err := backup.Create(t.Context(), atPath(t, path), to, backup.Options{Force: round > 0, Progress: func(done, total int) {
			if steps++; steps == 1 {
				// Writers get on while the copy is on its way.
				for seen := acknowledged.Load(); acknowledged.Load() < seen+20; time.Sleep(time.Millisecond) {
				}
				during = acknowledged.Load()
			}
			require.LessOrEqual(t, done, total)
		}})
		require.NoError(t, err)
		require.Greater(t, steps, 1)
		accounts, bookings := numbers(t, to, "SELECT id FROM accounts ORDER BY id"), numbers(t, to, "SELECT account_id FROM bookings ORDER BY account_id")
		require.True(t, slices.Equal(accounts, bookings), "half of a transaction was copied")
		require.GreaterOrEqual(t, int64(len(accounts)), before)
		require.Less(t, int64(len(accounts)), during, "what was committed after the beginning is not in it")
		require.Equal(t, []backup.Table{{"accounts", int64(len(accounts))}, {"alembic_version", 1}, {"bookings", int64(len(bookings))}}, report.Tables)
		require.Equal(t, []string{"one"}, report.Revisions)
		t.Logf("%d pairs acknowledged before, %d copied, %d by the end of the first step", before, len(accounts), during)
	}
	stop()
	writers.Wait()
	info, err := os.Stat(filepath.Join(dir, "copy.db"))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	for _, name := range files(t, dir) {
		require.NotContains(t, name, "partial")
	}
	// It needs nothing beside it, and can be read where nothing can be written.
	report, err := backup.Verify(t.Context(), filepath.Join(dir, "copy.db"))
	require.NoError(t, err)
	require.NotEmpty(t, report.Tables)
	require.NotContains(t, files(t, dir), "copy.db-wal")
}

func TestBackupRefuses(t *testing.T) {
	t.Parallel()
	dir, path := folder(t)
	db := ledger(t, path)
	require.NoError(t, book(t.Context(), db, 1))
	there := filepath.Join(dir, "there.db")
	require.NoError(t, os.WriteFile(there, []byte("mine"), 0o600))
	for name, test := range map[string]struct {
		from, to string
		force    bool
		want     error
		text     string
	}{
		"a file that is there":   {path, there, false, backup.ErrExists, "there.db"},
		"the database itself":    {path, path, true, nil, "belongs to the database itself"},
		"its log":                {path, path + "-wal", true, nil, "belongs to the database itself"},
		"a folder":               {path, dir, true, nil, "is not a regular file"},
		"a folder that is not":   {path, filepath.Join(dir, "none", "x.db"), false, fs.ErrNotExist, "none: file does not exist: create it"},
		"a database that is not": {filepath.Join(dir, "none.db"), filepath.Join(dir, "x.db"), false, fs.ErrNotExist, ""},
		"no database":            {there, filepath.Join(dir, "x.db"), false, dbmodule.ErrCorrupt, "does not begin"},
	} {
		_, err := backup.Create(t.Context(), atPath(t, test.from), test.to, backup.Options{Force: test.force})
		require.Error(t, err, name)
		if test.want != nil {
			require.ErrorIs(t, err, test.want, name)
		}
		require.ErrorContains(t, err, test.text, name)
	}
	require.NoFileExists(t, filepath.Join(dir, "none.db"), "asking for a backup made a database")
	text, err := os.ReadFile(there)
	require.NoError(t, err)
	require.Equal(t, "mine", string(text))
	for _, name := range files(t, dir) {
		require.NotContains(t, name, "partial")
	}
	// With force the file is replaced.
	_, err = backup.Create(t.Context(), db, there, backup.Options{Force: true})
	require.NoError(t, err)
	require.Equal(t, []int{1}, numbers(t, there, "SELECT id FROM accounts"))
}

func TestBackupOfOtherEngines(t *testing.T) {
	t.Parallel()
	cfg := dbmodule.DefaultConfig()
	for _, raw := range []string{"postgresql://h/d", "mysql://h/d"} {
		var err error
		cfg.URL, err = dbmodule.ParseURL(raw)
		require.NoError(t, err)
		db, err := dbmodule.Open(cfg, nil)
		require.NoError(t, err)
		_, err = backup.Create(t.Context(), db, filepath.Join(t.TempDir(), "x"), backup.Options{})
		require.ErrorIs(t, err, backup.ErrEngine)
		_, err = backup.Prepare(t.Context(), "x", db, backup.Options{})
		require.ErrorIs(t, err, backup.ErrEngine)
		require.NoError(t, db.Close())
	}
}

func TestBackupOfMemory(t *testing.T) {
	t.Parallel()
	cfg := dbmodule.DefaultConfig()
	var err error
	cfg.URL, err = dbmodule.ParseURL("sqlite://")
	require.NoError(t, err)
	db := dbtest.Open(t, cfg)
	ctx := t.Context()
	_, err = db.DB().ExecContext(ctx, "CREATE TABLE accounts (id INTEGER PRIMARY KEY, name TEXT)")
	require.NoError(t, err)
	_, err = db.DB().ExecContext(ctx, "INSERT INTO accounts VALUES (1, 'a'), (2, 'b')")
	require.NoError(t, err)
	to := filepath.Join(t.TempDir(), "copy.db")
	report, err := backup.Create(ctx, db, to, backup.Options{})
	require.NoError(t, err)
	require.Equal(t, []backup.Table{{"accounts", 2}}, report.Tables)
	require.Equal(t, []int{1, 2}, numbers(t, to, "SELECT id FROM accounts"))
	_, err = db.DB().ExecContext(ctx, "INSERT INTO accounts VALUES (3, 'c')")
	require.NoError(t, err, "the database is as usable as before")
	_, err = backup.Prepare(ctx, to, db, backup.Options{})
	require.ErrorContains(t, err, "ends with its process")
}

func TestBackupKilled(t *testing.T) {
	t.Parallel()
	dir, path := folder(t)
	db := ledger(t, path)
	for n := range 3000 {
		require.NoError(t, book(t.Context(), db, n))
	}
	to := filepath.Join(dir, "copy.db")
	process := helper(t, "backup", path, to)
	out, err := process.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, process.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(line, "ready"), line)
	require.NoError(t, process.Process.Kill())
	require.Error(t, process.Wait())
	require.NoFileExists(t, to, "half a backup has no name")
	_, err = backup.Create(t.Context(), db, to, backup.Options{})
	require.NoError(t, err)
	require.NoError(t, book(t.Context(), db, 3001))
}

func TestBackupEndsWithItsContext(t *testing.T) {
	t.Parallel()
	dir, path := folder(t)
	db := ledger(t, path)
	for n := range 3000 {
		require.NoError(t, book(t.Context(), db, n))
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := backup.Create(ctx, db, filepath.Join(dir, "copy.db"), backup.Options{Progress: func(int, int) { cancel() }})
	require.ErrorIs(t, err, context.Canceled)
	assert.NotContains(t, strings.Join(files(t, dir), " "), "copy")
}

func TestBackupOfRowsThatDangle(t *testing.T) {
	t.Parallel()
	dir, path := folder(t)
	db := ledger(t, path)
	conn, err := db.DB().Conn(t.Context()) // a setting ends with its unit of work
	require.NoError(t, err)
	_, err = conn.ExecContext(t.Context(), "PRAGMA foreign_keys=OFF")
	require.NoError(t, err)
	_, err = conn.ExecContext(t.Context(), "INSERT INTO bookings (account_id) VALUES (7)")
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	report, err := backup.Create(t.Context(), db, filepath.Join(dir, "copy.db"), backup.Options{})
	require.NoError(t, err)
	require.Equal(t, 1, report.Dangling)
}

func TestBackupTakesNobodysPlace(t *testing.T) {
	t.Parallel()
	dir, path := folder(t)
	db := ledger(t, path)
	to := filepath.Join(dir, "copy.db")
	_, err := backup.Create(t.Context(), db, to, backup.Options{Progress: func(int, int) {
		require.NoError(t, os.WriteFile(to, []byte("somebody else's"), 0o600)) // made in the meantime
	}})
	require.ErrorIs(t, err, backup.ErrExists)
	text, err := os.ReadFile(to)
	require.NoError(t, err)
	require.Equal(t, "somebody else's", string(text))
}

// A name may have what means something in a URL.
func TestBackupOfAStrangeName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, to := filepath.Join(dir, "what? #1 100%.db"), filepath.Join(dir, "to? #1 100%41.db")
	db := ledger(t, path)
	require.NoError(t, book(t.Context(), db, 1))
	report, err := backup.Create(t.Context(), db, to, backup.Options{})
	require.NoError(t, err)
	require.Equal(t, int64(1), report.Tables[0].Rows)
	require.FileExists(t, to)
	require.NoError(t, db.Close())
	_, err = restore(t, to, db)
	require.NoError(t, err)
	require.FileExists(t, path)
}

// A file's revisions are found whatever the programs call their version tables.
func TestVerifyFindsVersionTables(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "two programs.db")
	db := ledger(t, path)
	for _, statement := range []string{
		`CREATE TABLE "the other's" (version_num VARCHAR(32) NOT NULL, CONSTRAINT pkc PRIMARY KEY (version_num))`,
		`INSERT INTO "the other's" VALUES ('another')`,
		"CREATE TABLE builds (version_num VARCHAR(32) NOT NULL, at TEXT)",
		"INSERT INTO builds VALUES ('none', 'now')",
	} {
		_, err := db.DB().ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	require.NoError(t, db.Close())
	report, err := backup.Verify(t.Context(), path)
	require.NoError(t, err)
	require.Equal(t, []string{"another", "one"}, report.Revisions)
}
