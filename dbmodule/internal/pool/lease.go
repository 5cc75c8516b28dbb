package pool

import (
	"fmt"
	"runtime"
	"strings"
	"time"
)

// User says who leases a connection. The zero value is a user without a session; errors
// don't name it.
type User struct {
	// Session is the number of the session that the connection is for, 0 for none.
	Session uint64
	// Name is the user's name. If it is nil, errors name the function that acquired the
	// connection. Any goroutine may call String, even just after the lease has ended.
	Name fmt.Stringer
}

// Lease is the use of a connection by one user.
type Lease[C Conn] struct {
	pool   *Pool[C]
	entry  *entry[C]
	user   User
	since  time.Time
	reused bool
	// caller is where the connection was acquired, for a user without a name.
	caller stack
	// older and newer are its neighbours in the pool's list.
	older, newer *Lease[C]
	released     bool
}

// Conn returns the connection.
func (l *Lease[C]) Conn() C { return l.entry.conn }

// Since is when the lease began.
func (l *Lease[C]) Since() time.Time { return l.since }

// Reused reports whether the connection was in the pool before. Such a connection may have
// lost its server while it was idle.
func (l *Lease[C]) Reused() bool { return l.reused }

// Release returns the connection to the pool. It may be called again.
func (l *Lease[C]) Release() error {
	if !l.pool.remove(l) {
		return nil
	}
	return l.pool.putBack(l)
}

// recordCaller records who acquires the connection. It does so for each lease, also while
// the pool is not full: a connection that leaks was often one of the first.
func (l *Lease[C]) recordCaller() {
	if l.user.Session != 0 && l.user.Name == nil {
		runtime.Callers(4, l.caller[:])
		l.user.Name = &l.caller
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

// remove reports false if the lease was released before.
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

// WaitError is the error of a caller who got no connection in time: within the pool's
// timeout ([dberr.ErrPoolTimeout]), or within the caller's deadline.
type WaitError struct {
	Cause error
	// InUse of MaxOpen connections are in use.
	InUse, MaxOpen int
	// Longest are the three leases of sessions that are oldest.
	Longest []Holder
}

// Holder is a session that has a connection.
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

// waitError makes a WaitError with the pool's present users.
func (p *Pool[C]) waitError(cause error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := &WaitError{Cause: cause, InUse: p.leased, MaxOpen: p.limits.open()}
	for l := p.oldest; l != nil && len(e.Longest) < 3; l = l.newer {
		e.Longest = append(e.Longest, Holder{Session: l.user.Session, Name: l.user.Name, For: time.Since(l.since)})
	}
	return e
}

// stack is the innermost frames of a goroutine's stack.
type stack [12]uintptr

// String names the innermost function outside dbmodule and Bun, and its caller: the
// innermost is often a method of a store, which many functions call.
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
