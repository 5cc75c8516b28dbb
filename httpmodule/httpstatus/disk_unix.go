//go:build linux || darwin

package httpstatus

import (
	"path/filepath"

	"golang.org/x/sys/unix"
)

// diskOf returns the free space and the size of the file system that holds a file, or -1.
func diskOf(path string) (free, size int64) {
	var disk unix.Statfs_t
	if unix.Statfs(filepath.Dir(path), &disk) != nil {
		return -1, -1
	}
	return int64(disk.Bavail) * int64(disk.Bsize), int64(disk.Blocks) * int64(disk.Bsize) //nolint:gosec,unconvert // no disk has 2^63 bytes; the types differ between systems
}
