package httpmodule

import (
	"errors"
	"sync"
	"time"

	"github.com/openhands-go/server/dbmodule"
)

// lately is how long a write that failed tells about the next ones. A server that is
// not ready gets no requests, so that none could show that writes succeed again.
const lately = 30 * time.Second

// writeFailures remembers what kept requests from writing. /ready asks it instead of trying
// a write: that would wait for SQLite's one writer, and fill a disk that is nearly full.
type writeFailures struct {
	mu     sync.Mutex
	at     time.Time
	reason string
}

// note looks at the cause of an answer.
func (f *writeFailures) note(err error) {
	reason := ""
	switch {
	case errors.Is(err, dbmodule.ErrReadOnlySession): // the handler's mistake
	case errors.Is(err, dbmodule.ErrDiskFull):
		reason = "writes fail: the database has no room left"
	case errors.Is(err, dbmodule.ErrReadOnly):
		reason = "writes fail: the database takes no changes"
	}
	if reason == "" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at, f.reason = time.Now(), reason
}

// recent is why writes failed lately, "" if they did not.
func (f *writeFailures) recent() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reason == "" || time.Since(f.at) > lately {
		return ""
	}
	return f.reason
}
