package backup_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/backup"
	"github.com/openhands-go/server/dbmodule/internal/smalldisk"
)

func TestBackupOntoAFullDisk(t *testing.T) {
	t.Parallel()
	small := smalldisk.New(t, "size=1m")
	_, path := folder(t)
	db := ledger(t, path)
	for n := range 2000 {
		require.NoError(t, book(t.Context(), db, n))
	}
	_, err := backup.Create(t.Context(), db, filepath.Join(small, "copy.db"), backup.Options{})
	require.ErrorIs(t, err, dbmodule.ErrDiskFull)
	require.Equal(t, 1, strings.Count(err.Error(), "database or disk is full"), "the error is told once: %v", err)
	require.Empty(t, files(t, small), "what was cut off is removed")
	require.NoError(t, book(t.Context(), db, 2001))

	// A backup that does not fit beside the database leaves it as it was.
	dir := t.TempDir()
	big := filepath.Join(dir, "big.db")
	_, err = backup.Create(t.Context(), db, big, backup.Options{})
	require.NoError(t, err)
	little := ledger(t, filepath.Join(small, "test.db"))
	require.NoError(t, book(t.Context(), little, 1))
	require.NoError(t, little.Close())
	_, err = backup.Prepare(t.Context(), big, little, backup.Options{})
	require.ErrorIs(t, err, dbmodule.ErrDiskFull)
	require.Equal(t, []string{"test.db"}, files(t, small))
	require.Equal(t, []int{1}, numbers(t, filepath.Join(small, "test.db"), "SELECT id FROM accounts"))
}

func TestBackupOntoAReadOnlyDisk(t *testing.T) {
	t.Parallel()
	dir := smalldisk.New(t, "size=1m")
	smalldisk.MakeReadOnly(t, dir)
	_, path := folder(t)
	db := ledger(t, path)
	_, err := backup.Create(t.Context(), db, filepath.Join(dir, "copy.db"), backup.Options{})
	require.ErrorIs(t, err, syscall.EROFS)
}

// A backup can be restored from where nothing can be written.
func TestRestoreFromAReadOnlyDisk(t *testing.T) {
	t.Parallel()
	dir := smalldisk.New(t, "size=4m")
	_, path := folder(t)
	db := ledger(t, path)
	require.NoError(t, book(t.Context(), db, 1))
	from := filepath.Join(dir, "copy.db")
	_, err := backup.Create(t.Context(), db, from, backup.Options{})
	require.NoError(t, err)
	require.NoError(t, db.Close())
	smalldisk.MakeReadOnly(t, dir)
	require.NoError(t, os.Chmod(path, fs.FileMode(0o640)))
	r, err := backup.Prepare(t.Context(), from, db, backup.Options{})
	require.NoError(t, err)
	_, err = r.Install(t.Context())
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o640), info.Mode().Perm(), "as the database's was")
}
