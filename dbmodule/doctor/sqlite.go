package doctor

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

// sqliteFileChecks examine the file before it is opened.
var sqliteFileChecks = []check{
	{"file", sqliteFile},
	{"file's permissions", sqlitePermissions},
	{"folder", sqliteFolder},
	{"file system", sqliteFileSystem},
	{"disk", sqliteDisk},
	{"write-ahead log", sqliteLog},
}

// sqliteChecks use the connection.
var sqliteChecks = []check{
	{"version", sqliteVersion},
	{"synchronous", sqliteSynchronous},
	{"journal_mode", sqliteJournalMode},
	{"busy_timeout", sqliteBusyTimeout},
	{"encoding", sqliteEncoding},
	{"writable", sqliteWritable},
	{"integrity", sqliteIntegrity},
	{"foreign keys", sqliteForeignKeys},
}

// absent reports whether the database's file is missing, so that connecting would
// create it.
func (t *target) absent() bool {
	u := t.config.URL
	if u.Engine() != dbmodule.SQLite || u.Memory() {
		return false
	}
	_, err := os.Stat(u.Path())
	return errors.Is(err, fs.ErrNotExist)
}

func sqliteFile(_ context.Context, t *target) Finding {
	u := t.config.URL
	if u.Memory() {
		return warning("in memory: everything is gone when the program ends", "name a file in DATABASE_URL, if it is to stay")
	}
	full, err := filepath.Abs(u.Path())
	if err != nil {
		return unread(err)
	}
	info, err := os.Stat(full)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return warning(full+" is not there yet", "check the name if there should be one: the first start makes it")
	case err != nil:
		return wrong(err.Error(), "let this account enter the folders above the file")
	case !info.Mode().IsRegular():
		return wrong(full+" is not a regular file", "name a file in DATABASE_URL")
	case !filepath.IsAbs(u.Path()):
		return fine(full + " (relative to where the program is started)")
	}
	return fine(full)
}

func sqlitePermissions(_ context.Context, t *target) Finding {
	path := t.config.URL.Path()
	info, err := os.Stat(path)
	if err != nil {
		return skipped("there is no file")
	}
	if info.Mode().Perm()&0o002 != 0 {
		return wrong("every account of this machine may change the database", "chmod o-rw "+path)
	}
	if info.Mode().Perm()&0o004 != 0 && !isPrivate(path) {
		return warning("every account of this machine may read the database", "chmod o-r "+path)
	}
	return fine(info.Mode().Perm().String())
}

// isPrivate reports whether a folder above path denies access to other users.
func isPrivate(path string) bool {
	path, err := filepath.Abs(path)
	for folder := filepath.Dir(path); err == nil; folder = filepath.Dir(folder) {
		var info fs.FileInfo
		if info, err = os.Stat(folder); err == nil && info.Mode().Perm()&0o001 == 0 {
			return true
		}
		if folder == filepath.Dir(folder) {
			break
		}
	}
	return false
}

// sqliteFolder tries to create a file in the folder, as SQLite does for its log.
func sqliteFolder(_ context.Context, t *target) Finding {
	if t.config.URL.Memory() {
		return skipped("the database is in memory")
	}
	folder := filepath.Dir(t.config.URL.Path())
	f, err := os.CreateTemp(folder, ".openhands_doctor_*")
	if err != nil {
		return wrong(err.Error(), "SQLite makes its log beside the database: make the folder, and let this account write to it")
	}
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		return unread(err)
	}
	return fine("files can be made beside the database")
}

// sqliteLog warns of a large write-ahead log: a reader may keep SQLite from emptying it.
func sqliteLog(_ context.Context, t *target) Finding {
	const large = 256 << 20
	if t.config.URL.Memory() {
		return skipped("the database is in memory")
	}
	info, err := os.Stat(t.config.URL.Path() + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return fine("none: nobody has the database open")
	}
	if err != nil {
		return unread(err)
	}
	found := fmt.Sprintf("%d MiB", info.Size()>>20)
	if info.Size() > large {
		return warning(found+": something that reads for long, or was left open, keeps it from being emptied", "look for such a program, and restart the server")
	}
	return fine(found)
}

func sqliteVersion(ctx context.Context, t *target) Finding {
	var version string
	if err := t.scan(ctx, "SELECT sqlite_version()", &version); err != nil {
		return unread(err)
	}
	return fine("SQLite " + version + ", built in")
}

func sqliteSynchronous(ctx context.Context, t *target) Finding {
	if t.config.URL.Memory() {
		return skipped("the database is in memory")
	}
	var level int
	if err := t.scan(ctx, "PRAGMA synchronous", &level); err != nil {
		return unread(err)
	}
	const advice = "remove synchronous from DATABASE_URL"
	switch level {
	case 0:
		return wrong("OFF: a power cut can destroy the whole database", advice)
	case 1:
		return warning("NORMAL: a power cut loses what was acknowledged in the last moments", advice)
	}
	return fine([]string{"OFF", "NORMAL", "FULL", "EXTRA"}[min(level, 3)])
}

func sqliteJournalMode(ctx context.Context, t *target) Finding {
	var mode string
	if err := t.scan(ctx, "PRAGMA journal_mode", &mode); err != nil {
		return unread(err)
	}
	if mode != "wal" && !t.config.URL.Memory() {
		return warning(mode+": readers and the writer hold each other up", "let this account write to the file and its folder, on a disk of this machine")
	}
	return fine(mode)
}

func sqliteBusyTimeout(ctx context.Context, t *target) Finding {
	const short = time.Second
	var ms int64
	if err := t.scan(ctx, "PRAGMA busy_timeout", &ms); err != nil {
		return unread(err)
	}
	if d := time.Duration(ms) * time.Millisecond; d < short {
		return warning(fmt.Sprintf("%s: a backup or another program that writes makes writes fail", d), "remove timeout from DATABASE_URL")
	}
	return fine((time.Duration(ms) * time.Millisecond).String())
}

func sqliteEncoding(ctx context.Context, t *target) Finding {
	var encoding string
	if err := t.scan(ctx, "PRAGMA encoding", &encoding); err != nil {
		return unread(err)
	}
	if encoding != "UTF-8" {
		return warning(encoding+": every text is converted", "copy the data into a new database")
	}
	return fine(encoding)
}

// sqliteWritable checks that the database can be written: it takes the lock of a writer, and
// releases it.
func sqliteWritable(ctx context.Context, t *target) Finding {
	if t.config.URL.SQLite().ReadOnly {
		return wrong("mode=ro in DATABASE_URL", "remove it")
	}
	tx, err := t.db.DB().BeginTx(ctx, nil) // BEGIN IMMEDIATE, which takes the lock
	if err == nil {
		err = tx.Rollback()
	}
	switch {
	case errors.Is(err, dbmodule.ErrConflict):
		return wrong("another program has been writing for longer than the busy timeout: "+err.Error(), "find it (fuser shows who has the file open) and end it")
	case err != nil:
		return wrong(err.Error(), "let this account write to the file")
	}
	return fine("yes")
}

func sqliteIntegrity(ctx context.Context, t *target) Finding {
	var found string
	err := t.scan(ctx, "PRAGMA quick_check(1)", &found)
	switch {
	case ctx.Err() != nil || errors.Is(err, dbmodule.ErrTimeout):
		return skipped(fmt.Sprintf("the database is too large to read in %s: \"db backup\" verifies all of it", checkLimit))
	case err != nil:
		return wrong(err.Error(), "stop the server and restore a backup with \"db restore\"")
	case found != "ok":
		return wrong(found, "stop the server and restore a backup with \"db restore\"")
	}
	return fine("sound")
}

func sqliteForeignKeys(ctx context.Context, t *target) Finding {
	var n int
	err := t.scan(ctx, "SELECT count(*) FROM pragma_foreign_key_check", &n)
	switch {
	case ctx.Err() != nil || errors.Is(err, dbmodule.ErrTimeout):
		return skipped(fmt.Sprintf("the database is too large to read in %s: \"db backup\" verifies all of it", checkLimit))
	case err != nil:
		return unread(err)
	case n > 0:
		return warning(fmt.Sprintf("%d refer to rows that are not there: somebody wrote with foreign keys off", n), "PRAGMA foreign_key_check names the rows: mend or delete them")
	}
	return fine("every row has what it refers to")
}
