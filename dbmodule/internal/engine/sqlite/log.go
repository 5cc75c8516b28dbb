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

// logNames end the names of a database's write-ahead log and of its index.
var logNames = [2]string{"-wal", "-shm"}

// log is the write-ahead log of a file and its index, as the connections have them that are
// open at the same time. SQLite itself removes neither before the last connection is closed.
// Its file's lock guards it.
type log struct {
	// files are nil until a connection is known to have opened them.
	files [2]fs.FileInfo
	// open counts the connections that are open or being opened.
	open int
	// lost is set when the connections have a log that is at its path no longer. What
	// they would write to it, nobody else would ever read.
	lost *goneError
	// last is the one connection that still has a lost log whose content could not be
	// stored; nil for none.
	last *conn
}

// gone returns why no connection may be used that has this log, nil if all may.
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

// logOpened remembers the log that a connection has. SQLite opens it when it first reads. A file
// without a log has another journal mode, and an error comes again with the first statement.
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
	for i, name := range logNames {
		info, err := os.Stat(f.path + name)
		switch {
		case f.log.files[i] != nil:
		case err == nil:
			f.log.files[i] = info
		case errors.Is(err, fs.ErrNotExist):
			// SQLite has it open still for a connection that somebody else in this process has.
			f.loseLog(f.path + name)
		}
	}
}

// lookAtLog sees whether the log is still what the connections have. An error other than that
// there is nothing says nothing about it.
func (f *file) lookAtLog() {
	if f.log.open == 0 {
		return
	}
	for i, name := range logNames {
		info, err := os.Stat(f.path + name)
		gone := errors.Is(err, fs.ErrNotExist) || err == nil && !f.log.isSame(i, info)
		if gone && f.log.files[i] != nil {
			f.loseLog(f.path + name)
		}
	}
}

// loseLog notes that the log or its index, at path, is lost.
func (f *file) loseLog(path string) {
	if f.log.lost != nil {
		return
	}
	f.log.lost = &goneError{path: path, log: true}
	f.tell(fmt.Sprintf("%s was moved, deleted or replaced while the database was open. It is a part of the database: leave it alone. "+
		"What the write-ahead log holds is stored in %s as soon as the connections in use are free; until then there are no new ones", path, f.path))
}

// leaveLog looks at the file and its log. If the log is lost, it closes the connections that
// nobody uses. The last one that is closed stores what the log holds, and then a new log may
// begin. Until then it returns an error.
func (f *file) leaveLog() error {
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
		_ = last.DriverConn.Close() // all is stored
	}
	return f.log.gone()
}

// leave is called before a connection is closed. It reports whether the connection is to stay
// open: the last one that has a lost log does, as long as what the log holds is not stored.
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

// stored moves what a lost log holds into the database's file, through the last connection
// that has the log open, and reports whether all of it is there. If so a new log may begin. If
// the file is gone, too, there is nothing to store it in.
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
	f.stored(last) // if not, the operator knows
	f.log = new(log)
	return last.DriverConn.Close()
}

// checkpoint moves all of the log into the database's file and empties the log.
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

// putLogAside renames the log at the path if which says so, and removes such an index: SQLite
// would take them for those of the file. What only that log has is kept in it.
func (f *file) putLogAside(which func(i int, info fs.FileInfo) bool, why string) error {
	for i, name := range logNames {
		info, err := os.Stat(f.path + name)
		if err != nil || !which(i, info) {
			continue
		}
		if i == 0 && info.Size() > 0 {
			err = os.Rename(f.path+name, fmt.Sprintf("%s%s.%s-%s", f.path, name, why, time.Now().UTC().Format("20060102T150405.000")))
		} else {
			err = os.Remove(f.path + name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
