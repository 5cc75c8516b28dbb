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

// file is the file of a database; all connections share it. It notices if the file is
// deleted, moved or replaced. SQLite itself would go on writing to a file that nobody can
// read any more. It is nil for a database in memory.
type file struct {
	path string
	// logPaths are the paths of the write-ahead log and of its index.
	logPaths [2]string
	// every is how old the last look at the file may be for a connection that only reads.
	every time.Duration
	// notice tells an operator; nil for nobody.
	notice func(text string)
	// closeIdle closes the idle connections; nil for nothing.
	closeIdle func()
	// stores is set unless the file is opened read-only: then the content of a lost log is
	// stored in the file.
	stores bool

	mu sync.Mutex
	// known is the file that was opened last, nil before the first connection. log is its
	// write-ahead log.
	known fs.FileInfo
	log   *log
	// seen is the file that was at the path at the time looked, nil for none.
	seen   fs.FileInfo
	looked time.Time
	// missing is set while the operator knows that the file is gone.
	missing bool
}

func newFile(target engine.Target) *file {
	options := target.URL.SQLite()
	return &file{
		path: options.Path, every: target.CheckInterval, notice: target.Notice, closeIdle: target.CloseIdle, stores: !options.ReadOnly,
		log: new(log), logPaths: [2]string{options.Path + logNames[0], options.Path + logNames[1]},
	}
}

// shortestWatch is the shortest pause of watch.
const shortestWatch = 10 * time.Millisecond

// watch checks the file and its log regularly until stop is called, so that the content of a
// lost log is stored even if nobody uses the database. It has the type of
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
				_ = f.storeLostLog() // it tells the operator
			}
		}
	}()
	return func() error {
		close(ended)
		<-done
		return f.end()
	}, nil
}

// goneError is the error of connections whose file was moved, deleted or replaced.
type goneError struct {
	path     string
	replaced bool
	// log is set if that happened to the write-ahead log or its index; path is its path then.
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

// isInPlace reports whether the file, its log and the log's index are open and still at their
// paths. That is what nearly every look finds.
func (f *file) isInPlace() bool {
	if f.known == nil || f.seen != f.known || f.missing || f.log.open == 0 || f.log.lost != nil || !isAt(f.path, f.known) {
		return false
	}
	for i, info := range f.log.files {
		if info == nil || !isAt(f.logPaths[i], info) {
			return false
		}
	}
	return true
}

// look looks for the file at the path. It ignores errors other than that there is no file.
func (f *file) look() {
	if f.isInPlace() {
		f.looked = time.Now()
		return
	}
	info, err := os.Stat(f.path)
	switch {
	case err == nil:
		f.seen = info
		if f.known == nil || !os.SameFile(info, f.known) {
			break
		}
		f.seen = f.known // isInPlace compares them
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

// open calls connect to make a connection, and returns the file that it has opened and that
// file's log. exists is set if the file was opened before: then connect must not create one.
// The log counts the connection until leave.
func (f *file) open(connect func(exists bool) error) (fs.FileInfo, *log, error) {
	if f == nil {
		return nil, nil, connect(false)
	}
	exists, l, err := f.prepare()
	if err != nil {
		return nil, nil, err
	}
	// Without the lock: connect may wait for another process.
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

// create makes an empty file that only its owner may read and write; SQLite would create one
// that everybody may read. SQLite gives the same permissions to the write-ahead log. Errors
// are ignored: SQLite then returns a better one.
func (f *file) create() {
	if made, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
		_ = made.Close() // nothing was written
	}
}

// warn tells the operator if every user of the machine can read the file. On Windows the mode
// does not say that.
func (f *file) warn() {
	const everybody = 0o004
	if runtime.GOOS != "windows" && f.known != nil && f.known.Mode().Perm()&everybody != 0 {
		f.tell("every user of this machine can read the database's file: chmod 600 " + f.path)
	}
}

// prepare is called before a connection is made. It checks the file, reports whether it was
// opened before, and counts the connection in its log.
func (f *file) prepare() (exists bool, l *log, err error) {
	if err := f.storeLostLog(); err != nil {
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
		f.log = new(log) // SQLite removed the old log with its last connection
	}
	f.log.open++
	return f.known != nil, f.log, nil
}
