package backup

import (
	"errors"
	"fmt"
	"io/fs"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/openhands-go/server/dbmodule"
)

// Errors of this package, for errors.Is. Besides these, the error is
// [dbmodule.ErrCorrupt] for a file that is damaged or is no database, and
// [dbmodule.ErrDiskFull] for a full disk.
var (
	// ErrEngine: the database is not a SQLite database.
	ErrEngine = errors.New("only SQLite databases are copied and restored as files")
	// ErrExists: the file to write exists already, and Options.Force is not set.
	ErrExists = errors.New("the file exists")
	// ErrInUse: another connection has the database open.
	ErrInUse = errors.New("the database is in use")
)

// typed adds the kind of error, for errors.Is, to an error of the driver. On connections of
// dbmodule, dbmodule does this; this package opens its own, whose errors have only SQLite's code.
func typed(err error) error {
	var lite interface {
		error
		Code() int
	}
	if !errors.As(err, &lite) {
		return err
	}
	switch lite.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: %w", dbmodule.ErrDiskFull, err)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w: %w", dbmodule.ErrCorrupt, err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("%w: %w", ErrInUse, err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN:
		return fmt.Errorf("%w: %w", fs.ErrPermission, err)
	}
	return err
}
