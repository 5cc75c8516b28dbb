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
	// opened is the file that conn leads to.
	opened fs.FileInfo
}

// newFileWatch returns nil for a database in memory, which no other process has.
func newFileWatch(db *dbmodule.Database) *fileWatch {
	if db.URL().Memory() {
		return nil
	}
	return &fileWatch{path: db.URL().Path()}
}

// changed reports whether the file was changed since the last call, or may have been. It is
// true the first time, after an error, and when another file has taken the place of the one
// before.
func (w *fileWatch) changed(ctx context.Context) (bool, error) {
	if at, err := os.Stat(w.path); w.conn != nil && (err != nil || !os.SameFile(at, w.opened)) {
		_ = w.close() // it only reads, and nobody changes that file any more
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
	if w.opened, err = os.Stat(w.path); err != nil {
		return err
	}
	return nil
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
