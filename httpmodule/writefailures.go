package httpmodule

import (
	"errors"
	"sync"
	"time"

	"github.com/openhands-go/server/dbmodule"
)

// writeFailureAge is how long a failed write makes the server not ready. It must expire: a server
// that is not ready gets no requests, so no write could succeed and make it ready again.
const writeFailureAge = 30 * time.Second

// writeFailures remembers why the last write of a request failed. /ready uses it instead of a
// write of its own, which would wait for SQLite's writer and use space on a full disk.
type writeFailures struct {
	mu     sync.Mutex
	at     time.Time
	reason string
}

// record remembers a request's error if it says that the database can't store anything.
func (f *writeFailures) record(err error) {
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

// recent returns why a write has failed in the last writeFailureAge, "" if none has.
func (f *writeFailures) recent() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reason == "" || time.Since(f.at) > writeFailureAge {
		return ""
	}
	return f.reason
}
