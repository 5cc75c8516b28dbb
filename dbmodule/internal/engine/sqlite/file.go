package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/openhands-go/server/dbmodule/internal/engine"
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
	// closeIdle closes the connections that nobody uses; nil for nothing.
	closeIdle func()
	// stores is set unless the file is only read: what a lost log holds is stored then.
	stores bool

	mu sync.Mutex
	// known is the file that was opened last, nil before the first connection, and log
	// is its write-ahead log.
	known fs.FileInfo
	log   *log
	// seen is what stands at the path, nil for nothing, as of looked.
	seen   fs.FileInfo
	looked time.Time
	// missing is set while the operator knows that the file is gone.
	missing bool
}

func newFile(target engine.Target) *file {
	options := target.URL.SQLite()
	return &file{
		path: options.Path, every: target.CheckInterval, notice: target.Notice, closeIdle: target.CloseIdle, stores: !options.ReadOnly,
		log: new(log),
	}
}

// shortestWatch is the least time between two looks of watch.
const shortestWatch = 10 * time.Millisecond

// watch looks at the file and its log all the time, so that what a lost log holds is stored even
// if nobody uses the database. The caller calls stop in the end. It has the type of
// engine.Opened.Connected.
func (f *file) watch(context.Context, *sql.DB) (stop func() error, err error) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(max(f.every, shortestWatch))
		defer ticker.Stop()
		for {
			select {
			case <-ended:
				return
			case <-ticker.C:
				_ = f.leaveLog() // it has told the operator
			}
		}
	}()
	return func() error {
		close(ended)
		<-done
		return f.end()
	}, nil
}

// goneError says that connections lead to a file which has no name any more, or another one.
type goneError struct {
	path     string
	replaced bool
	// log is set if that is so of the write-ahead log or its index, which path names then.
	log bool
}

func (e *goneError) Error() string {
	if e.log {
		return fmt.Sprintf("the write-ahead log %s was moved, deleted or replaced while the database was open: what was in progress is not stored, do it again", e.path)
	}
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
	return f.log.gone()
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
		f.lookAtLog()
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

func (f *file) tell(text string) {
	if f.notice != nil {
		f.notice(text)
	}
}

// open calls connect for a connection, and returns the file that it leads to and that one's log.
// exists is set once there was a file: then none is to be made in its place. The log counts the
// connection until leave.
func (f *file) open(connect func(exists bool) error) (fs.FileInfo, *log, error) {
	if f == nil {
		return nil, nil, connect(false)
	}
	exists, l, err := f.arrive()
	if err != nil {
		return nil, nil, err
	}
	// Without the lock: it may wait for another process, and others only want to look.
	err = connect(exists)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		l.open--
		return nil, nil, err
	}
	f.known = nil
	f.look()
	f.known = f.seen
	if !exists {
		f.warn()
	}
	return f.known, l, nil
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

// arrive looks before a connection is made, reports whether there has been a file, and counts
// the connection in its log.
func (f *file) arrive() (exists bool, l *log, err error) {
	if err := f.leaveLog(); err != nil {
		return true, nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.known == nil:
	case f.seen == nil:
		return true, nil, &goneError{path: f.path}
	case !os.SameFile(f.seen, f.known):
		if err := f.putLogAside(f.log.isSame, "of-replaced"); err != nil {
			return true, nil, fmt.Errorf("put the write-ahead log of the file that was replaced aside: %w", err)
		}
		f.tell("the database's file was replaced by another, which is used from now on: " + f.path)
		f.known, f.missing, f.log = f.seen, false, new(log)
	}
	if f.log.open == 0 {
		f.log = new(log) // the last connection that was closed removed the one before
	}
	f.log.open++
	return f.known != nil, f.log, nil
}
