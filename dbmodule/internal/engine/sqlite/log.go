package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// logNames are the suffixes of the names of a write-ahead log and of its index.
var logNames = [2]string{"-wal", "-shm"}

// log is the write-ahead log of a file and the log's index, which the open connections share.
// SQLite removes both with the last connection. file.mu guards it.
type log struct {
	// files are the log and its index, nil until a connection has opened them.
	files [2]fs.FileInfo
	// open is the number of connections that are open or being opened.
	open int
	// lost is set if the log or its index is not at its path any more. Nobody else could read
	// what the connections would write to it.
	lost *goneError
	// last is the last open connection with a lost log whose content could not be stored yet;
	// nil for none.
	last *conn
}

// gone returns why the connections with this log must not be used, nil if they may be.
func (l *log) gone() error {
	if l.lost == nil {
		return nil
	}
	return l.lost
}

// isSame reports whether info is the log, for i 0, or its index, for i 1.
func (l *log) isSame(i int, info fs.FileInfo) bool {
	return l.files[i] != nil && os.SameFile(info, l.files[i])
}

// logOpened notes the log that a new connection has opened. It reads first, because SQLite
// opens the log when it first reads. It does nothing for a file with another journal mode, and
// ignores errors: the first statement returns them again.
func (f *file) logOpened(c *conn) {
	if f == nil {
		return
	}
	ctx := context.Background() //nolint:forbidigo // it waits for the disk alone
	if _, err := c.column(ctx, "PRAGMA schema_version"); err != nil {
		return
	}
	if mode, err := c.column(ctx, "PRAGMA journal_mode"); err != nil || len(mode) != 1 || mode[0] != "wal" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.log != f.log {
		return // the file was replaced meanwhile
	}
	for i, path := range f.logPaths {
		info, err := os.Stat(path)
		switch {
		case f.log.files[i] != nil:
		case err == nil:
			f.log.files[i] = info
		case errors.Is(err, fs.ErrNotExist):
			// Other code in this process has a connection for which SQLite keeps the log open.
			f.loseLog(path)
		}
	}
}

// lookAtLog checks whether the log and its index are still at their paths. It ignores errors
// other than that there is no file.
func (f *file) lookAtLog() {
	if f.log.open == 0 {
		return
	}
	for i, path := range f.logPaths {
		info, err := os.Stat(path)
		gone := errors.Is(err, fs.ErrNotExist) || err == nil && !f.log.isSame(i, info)
		if gone && f.log.files[i] != nil {
			f.loseLog(path)
		}
	}
}

// loseLog notes that the log or its index, whose path was path, is lost.
func (f *file) loseLog(path string) {
	if f.log.lost != nil {
		return
	}
	f.log.lost = &goneError{path: path, log: true}
	f.tell(fmt.Sprintf("%s was moved, deleted or replaced while the database was open. It is a part of the database: leave it alone. "+
		"What the write-ahead log holds is stored in %s as soon as the connections in use are free; until then there are no new ones", path, f.path))
}

// storeLostLog checks the file and its log. If the log is lost, it closes the idle
// connections. The last connection that is closed stores the content of the log in the file,
// and then a new log may begin. Until then storeLostLog returns an error.
func (f *file) storeLostLog() error {
	f.mu.Lock()
	f.look()
	lost := f.log.lost != nil
	f.mu.Unlock()
	if !lost {
		return nil
	}
	if f.closeIdle != nil {
		f.closeIdle() // calls leave
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if last := f.log.last; last != nil && f.stored(last) {
		_ = last.DriverConn.Close() // everything is stored
	}
	return f.log.gone()
}

// leave is called before a connection is closed. It reports whether the connection must stay
// open: the last connection with a lost log, until the content of the log is stored.
func (f *file) leave(c *conn) (stays bool) {
	if f == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c.log.open--
	if c.log != f.log || f.log.lost == nil || f.log.open > 0 {
		return false
	}
	if !f.stores {
		f.log = new(log)
		return false
	}
	if f.stored(c) {
		return false
	}
	f.log.last = c
	return true
}

// stored stores the content of a lost log in the database's file, through the last connection
// that has the log open. It reports whether that succeeded, so that a new log may begin. If the
// file is gone, too, there is nothing to do.
func (f *file) stored(last *conn) bool {
	if f.seen == nil || f.known == nil || !os.SameFile(f.seen, f.known) {
		f.log = new(log)
		return true
	}
	err := last.checkpoint()
	if err == nil {
		err = f.putLogAside(func(i int, info fs.FileInfo) bool { return !f.log.isSame(i, info) }, "of-another-process")
	}
	if err != nil {
		if f.log.last == nil {
			f.tell(fmt.Sprintf("what the lost write-ahead log held is not in %s yet: leave this process running, it tries again: %v", f.path, err))
		}
		return false
	}
	f.tell("nothing is lost: what the lost write-ahead log held is stored in " + f.path)
	f.log = new(log)
	return true
}

// end closes the connection that stayed open because of a lost log.
func (f *file) end() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	last := f.log.last
	if last == nil {
		return nil
	}
	f.stored(last) // it tells the operator if that fails
	f.log = new(log)
	return last.DriverConn.Close()
}

// checkpoint writes the whole log into the database's file, and empties the log.
func (c *conn) checkpoint() (err error) {
	ctx := context.Background() //nolint:forbidigo // the busy timeout limits it

	_, _ = c.Exec(ctx, rollback, nil) // there may be no transaction
	rows, err := c.Query(ctx, "PRAGMA wal_checkpoint(TRUNCATE)", nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	answer := make([]driver.Value, 3) // busy, pages in the log, pages moved
	if err := rows.Next(answer); err != nil {
		return err
	}
	if answer[0] != int64(0) {
		return errors.New("another process uses the log")
	}
	return nil
}

// putLogAside renames the log, and removes the index, that which chooses: SQLite would take
// them for those of the file. The renamed log keeps its content.
func (f *file) putLogAside(which func(i int, info fs.FileInfo) bool, why string) error {
	for i, path := range f.logPaths {
		info, err := os.Stat(path)
		if err != nil || !which(i, info) {
			continue
		}
		if i == 0 && info.Size() > 0 {
			err = os.Rename(path, fmt.Sprintf("%s.%s-%s", path, why, time.Now().UTC().Format("20060102T150405.000")))
		} else {
			err = os.Remove(path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
