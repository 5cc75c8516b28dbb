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

// fileWatch tells whether a SQLite file was changed, by whatever process. It has a
// connection of its own: PRAGMA data_version changes with each commit of others.
type fileWatch struct {
	path string

	db   *dbmodule.Database
	conn *bun.Conn
	last int64
	// opened are the files of fileParts that conn has open.
	opened [len(fileParts)]fs.FileInfo
}

// fileParts end the names of a database's file, of its write-ahead log, and of the log's index.
// SQLite removes none of them while a connection has them open.
var fileParts = [...]string{"", "-wal", "-shm"}

// newFileWatch returns nil for a database in memory, which no other process has.
func newFileWatch(db *dbmodule.Database) *fileWatch {
	if db.URL().Memory() {
		return nil
	}
	return &fileWatch{path: db.URL().Path()}
}

// changed reports whether the file was changed since the last call, or may have been. It is
// true the first time, after an error, and when one of the files is gone or replaced.
func (w *fileWatch) changed(ctx context.Context) (bool, error) {
	if w.conn != nil && w.isOutdated() {
		_ = w.close() // it only reads, and nobody changes those files any more
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

// files returns what stands at the paths of fileParts, nil for nothing.
func (w *fileWatch) files() (found [len(fileParts)]fs.FileInfo) {
	for i, part := range fileParts {
		if info, err := os.Stat(w.path + part); err == nil {
			found[i] = info
		}
	}
	return found
}

// isOutdated reports whether conn has another file open than the one that stands at its path.
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
