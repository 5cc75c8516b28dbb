package dbmodule_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// lostFile is a database in a file, with a table and a row.
func lostFile(t *testing.T) (db *dbmodule.Database, path string, log *observer.ObservedLogs) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "lost.db")
	cfg := dbmodule.DefaultConfig()
	require.NoError(t, cfg.URL.UnmarshalText([]byte("sqlite:///"+path+"?timeout=0.1")))
	cfg.CheckInterval = 1
	core, log := observer.New(zap.WarnLevel)
	db, err := dbmodule.Open(cfg, zap.New(core))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	require.NoError(t, db.Connect(t.Context()))
	_, err = db.DB().ExecContext(t.Context(), "CREATE TABLE t (n integer)")
	require.NoError(t, err)
	require.NoError(t, put(t, db, 1))
	require.Equal(t, []int{1}, numbers(t, db))
	return db, path, log
}

func put(t *testing.T, db *dbmodule.Database, n int) error {
	t.Helper()
	s := db.Sessions().New()
	_, err := s.ExecContext(t.Context(), "INSERT INTO t VALUES (?)", n)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	return s.Commit(t.Context())
}

func numbersOf(t *testing.T, db *dbmodule.Database) (found []int, err error) {
	t.Helper()
	s := db.Sessions().New(dbmodule.ReadOnly())
	defer func() { err = errors.Join(err, s.Close()) }()
	err = s.NewSelect().Table("t").Column("n").Order("n").Scan(t.Context(), &found)
	return found, err
}

func numbers(t *testing.T, db *dbmodule.Database) []int {
	t.Helper()
	found, err := numbersOf(t, db)
	require.NoError(t, err)
	return found
}

func move(t *testing.T, from, to string) {
	t.Helper()
	for _, end := range []string{"", "-wal", "-shm"} {
		if err := os.Rename(from+end, to+end); err != nil {
			require.ErrorIs(t, err, os.ErrNotExist)
			require.NotEmpty(t, end)
		}
	}
}

// Nothing is acknowledged that would be stored in a file which nobody can find any more. The
// log says it once, and with the file back the database works with what is there.
func TestFileThatIsMovedAway(t *testing.T) {
	t.Parallel()
	db, path, log := lostFile(t)
	move(t, path, path+".away")
	for range 3 {
		err := put(t, db, 2)
		require.ErrorIs(t, err, dbmodule.ErrUnavailable)
		assert.Contains(t, err.Error(), path+" is gone: it was moved or deleted while the database was open: put it back")
		_, err = numbersOf(t, db)
		require.ErrorIs(t, err, dbmodule.ErrUnavailable)
	}
	_, err := os.Stat(path)
	require.ErrorIs(t, err, os.ErrNotExist, "a new file was made in its place")
	assert.Len(t, log.FilterMessageSnippet("is gone").All(), 1)

	move(t, path+".away", path)
	require.NoError(t, put(t, db, 3))
	assert.Equal(t, []int{1, 3}, numbers(t, db))
	assert.Len(t, log.FilterMessageSnippet("is back").All(), 1)
}

// A transaction that began before is not acknowledged either.
func TestFileThatIsDeletedInATransaction(t *testing.T) {
	t.Parallel()
	db, path, _ := lostFile(t)
	s := db.Sessions().New()
	_, err := s.ExecContext(t.Context(), "INSERT INTO t VALUES (2)")
	require.NoError(t, err)
	require.NoError(t, os.Remove(path))
	err = s.Commit(t.Context())
	require.ErrorIs(t, err, dbmodule.ErrUnavailable)
	require.NotErrorIs(t, err, dbmodule.ErrCommitUnknown)
	require.NoError(t, s.Close())
}

// A file that takes the place of another is used from then on, without what the other one's
// write-ahead log has: that is put aside.
func TestFileThatIsReplaced(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		deleted []string
		aside   int
	}{
		{"all of it", []string{"", "-wal", "-shm"}, 0},
		{"the file alone", []string{""}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			db, path, log := lostFile(t)
			require.NoError(t, put(t, db, 2)) // it stands in the log
			other := filepath.Join(t.TempDir(), "other.db")
			cfg := dbmodule.DefaultConfig()
			require.NoError(t, cfg.URL.UnmarshalText([]byte("sqlite:///"+other)))
			another := dbtest.Open(t, cfg)
			_, err := another.DB().ExecContext(t.Context(), "CREATE TABLE t (n integer)")
			require.NoError(t, err)
			require.NoError(t, put(t, another, 100))
			require.NoError(t, another.Close())

			for _, end := range test.deleted {
				require.NoError(t, os.Remove(path+end))
			}
			require.NoError(t, os.Rename(other, path))
			require.Equal(t, []int{100}, numbers(t, db))
			require.NoError(t, put(t, db, 101))
			assert.Equal(t, []int{100, 101}, numbers(t, db))
			assert.Len(t, log.FilterMessageSnippet("was replaced by another").All(), 1)
			aside, err := filepath.Glob(path + "-wal.of-replaced-*")
			require.NoError(t, err)
			assert.Len(t, aside, test.aside)
			var answer string
			require.NoError(t, db.DB().NewRaw("PRAGMA integrity_check").Scan(t.Context(), &answer))
			assert.Equal(t, "ok", answer)
		})
	}
}
