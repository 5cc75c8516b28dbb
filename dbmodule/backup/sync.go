package backup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// syncFile syncs a file, so that its content survives a power cut.
func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// syncFolder syncs the folder that a file is in, so that the names of its files
// survive a power cut.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil // folders can't be opened there
	}
	f, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// removeIfThere removes a file. A missing file is no error.
func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
