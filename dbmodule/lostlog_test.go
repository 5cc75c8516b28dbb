package dbmodule_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// copyOf copies the database's file and its log, as they are there for who comes after a crash.
func copyOf(t *testing.T, path string) *dbmodule.Database {
	t.Helper()
	to := t.TempDir() + "/copy.db"
	for _, end := range []string{"", "-wal"} {
		content, err := os.ReadFile(path + end)
		if err != nil {
			require.ErrorIs(t, err, os.ErrNotExist)
			continue
		}
		require.NoError(t, os.WriteFile(to+end, content, 0o600))
	}
	cfg := dbmodule.DefaultConfig()
	require.NoError(t, cfg.URL.UnmarshalText([]byte("sqlite:///"+to)))
	db, err := dbmodule.Open(cfg, nil)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	return db
}

// What was acknowledged before the log was lost, and after it, is found after a crash.
func TestLogThatIsLost(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(t *testing.T, path string){
		"log deleted":   func(t *testing.T, path string) { require.NoError(t, os.Remove(path+"-wal")) },
		"index deleted": func(t *testing.T, path string) { require.NoError(t, os.Remove(path+"-shm")) },
		"both deleted": func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path+"-wal"))
			require.NoError(t, os.Remove(path+"-shm"))
		},
		"log replaced": func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path+".new", []byte("something else"), 0o600))
			require.NoError(t, os.Rename(path+".new", path+"-wal"))
		},
		"log replaced by an empty one": func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path+"-wal"))
			require.NoError(t, os.WriteFile(path+"-wal", nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, path, log := lostFile(t)
			require.NoError(t, put(t, db, 2))
			lose(t, path)
			require.NoError(t, put(t, db, 3))
			assert.Equal(t, []int{1, 2, 3}, numbers(t, db))
			assert.Equal(t, []int{1, 2, 3}, numbers(t, copyOf(t, path)))
			assert.Len(t, log.FilterMessageSnippet("was moved, deleted or replaced").All(), 1)
			assert.Len(t, log.FilterMessageSnippet("nothing is lost").All(), 1)
			require.NoError(t, db.Ping(t.Context()))
			aside, err := filepath.Glob(path + "-wal.of-another-process-*")
			require.NoError(t, err)
			assert.Equal(t, name == "log replaced", len(aside) == 1, "what stood in the log's place is kept: %s", aside)
		})
	}
}

// A transaction that has written into the lost log is not acknowledged. InTx runs it again.
func TestLogThatIsLostInATransaction(t *testing.T) {
	t.Parallel()
	db, path, _ := lostFile(t)
	runs := 0
	require.NoError(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
		if _, err := s.ExecContext(ctx, "INSERT INTO t VALUES (2)"); err != nil {
			return err
		}
		if runs++; runs == 1 {
			return os.Remove(path + "-wal")
		}
		return nil
	}))
	assert.Equal(t, 2, runs)
	assert.Equal(t, []int{1, 2}, numbers(t, copyOf(t, path)))
}

// While a connection is in use that has the lost log, there are no new ones, which would begin
// another log. When it is free, everything is stored.
func TestLostLogWaitsForConnectionsInUse(t *testing.T) {
	t.Parallel()
	db, path, _ := lostFile(t)
	reader := db.Sessions().New(dbmodule.ReadOnly(), dbmodule.Snapshot())
	defer func() { assert.NoError(t, reader.Close()) }()
	count, err := reader.NewSelect().Table("t").Count(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(1), count)
	require.NoError(t, put(t, db, 2)) // the reader keeps it from being stored in the file
	require.NoError(t, os.Remove(path+"-wal"))
	err = put(t, db, 3)
	require.ErrorIs(t, err, dbmodule.ErrUnavailable)
	assert.Contains(t, err.Error(), path+"-wal was moved, deleted or replaced")
	require.ErrorIs(t, db.Ping(t.Context()), dbmodule.ErrUnavailable)
	require.NoError(t, reader.Close())
	require.NoError(t, put(t, db, 3))
	assert.Equal(t, []int{1, 2, 3}, numbers(t, copyOf(t, path)))
}

// What the log holds is stored even if nobody uses the database.
func TestLogThatIsLostWhileNobodyUsesTheDatabase(t *testing.T) {
	t.Parallel()
	db, path, log := lostFile(t)
	require.NoError(t, put(t, db, 2))
	require.NoError(t, os.Remove(path+"-wal"))
	require.Eventually(t, func() bool { return log.FilterMessageSnippet("nothing is lost").Len() == 1 }, time.Minute, 10*time.Millisecond)
	assert.Equal(t, []int{1, 2}, numbers(t, copyOf(t, path)))
}

// As long as another process keeps the log from being stored, the connection that alone has it
// stays open, and the log says so once.
func TestLostLogThatCantBeStoredYet(t *testing.T) {
	t.Parallel()
	db, path, log := lostFile(t)
	other := dbmodule.DefaultConfig()
	require.NoError(t, other.URL.UnmarshalText([]byte("sqlite:///"+path+"?mode=ro")))
	reader := dbtest.Open(t, other).Sessions().New(dbmodule.ReadOnly(), dbmodule.Snapshot())
	defer func() { assert.NoError(t, reader.Close()) }()
	_, err := reader.NewSelect().Table("t").Count(t.Context())
	require.NoError(t, err)
	require.NoError(t, put(t, db, 2))
	require.NoError(t, os.Remove(path+"-wal"))
	for range 3 {
		require.ErrorIs(t, put(t, db, 3), dbmodule.ErrUnavailable)
	}
	assert.Len(t, log.FilterMessageSnippet("leave this process running").All(), 1)
	require.NoError(t, reader.Close())
	require.NoError(t, put(t, db, 3))
	assert.Equal(t, []int{1, 2, 3}, numbers(t, copyOf(t, path)))
}

// If the file goes after its log, nobody is told that nothing is lost.
func TestLogAndFileThatAreLost(t *testing.T) {
	t.Parallel()
	db, path, log := lostFile(t)
	reader := db.Sessions().New(dbmodule.ReadOnly(), dbmodule.Snapshot())
	defer func() { assert.NoError(t, reader.Close()) }()
	_, err := reader.NewSelect().Table("t").Count(t.Context())
	require.NoError(t, err)
	require.NoError(t, os.Remove(path+"-wal"))
	require.ErrorIs(t, put(t, db, 2), dbmodule.ErrUnavailable)
	require.NoError(t, os.Remove(path))
	require.NoError(t, reader.Close())
	err = put(t, db, 2)
	require.ErrorIs(t, err, dbmodule.ErrUnavailable)
	assert.Contains(t, err.Error(), path+" is gone")
	assert.Zero(t, log.FilterMessageSnippet("nothing is lost").Len())
}
