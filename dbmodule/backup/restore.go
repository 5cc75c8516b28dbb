package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/openhands-go/server/dbmodule"
)

// Replacement is a verified copy of a backup, in the folder of the database that
// it will replace. The caller ends it by [Replacement.Install] or
// [Replacement.Discard].
type Replacement struct {
	// Report describes the content of the backup.
	Report Report

	part, target string
	info         fs.FileInfo // of the database before the restore; nil if there was none
}

// Prepare copies the backup in the file from into the folder of the database, and
// verifies the copy. It does not change the database. The database must be a
// file, and no connection may have it open, not even in this process: otherwise
// the error is [ErrInUse]. The database's file may be missing or damaged.
func Prepare(ctx context.Context, from string, db *dbmodule.Database, o Options) (*Replacement, error) {
	r, err := prepare(ctx, from, db, o)
	if err != nil {
		return nil, fmt.Errorf("backup: restore %s: %w", from, err)
	}
	return r, nil
}

func prepare(ctx context.Context, from string, db *dbmodule.Database, o Options) (r *Replacement, err error) {
	began := time.Now()
	if db.Engine() != dbmodule.SQLite {
		return nil, ErrEngine
	}
	r = &Replacement{}
	if r.target, err = resolve(db.URL()); err != nil {
		return nil, err
	}
	info, err := os.Stat(from)
	if err != nil {
		return nil, err
	}
	r.info, err = os.Stat(r.target)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err == nil && os.SameFile(info, r.info) {
		return nil, errors.New("that is the database itself")
	}
	if err := unused(ctx, r.target); err != nil {
		return nil, err
	}
	conn, closeConn, err := openSource(ctx, from)
	if err != nil {
		return nil, err
	}
	r.part, err = copyBeside(ctx, conn, r.target, o.Progress)
	if err = errors.Join(err, closeConn()); err != nil {
		return nil, err
	}
	if r.Report, err = verify(ctx, r.part); err == nil {
		err = r.adopt()
	}
	if err != nil {
		return nil, errors.Join(err, r.Discard())
	}
	r.Report.Path, r.Report.Took = from, time.Since(began)
	return r, nil
}

// resolve returns the database's path with symbolic links followed, so that a
// restore replaces the file and not a link to it.
func resolve(u dbmodule.URL) (string, error) {
	if u.Memory() {
		return "", errors.New("a database in memory ends with its process: name a file in DATABASE_URL")
	}
	path, err := filepath.EvalSymlinks(u.Path())
	if errors.Is(err, fs.ErrNotExist) {
		return filepath.Abs(u.Path())
	}
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

// Path returns the path of the verified copy, so that the caller can examine it
// before [Replacement.Install].
func (r *Replacement) Path() string { return r.part }

// Discard removes the copy. After [Replacement.Install] it does nothing.
func (r *Replacement) Discard() error {
	if r.part == "" {
		return nil
	}
	return removeIfThere(r.part)
}

// Installed says what [Replacement.Install] did.
type Installed struct {
	// Kept is the path to which Install moved the previous database, or "" if
	// there was none.
	Kept string
	// Holder names a process that opened the previous database during the
	// replacement, so that it still writes to Kept. It is "" if there is none.
	Holder string
}

// Install replaces the database with the copy by one rename. If the process or
// the machine stops at any moment, the database's path has either the previous
// database or the copy, complete. The error is [ErrInUse] if another connection
// has the database open.
func (r *Replacement) Install(ctx context.Context) (Installed, error) {
	done, err := r.install(ctx)
	if err != nil {
		return done, fmt.Errorf("backup: replace %s: %w", r.target, err)
	}
	return done, nil
}

func (r *Replacement) install(ctx context.Context) (done Installed, err error) {
	kept := r.target + ".replaced-" + time.Now().UTC().Format("20060102T150405.000Z")
	if r.info == nil {
		// SQLite would apply the logs of a missing database to the new one.
		if err := setAside(r.target, kept, "-wal", "-journal"); err != nil {
			return done, err
		}
		if err := publish(r.part, r.target, false); err != nil {
			return done, err
		}
		return done, r.Discard()
	}
	unlock, err := lockOut(ctx, r.target)
	if errors.Is(err, dbmodule.ErrCorrupt) {
		unlock, err = func() error { return nil }, setAside(r.target, kept, "-wal", "-journal")
	}
	if err != nil {
		return done, err
	}
	if err := os.Link(r.target, kept); err != nil {
		return done, errors.Join(fmt.Errorf("keep the replaced database: %w; move it away yourself and restore again", err), unlock())
	}
	err = syncFolder(kept)
	if err == nil {
		err = os.Rename(r.part, r.target)
	}
	if err != nil {
		return done, errors.Join(err, removeIfThere(kept), unlock())
	}
	done.Kept = kept
	if err := errors.Join(syncFolder(r.target), unlock()); err != nil {
		return done, err
	}
	// A process that opened the file before the rename has waited for the lock, and
	// gets it now.
	const turn = 200 * time.Millisecond
	time.Sleep(turn)
	done.Holder = holder(kept)
	return done, nil
}

// setAside moves the logs of a damaged or missing database beside the kept database.
// Otherwise SQLite would apply them to the file that replaces it.
func setAside(target, kept string, suffixes ...string) error {
	for _, suffix := range suffixes {
		if err := os.Rename(target+suffix, kept+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	// SQLite makes the -shm file again from the log.
	return errors.Join(removeIfThere(target+"-shm"), syncFolder(target))
}
