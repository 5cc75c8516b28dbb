//go:build unix

package sqlite

import (
	"io/fs"
	"syscall"
)

// isAt reports whether a file is at a path. It is called before each COMMIT, and allocates a
// fifth of what os.Stat does. It may report false if the system could not tell.
func isAt(path string, file fs.FileInfo) bool {
	want, ok := file.Sys().(*syscall.Stat_t)
	var found syscall.Stat_t
	return ok && syscall.Stat(path, &found) == nil && found.Dev == want.Dev && found.Ino == want.Ino
}
