package doctor_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/doctor"
)

// Only root can mount a small file system, or a read-only one.
func TestDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8m"); err != nil {
		if os.Getuid() == 0 && os.Getenv("DBTEST_REQUIRE") == "all" {
			t.Fatalf("mount a small file system: %v (DBTEST_REQUIRE asks for all)", err)
		}
		t.Skipf("only root can mount a small file system: %v", err)
	}
	t.Cleanup(func() { changeMount(t, func() error { return syscall.Unmount(dir, 0) }) })
	cfg := dbmodule.DefaultConfig()
	var err error
	cfg.URL, err = dbmodule.SQLiteURL(filepath.Join(dir, "test.db"), false)
	require.NoError(t, err)
	require.NoError(t, migrated(t, cfg).Close())
	finds(t, doctor.Examine(t.Context(), cfg, options(t)), map[string]doctor.Level{
		"disk": doctor.Wrong, "file system": doctor.Warning, "writable": doctor.OK, "folder": doctor.OK,
	})
	remountReadOnly(t, dir)
	r := doctor.Examine(t.Context(), cfg, options(t))
	finds(t, r, map[string]doctor.Level{"folder": doctor.Wrong})
	require.False(t, r.Healthy())
}

// changeMount calls fn, which mounts or unmounts, until nobody has files open there: the
// processes that other tests start have copies of this one's for a moment.
func changeMount(t *testing.T, fn func() error) {
	t.Helper()
	var err error
	require.Eventually(t, func() bool {
		err = fn()
		return !errors.Is(err, syscall.EBUSY)
	}, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, err)
}

func remountReadOnly(t *testing.T, dir string) {
	t.Helper()
	changeMount(t, func() error { return syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "") })
}
