package pool

import (
	"fmt"
	"runtime"
	"strings"
	"time"
)

// User is who leases a connection. The zero value is somebody without a session, who
// is not named in errors.
type User struct {
	// Session is the number of the session that the connection is for, 0 for none.
	Session uint64
	// Name says who uses the session; nil names the function that acquired the
	// connection. It is asked by any goroutine, possibly just after the lease.
	Name fmt.Stringer
}

// Lease is a connection in the hands of one user.
type Lease[C Conn] struct {
	pool   *Pool[C]
	kept   *kept[C]
	user   User
	since  time.Time
	reused bool
	// taker is where the connection was acquired, for a user without a name.
	taker stack
	// older and newer are its neighbours in the pool's list.
	older, newer *Lease[C]
	released     bool
}

// Conn returns the connection.
func (l *Lease[C]) Conn() C { return l.kept.conn }

// Since is when the lease began.
func (l *Lease[C]) Since() time.Time { return l.since }

// Reused reports whether somebody had the connection before: it may have gone stale
// meanwhile, which a new one can't have.
func (l *Lease[C]) Reused() bool { return l.reused }

// Release gives the connection back. It may be called again.
func (l *Lease[C]) Release() error {
	if !l.pool.remove(l) {
		return nil
	}
	return l.pool.putBack(l)
}

// recordTaker remembers who acquires a connection, always, since those that leak are
// the first that were taken, when the pool was still empty.
func (l *Lease[C]) recordTaker() {
	if l.user.Session != 0 && l.user.Name == nil {
		runtime.Callers(4, l.taker[:])
		l.user.Name = &l.taker
	}
}

func (p *Pool[C]) add(l *Lease[C], now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.since = now
	p.leased++
	if l.user.Session == 0 {
		return
	}
	if l.older = p.newest; l.older != nil {
		l.older.newer = l
	} else {
		p.oldest = l
	}
	p.newest = l
}

// remove reports whether the lease was not released before.
func (p *Pool[C]) remove(l *Lease[C]) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.released {
		return false
	}
	l.released = true
	if l.user.Session == 0 {
		return true
	}
	if l.older != nil {
		l.older.newer = l.newer
	} else {
		p.oldest = l.newer
	}
	if l.newer != nil {
		l.newer.older = l.older
	} else {
		p.newest = l.older
	}
	l.older, l.newer = nil, nil
	return true
}

// WaitError is the error of somebody who waited for a connection in vain: because of
// the pool's limit ([dberr.ErrPoolTimeout]) or of a deadline of their own.
type WaitError struct {
	Cause error
	// InUse of MaxOpen connections are in use.
	InUse, MaxOpen int
	// Longest are the leases of sessions that began first, at most three.
	Longest []Holder
}

// Holder is a lease of a session's.
type Holder struct {
	Session uint64
	Name    fmt.Stringer
	For     time.Duration
}

func (e *WaitError) Error() string {
	text := fmt.Sprintf("%v: %d of %d connections in use", e.Cause, e.InUse, e.MaxOpen)
	for i, h := range e.Longest {
		sep := ", longest held"
		if i > 0 {
			sep = ";"
		}
		text += fmt.Sprintf("%s for %s by session %d of %s", sep, h.For.Round(time.Millisecond), h.Session, h.Name)
	}
	return text
}

// Unwrap returns the cause.
func (e *WaitError) Unwrap() error { return e.Cause }

// waited describes who was in front.
func (p *Pool[C]) waited(cause error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := &WaitError{Cause: cause, InUse: p.leased, MaxOpen: p.limits.open()}
	for l := p.oldest; l != nil && len(e.Longest) < 3; l = l.newer {
		e.Longest = append(e.Longest, Holder{Session: l.user.Session, Name: l.user.Name, For: time.Since(l.since)})
	}
	return e
}

// stack is some frames of a goroutine's, the innermost first.
type stack [12]uintptr

// String names the innermost function outside this module's libraries and Bun
// that was using the session when it took the connection, and who called it:
// the first is often a store's, which many use.
func (s *stack) String() string {
	frames := runtime.CallersFrames(s[:])
	var found []string
	for {
		frame, more := frames.Next()
		if frame.Function != "" && !plumbing(frame.Function) {
			found = append(found, fmt.Sprintf("%s (line %d)", frame.Function, frame.Line))
		}
		if !more || len(found) == 2 {
			break
		}
	}
	if len(found) == 0 {
		return "an unknown caller"
	}
	return strings.Join(found, " from ")
}

func plumbing(function string) bool {
	for _, prefix := range [...]string{
		"github.com/openhands-go/server/dbmodule.", "github.com/openhands-go/server/dbmodule/internal/pool.",
		"github.com/uptrace/bun.", "github.com/uptrace/bun/", "database/sql.", "runtime.",
	} {
		if strings.HasPrefix(function, prefix) {
			return true
		}
	}
	return false
}
