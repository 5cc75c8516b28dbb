package smalldisk

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"time"
)

// New mounts a file system with options of tmpfs such as size=1m, and returns its
// folder. It is unmounted when t ends. Only root can do that: others skip the test, and
// root fails it where DBTEST_REQUIRE asks for all.
func New(t testing.TB, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		if os.Getuid() == 0 && os.Getenv("DBTEST_REQUIRE") == "all" {
			t.Fatalf("mount a small file system: %v (DBTEST_REQUIRE asks for all)", err)
		}
		t.Skipf("only root can mount a small file system: %v", err)
	}
	t.Cleanup(func() { change(t, "unmount", func() error { return syscall.Unmount(dir, 0) }) })
	return dir
}

// MakeReadOnly lets nothing more be written into a folder of New's.
func MakeReadOnly(t testing.TB, dir string) {
	t.Helper()
	change(t, "make read-only", func() error { return syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "") })
}

// change tries until nobody has files open there: the processes that other tests start
// have copies of this one's for a moment.
func change(t testing.TB, what string, fn func() error) {
	t.Helper()
	err := fn()
	for end := time.Now().Add(10 * time.Second); errors.Is(err, syscall.EBUSY) && time.Now().Before(end); err = fn() {
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		t.Errorf("%s a small file system: %v", what, err)
	}
}
