package httpmodule

import (
	"errors"
	"sync"
	"time"

	"github.com/openhands-go/server/dbmodule"
)

// lately is how long after a failed write the server is not ready. It must end by itself: a
// server that is not ready gets no requests, so no write could succeed.
const lately = 30 * time.Second

// writeFailures remembers why the last write of a request failed. /ready uses it instead of a
// write of its own, which would wait for SQLite's writer and use space on a full disk.
type writeFailures struct {
	mu     sync.Mutex
	at     time.Time
	reason string
}

// note notes the error that a request was answered with.
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

// recent returns why writes failed lately, "" if none failed.
func (f *writeFailures) recent() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reason == "" || time.Since(f.at) > lately {
		return ""
	}
	return f.reason
}
