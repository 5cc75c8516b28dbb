package dbtest

import "golang.org/x/sys/unix"

// sharedMemory is where Linux keeps files in memory for everybody.
const sharedMemory = "/dev/shm"

// enoughMemory is what has to be free there: containers often get 64 MiB.
const enoughMemory = 4 << 30

// memoryFolder returns a folder whose files are in memory, where a database is
// created several times faster than on a disk, and "", the default folder,
// where there is none with room. A TMPDIR that somebody set is respected.
func memoryFolder(env func(string) string) string {
	if env("TMPDIR") != "" {
		return ""
	}
	var stat unix.Statfs_t
	if err := unix.Statfs(sharedMemory, &stat); err != nil || stat.Type != unix.TMPFS_MAGIC {
		return ""
	}
	if unix.Access(sharedMemory, unix.W_OK) != nil || stat.Bavail*uint64(stat.Bsize) < enoughMemory {
		return ""
	}
	return sharedMemory
}
