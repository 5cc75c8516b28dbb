package feed

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// fileWatch finds out whether any process has changed a SQLite file. It has a connection of its
// own, on which PRAGMA data_version changes with each commit of another connection.
type fileWatch struct {
	path string

	db   *dbmodule.Database
	conn *bun.Conn
	last int64
	// opened are the files that conn has open, in the order of fileParts.
	opened [len(fileParts)]fs.FileInfo
}

// fileParts are the suffixes of the database's file, of its write-ahead log, and of the log's
// index. SQLite removes none of these files while a connection has them open.
var fileParts = [...]string{"", "-wal", "-shm"}

// newFileWatch returns nil for a database in memory, which no other process has.
func newFileWatch(db *dbmodule.Database) *fileWatch {
	if db.URL().Memory() {
		return nil
	}
	return &fileWatch{path: db.URL().Path()}
}

// changed reports whether the file was changed, or may have been, since the last call. It returns
// true at the first call, after an error, and if one of the files is missing or was replaced.
func (w *fileWatch) changed(ctx context.Context) (bool, error) {
	if w.conn != nil && w.isOutdated() {
		_ = w.close() // no error matters: it only reads files that are no longer the database's
	}
	first := w.conn == nil
	if first {
		if err := w.open(ctx); err != nil {
			return false, errors.Join(fmt.Errorf("feed: watch the file: %w", err), w.close())
		}
	}
	var version int64
	if err := w.conn.QueryRowContext(ctx, "PRAGMA data_version").Scan(&version); err != nil {
		return false, errors.Join(fmt.Errorf("feed: watch the file: %w", err), w.close())
	}
	if first {
		w.opened = w.files()
	}
	changed := first || version != w.last
	w.last = version
	return changed, nil
}

func (w *fileWatch) open(ctx context.Context) error {
	url, err := dbmodule.SQLiteURL(w.path, true)
	if err != nil {
		return err
	}
	cfg := dbmodule.DefaultConfig()
	cfg.URL = url
	if w.db, err = dbmodule.Open(cfg, nil); err != nil {
		return err
	}
	conn, err := w.db.DB().Conn(ctx)
	if err != nil {
		return err
	}
	w.conn = &conn
	return nil
}

// files returns the files that are at the paths of fileParts now. It returns nil for a missing
// file.
func (w *fileWatch) files() (found [len(fileParts)]fs.FileInfo) {
	for i, part := range fileParts {
		if info, err := os.Stat(w.path + part); err == nil {
			found[i] = info
		}
	}
	return found
}

// isOutdated reports whether conn has a file open that is no longer at its path.
func (w *fileWatch) isOutdated() bool {
	for i, info := range w.files() {
		if info == nil || w.opened[i] == nil || !os.SameFile(info, w.opened[i]) {
			return true
		}
	}
	return false
}

func (w *fileWatch) close() error {
	if w == nil {
		return nil
	}
	var errs []error
	if w.conn != nil {
		errs = append(errs, w.conn.Close())
	}
	if w.db != nil {
		errs = append(errs, w.db.Close())
	}
	w.conn, w.db = nil, nil
	return errors.Join(errs...)
}
