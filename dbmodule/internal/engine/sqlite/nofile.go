package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/dburl"
)

// noFile says why the URL's file can't be opened, as far as that shows. SQLite
// itself only says that it is unable to open it, or that it is read-only.
func noFile(u dburl.URL, err error) error {
	path, options := u.Path(), u.SQLite()
	var gone *goneError
	if errors.As(err, &gone) {
		return nil // it says what to do
	}
	if path == "" || !errors.Is(err, dberr.ErrUnavailable) && !errors.Is(err, dberr.ErrReadOnly) {
		return nil
	}
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil //nolint:nilerr // a hint that can't be given
	}
	if info, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the folder %s does not exist: create it", folder)
	} else if err == nil && !info.IsDir() {
		return fmt.Errorf("%s is no folder", folder)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a folder: name a file", path)
	} else if errors.Is(err, fs.ErrNotExist) && (options.ReadOnly || options.MustExist) {
		return fmt.Errorf("the file %s does not exist, and is not created with mode=ro or mode=rw", path)
	}
	return fmt.Errorf("this process must be allowed to write to the folder %s and to the file", folder)
}
