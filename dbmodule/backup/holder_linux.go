package backup

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// SQLite locks these bytes of a database file, whatever the file's size.
const (
	lockBytes    = 0x40000000
	lockBytesEnd = lockBytes + 512
)

// holder names another process that has SQLite's lock on a file, or returns "" if
// there is none or it is unknown. It reads the kernel's table of locks. It must not
// open the file: closing it would drop the locks that this process has on it.
func holder(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	table, err := os.ReadFile("/proc/locks")
	if err != nil {
		return ""
	}
	own := strconv.Itoa(os.Getpid())
	inode := ":" + strconv.FormatUint(stat.Ino, 10)
	for line := range strings.Lines(string(table)) {
		// 1: POSIX ADVISORY READ 4711 08:02:1234567 1073741826 1073742335
		fields := strings.Fields(line)
		if len(fields) != 8 || fields[1] != "POSIX" || !strings.HasSuffix(fields[5], inode) || fields[4] == own {
			continue
		}
		if at, err := strconv.ParseInt(fields[6], 10, 64); err == nil && at >= lockBytes && at < lockBytesEnd {
			return process(fields[4])
		}
	}
	return ""
}

// process describes a process by its id, which is 0 or less for a process in another container.
func process(pid string) string {
	name, err := os.ReadFile("/proc/" + pid + "/comm")
	if n, numErr := strconv.Atoi(pid); numErr != nil || n <= 0 {
		return "a process outside of this container"
	}
	if err != nil {
		return "process " + pid
	}
	return fmt.Sprintf("process %s (%s)", pid, strings.TrimSpace(string(name)))
}
