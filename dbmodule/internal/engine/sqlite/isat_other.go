//go:build !unix

package sqlite

import (
	"io/fs"
	"os"
)

// isAt reports whether a file is at a path.
func isAt(path string, file fs.FileInfo) bool {
	found, err := os.Stat(path)
	return err == nil && os.SameFile(found, file)
}
