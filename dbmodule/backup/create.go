package backup

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/openhands-go/server/dbmodule"
)

// Options are the options of [Create] and [Prepare]. The zero value overwrites
// no file and reports no progress.
type Options struct {
	// Force allows [Create] to replace an existing file.
	Force bool
	// Progress, if not nil, is called between steps of the copy with the number of
	// pages copied so far and the number of all pages. It runs in the caller's
	// goroutine.
	Progress func(done, total int)
}

// Create copies the database of db into the file to, which only its owner may
// read, and verifies the copy. db need not be connected: Create opens the file by
// itself. Only a database in memory is read through db; its writers wait until
// Create has ended. Writers of a file without write-ahead logging wait too, but a
// Database that writes to a file turns write-ahead logging on.
//
// Create writes the copy in the folder of to, as .NAME.*.partial. It renames the
// copy to its final name when the copy is complete, verified and synced, so to is
// never half a backup. If Create fails or ctx ends, it removes the copy. If the
// process is killed, the partial file stays and can be deleted.
func Create(ctx context.Context, db *dbmodule.Database, to string, o Options) (Report, error) {
	report, err := create(ctx, db, to, o)
	if err != nil {
		return report, fmt.Errorf("backup: back up %s: %w", db.URL(), err)
	}
	return report, nil
}

func create(ctx context.Context, db *dbmodule.Database, to string, o Options) (report Report, err error) {
	began := time.Now()
	if db.Engine() != dbmodule.SQLite {
		return report, ErrEngine
	}
	if err := writable(db.URL().Path(), to, o.Force); err != nil {
		return report, err
	}
	conn, closeConn, err := source(ctx, db)
	if err != nil {
		return report, err
	}
	part, err := copyBeside(ctx, conn, to, o.Progress)
	if err = errors.Join(err, closeConn()); err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, removeIfThere(part)) }()
	if report, err = verify(ctx, part); err != nil {
		return report, fmt.Errorf("verify the copy: %w", err)
	}
	report.Path = to
	if err := publish(part, to, o.Force); err != nil {
		return report, err
	}
	report.Took = time.Since(began)
	return report, nil
}

// writable returns an error if the backup can't be written to the file to: if its folder is
// missing, if it is a file of the database itself or no regular file, or if it exists and force is
// not set.
func writable(database, to string, force bool) error {
	info, err := os.Stat(to)
	if errors.Is(err, fs.ErrNotExist) {
		if folder := filepath.Dir(to); !isFolder(folder) {
			return fmt.Errorf("the folder %s: %w: create it", folder, fs.ErrNotExist)
		}
		return nil
	}
	if err != nil {
		return err
	}
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if own, err := os.Stat(database + suffix); database != "" && err == nil && os.SameFile(own, info) {
			return fmt.Errorf("%s belongs to the database itself", to)
		}
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", to)
	}
	if !force {
		return fmt.Errorf("%s: %w", to, ErrExists)
	}
	return nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// source opens the database file and begins a read transaction, which does not see
// later writes of others. For a database in memory it takes the only connection of
// db that writes.
func source(ctx context.Context, db *dbmodule.Database) (*sql.Conn, func() error, error) {
	if db.URL().Memory() {
		conn, err := db.DB().Conn(ctx)
		if err != nil {
			return nil, nil, err
		}
		return conn.Conn, conn.Close, nil
	}
	return openSource(ctx, db.URL().Path())
}

// openSource opens a database that others may be using. It can't open the database
// read-only: after a crash, the first connection has to recover the database.
func openSource(ctx context.Context, path string) (*sql.Conn, func() error, error) {
	if _, err := looksLikeDatabase(path); err != nil {
		return nil, nil, err
	}
	conn, closeConn, err := open(ctx, path, "mode", "rw", "_pragma", "busy_timeout(5000)", "_pragma", "query_only(1)")
	if err != nil {
		return nil, nil, err
	}
	end, err := snapshot(ctx, conn)
	if err != nil {
		return nil, nil, errors.Join(err, closeConn())
	}
	return conn, func() error { return errors.Join(end(), closeConn()) }, nil
}

// copyBeside copies a database into a new file in the folder of to, and
// returns its path.
func copyBeside(ctx context.Context, from *sql.Conn, to string, progress func(done, total int)) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(to), "."+filepath.Base(to)+".*.partial") // with mode 0600
	if err != nil {
		return "", err
	}
	part := f.Name()
	if err = f.Close(); err == nil {
		err = copyDatabase(ctx, from, part, progress)
	}
	if err == nil {
		err = syncFile(part)
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("write %s: %w", part, err), removeIfThere(part))
	}
	return part, nil
}

// publish gives the complete file part the name to, under which the user finds it. Without force,
// it returns ErrExists if that file exists. The name part may stay; the caller removes it.
func publish(part, to string, force bool) error {
	if force {
		if err := os.Rename(part, to); err != nil {
			return err
		}
		return syncFolder(to)
	}
	// Unlike a rename, a link never replaces another file.
	err := os.Link(part, to)
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s: %w", to, ErrExists)
	case err != nil: // a file system without links
		if err := writable("", to, false); err != nil {
			return err
		}
		if err := os.Rename(part, to); err != nil {
			return err
		}
	}
	return syncFolder(to)
}
