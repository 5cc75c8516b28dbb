package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"time"
)

// file is the file of a database, as all connections to it know it. SQLite itself goes on
// with a file that was deleted, moved or replaced: it would store what nobody can read any
// more. A file in memory is nil.
type file struct {
	path string
	// every is how long what was seen of the file holds for a connection that only reads.
	every time.Duration
	// notice tells an operator; nil for nobody.
	notice func(text string)

	mu sync.Mutex
	// known is the file that was opened last, and logs are its write-ahead log and
	// that one's index; nil before the first connection, or where there is none.
	known fs.FileInfo
	logs  [2]fs.FileInfo
	// seen is what stands at the path, nil for nothing, as of looked.
	seen   fs.FileInfo
	looked time.Time
	// missing is set while the operator knows that the file is gone.
	missing bool
}

// logNames end the names of a database's write-ahead log and of its index.
var logNames = [2]string{"-wal", "-shm"}

// goneError says that connections lead to a file which has no name any more, or another one.
type goneError struct {
	path     string
	replaced bool
}

func (e *goneError) Error() string {
	if e.replaced {
		return fmt.Sprintf("the file %s was replaced by another while the database was open: what was in progress is not stored, do it again", e.path)
	}
	return fmt.Sprintf("the file %s is gone: it was moved or deleted while the database was open: put it back", e.path)
}

// check returns a *goneError if the path leads to another file than the one that a connection
// was opened to.
func (f *file) check(opened fs.FileInfo, writes bool) error {
	if f == nil || opened == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if writes || time.Since(f.looked) >= f.every {
		f.look()
	}
	if f.seen == nil || !os.SameFile(f.seen, opened) {
		return &goneError{path: f.path, replaced: f.seen != nil}
	}
	return nil
}

// look sees what stands at the path. An error other than that there is nothing says nothing
// about the file.
func (f *file) look() {
	info, err := os.Stat(f.path)
	switch {
	case err == nil:
		f.seen = info
		if f.known == nil || !os.SameFile(info, f.known) {
			break
		}
		f.lookAtLogs()
		if f.missing {
			f.missing = false
			f.tell("the database's file is back: " + f.path)
		}
	case errors.Is(err, fs.ErrNotExist):
		f.seen = nil
		if f.known != nil && !f.missing {
			f.missing = true
			f.tell((&goneError{path: f.path}).Error())
		}
	}
	f.looked = time.Now()
}

// lookAtLogs remembers the logs of the known file. SQLite makes them when it first writes.
func (f *file) lookAtLogs() {
	for i, name := range logNames {
		if f.logs[i] != nil {
			continue
		}
		if info, err := os.Stat(f.path + name); err == nil {
			f.logs[i] = info
		}
	}
}

func (f *file) tell(text string) {
	if f.notice != nil {
		f.notice(text)
	}
}

// open calls connect for a connection and returns the file that it leads to. exists is set once
// there was a file: then none is to be made in its place.
func (f *file) open(connect func(exists bool) error) (fs.FileInfo, error) {
	if f == nil {
		return nil, connect(false)
	}
	exists, err := f.arrive()
	if err != nil {
		return nil, err
	}
	// Without the lock: it may wait for another process, and others only want to look.
	if err := connect(exists); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known, f.logs = nil, [2]fs.FileInfo{} // the last connection that is closed removes them
	f.look()
	f.known = f.seen
	if !exists {
		f.warn()
	}
	f.lookAtLogs()
	return f.known, nil
}

// create makes an empty file that only its owner may read and write, since SQLite itself would ask
// for one that everybody may read. The write-ahead log gets the file's rights from SQLite. Why it
// can't be made, SQLite tells better.
func (f *file) create() {
	if made, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
		_ = made.Close() // nothing was written
	}
}

// warn tells who can read the file, unless that is its owner alone or its group. Elsewhere than on
// Unix the rights say nothing.
func (f *file) warn() {
	const everybody = 0o004
	if runtime.GOOS != "windows" && f.known != nil && f.known.Mode().Perm()&everybody != 0 {
		f.tell("every user of this machine can read the database's file: chmod 600 " + f.path)
	}
}

// arrive looks before a connection is made, and reports whether there has been a file.
func (f *file) arrive() (exists bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.look()
	switch {
	case f.known == nil:
		return false, nil
	case f.seen == nil:
		return true, &goneError{path: f.path}
	case os.SameFile(f.seen, f.known):
		return true, nil
	}
	if err := f.putLogsAside(); err != nil {
		return true, err
	}
	f.tell("the database's file was replaced by another, which is used from now on: " + f.path)
	f.known, f.missing = f.seen, false
	return true, nil
}

// putLogsAside renames the write-ahead log of a file that was replaced, and removes its index:
// SQLite would take them for those of the file that is there now. What only the log has is kept
// in it.
func (f *file) putLogsAside() error {
	for i, name := range logNames {
		info, err := os.Stat(f.path + name)
		if err != nil || f.logs[i] == nil || !os.SameFile(info, f.logs[i]) {
			continue
		}
		if i == 0 {
			err = os.Rename(f.path+name, fmt.Sprintf("%s%s.of-replaced-%s", f.path, name, time.Now().UTC().Format("20060102T150405.000")))
		} else {
			err = os.Remove(f.path + name)
		}
		if err != nil {
			return fmt.Errorf("put the write-ahead log of the file that was replaced aside: %w", err)
		}
	}
	f.logs = [2]fs.FileInfo{}
	return nil
}
