package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/engine/enginetest"
	"github.com/openhands-go/server/dbmodule/internal/engine/sqlite"
)

func opened(t *testing.T, raw string) engine.Opened {
	t.Helper()
	u, err := dburl.ParseURL(raw)
	require.NoError(t, err)
	o, err := sqlite.Open(engine.Target{URL: u})
	require.NoError(t, err)
	return o
}

func connect(t *testing.T, open engine.OpenFunc) engine.Conn {
	t.Helper()
	c, err := open(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func TestOpen(t *testing.T) {
	t.Parallel()
	enginetest.Opens(t, sqlite.Open, "sqlite:///"+filepath.Join(t.TempDir(), "a%20b%3F%23.db"))
	enginetest.Opens(t, sqlite.Open, "sqlite://")
}

// Only where COMMIT syncs, units of work share one.
func TestWhereCommitsAreShared(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]bool{
		"sqlite:///a.db": true, "sqlite:///a.db?synchronous=NORMAL": false, "sqlite:///a.db?mode=ro": false, "sqlite://": false,
	} {
		assert.Equal(t, want, opened(t, raw).GroupCommits, raw)
	}
}

// Readers see what the writer wrote, and write nothing themselves.
func TestReadersOnlyRead(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"sqlite:///" + filepath.Join(t.TempDir(), "a.db"), "sqlite://"} {
		o := opened(t, raw)
		writer, reader := connect(t, o.Open), connect(t, o.OpenReader)
		for _, query := range []string{"CREATE TABLE names (name text)", "INSERT INTO names VALUES ('a')"} {
			_, err := writer.Exec(t.Context(), query, nil)
			require.NoError(t, err)
		}
		assert.Equal(t, int64(1), enginetest.Count(t, reader), raw)
		_, err := reader.Exec(t.Context(), "INSERT INTO names VALUES ('b')", nil)
		require.Error(t, err, raw)
	}
}

// A database in memory is its opener's own, and lives for as long as that is connected.
func TestMemory(t *testing.T) {
	t.Parallel()
	one, other := opened(t, "sqlite://"), opened(t, "sqlite://")
	assert.True(t, one.KeepWriter)
	assert.False(t, opened(t, "sqlite:///a.db").KeepWriter)

	closeFunc, err := one.Connected(t.Context(), nil)
	require.NoError(t, err)
	c, err := one.Open(t.Context())
	require.NoError(t, err)
	_, err = c.Exec(t.Context(), "CREATE TABLE names (name text)", nil)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	assert.Zero(t, enginetest.Count(t, connect(t, one.Open)), "the table is still there")
	_, err = connect(t, other.Open).Query(t.Context(), "SELECT count(*) FROM names", nil)
	require.Error(t, err)
	require.NoError(t, closeFunc())
}

func TestWhyAFileCanNotBeOpened(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for path, want := range map[string]string{
		filepath.Join(folder, "none", "a.db"): "does not exist: create it",
		filepath.Join(file, "a.db"):           "file is no folder",
		folder:                                "is a folder: name a file",
		file + "2?mode=ro":                    "is not created with mode=ro or mode=rw",
		file:                                  "must be allowed to write to the folder " + folder,
	} {
		o := opened(t, "sqlite:///"+path)
		require.ErrorContains(t, o.Explain(engine.Verdict{Kind: sqlite.Judge(lite(14, "unable to open database file")).Kind}.Error(dburl.SQLite, os.ErrInvalid)), want)
		require.NoError(t, o.Explain(os.ErrInvalid), "other errors say what they mean")
	}
}

// The write-ahead log of a large transaction is cut when it begins anew.
func TestTheLogShrinksAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	c := connect(t, opened(t, "sqlite:///"+path).Open)
	size := func() int64 {
		info, err := os.Stat(path + "-wal")
		require.NoError(t, err)
		return info.Size()
	}
	for _, query := range []string{"CREATE TABLE names (name)", "INSERT INTO names VALUES (zeroblob(80 << 20))"} {
		_, err := c.Exec(t.Context(), query, nil)
		require.NoError(t, err)
	}
	const limit = 64 << 20
	require.Greater(t, size(), int64(limit), "the test writes too little")
	for _, query := range []string{"PRAGMA wal_checkpoint(RESTART)", "INSERT INTO names VALUES (1)"} {
		_, err := c.Exec(t.Context(), query, nil)
		require.NoError(t, err)
	}
	assert.LessOrEqual(t, size(), int64(limit))
}

// A new file and its write-ahead log are their owner's alone. One that is there keeps its rights,
// and who runs the server is told if everybody can read it.
func TestRightsOfFiles(t *testing.T) {
	t.Parallel()
	rights := func(path string) os.FileMode {
		info, err := os.Stat(path)
		require.NoError(t, err)
		return info.Mode().Perm()
	}
	path := filepath.Join(t.TempDir(), "a.db")
	write := func() (told []string) {
		u, err := dburl.ParseURL("sqlite:///" + path)
		require.NoError(t, err)
		o, err := sqlite.Open(engine.Target{URL: u, Notice: func(text string) { told = append(told, text) }})
		require.NoError(t, err)
		c := connect(t, o.Open)
		for _, query := range []string{"CREATE TABLE IF NOT EXISTS names (name)", "INSERT INTO names VALUES (1)"} {
			_, err := c.Exec(t.Context(), query, nil)
			require.NoError(t, err)
		}
		connect(t, o.Open) // a second one tells nothing more
		return told
	}
	assert.Empty(t, write())
	for _, name := range []string{"", "-wal", "-shm"} {
		assert.Equal(t, os.FileMode(0o600), rights(path+name), name)
	}
	require.NoError(t, os.Chmod(path, 0o644)) //nolint:gosec // that is what it is about
	told := write()
	require.Len(t, told, 1)
	assert.Contains(t, told[0], "every user of this machine can read the database's file: chmod 600 "+path)
	assert.Equal(t, os.FileMode(0o644), rights(path))
}
