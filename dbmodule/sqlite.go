package dbmodule

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"github.com/uptrace/bun/dialect/sqlitedialect"

	"github.com/openhands-go/server/dbmodule/internal/engine/sqlite"
	"github.com/openhands-go/server/dbmodule/internal/pool"
	"github.com/openhands-go/server/dbmodule/internal/sqlconn"
)

// memorySerial keeps the in-memory databases of one process apart: each
// Database has its own, shared by all of its connections.
var memorySerial atomic.Int64

// openSQLite keeps one connection for writing, so that writers queue in the
// pool instead of meeting SQLITE_BUSY, and query-only connections for
// reading, which WAL lets proceed beside it.
func openSQLite(cfg Config, with shared) (pools, error) {
	options := cfg.URL.SQLite()
	name := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: options.Path}).EscapedPath()}).String()
	if options.Memory {
		name = "file:/openhands-" + strconv.FormatInt(memorySerial.Add(1), 10)
	}

	settings := sqlite.Settings{
		Name: name, Memory: options.Memory, ReadOnly: options.ReadOnly, MustExist: options.MustExist,
		BusyTimeout: options.BusyTimeout, Synchronous: options.Synchronous,
	}
	readers := settings
	readers.Reader = true

	writing := cfg.connSettings(with, sqlite.Judge, sqlite.Opener(settings))
	if cfg.GroupCommit && options.SyncsEachCommit() {
		writing.Queue = sqlconn.NewQueue()
	}
	// One connection writes. That of a database in memory is kept for good.
	limits := pool.Limits{Size: 1, Recycle: max(cfg.PoolRecycle, 0)}
	if options.Memory {
		limits.Recycle = 0
	}
	p := newPools(sqlconn.NewConnector(writing), limits, sqlitedialect.New())
	p.reader = newConnPool(PoolReader, sqlconn.NewConnector(cfg.connSettings(with, sqlite.Judge, sqlite.Opener(readers))), limitsOf(cfg))
	if options.Memory {
		anchor := sqlite.Opener(readers)
		p.connected = func(ctx context.Context) (func() error, error) {
			// An in-memory database ends with its last connection: this one
			// is in no pool that could drop it.
			conn, err := anchor(ctx)
			if err != nil {
				return nil, err
			}
			return conn.Close, nil
		}
	}
	return p, nil
}

// noFile says why the URL's file can't be opened, as far as that shows. SQLite
// itself only says that it is unable to open it, or that it is read-only.
func noFile(u URL, err error) error {
	path, options := u.Path(), u.SQLite()
	if path == "" || !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrReadOnly) {
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
