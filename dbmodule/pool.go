package dbmodule

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule/internal/cluster"
	"github.com/openhands-go/server/dbmodule/observe"
)

// pool hands connections to sessions. Beyond database/sql it bounds the wait
// and knows who holds what.
type pool struct {
	db      *bun.DB
	timeout time.Duration
	gate    *gate
	// replica is whose pool this is, nil for the primary.
	replica *cluster.Replica
	queue   *commitQueue // nil unless sessions commit in groups
	// name and observers are for those who watch.
	name      Pool
	observers observe.Observers

	mu sync.Mutex
	// oldest and newest are the ends of the list of who holds connections, in
	// the order in which they were taken.
	oldest, newest *holder
}

func newPool(name Pool, db *bun.DB, timeout time.Duration, g *gate, told observe.Observers) *pool {
	return &pool{name: name, db: db, timeout: timeout, gate: g, observers: told}
}

// holder is a session with one of a pool's connections.
type holder struct {
	pool  *pool
	since time.Time
	// session is its number, user who uses it.
	session uint64
	user    fmt.Stringer
	// older and newer are its neighbours in the pool's list.
	older, newer *holder
}

// heldConn is a connection in the hands of one session.
type heldConn struct {
	holder
	conn bun.Conn
	raw  *conn
	wait takeContext
	// taker is where it was taken, for a session without an owner.
	taker stack
}

// stack is some frames of a goroutine's, the innermost first.
type stack [12]uintptr

// take waits for a connection that is in use, at most until ctx ends or
// pool_timeout has passed; making a new one has the connect timeout instead.
// The session gives it back.
func (p *pool) take(ctx context.Context, s *Session) (*heldConn, error) {
	held := &heldConn{holder: holder{pool: p, session: s.id, user: s.options.owner}, wait: takeContext{caller: ctx, timeout: p.timeout}}
	defer held.wait.end()
	if held.user == nil {
		// Always, since those that leak are the first that were taken, when the pool
		// was still empty; and before the wait, since others wait for the connection.
		runtime.Callers(4, held.taker[:])
		held.user = &held.taker
	}
	p.queue.enter()
	taken, err := p.db.Conn(&held.wait)
	if last := p.queue.leave(); last && err != nil {
		go p.flush()
	}
	if err != nil {
		return nil, p.notTaken(ctx, err)
	}
	held.conn, held.since = taken, time.Now()
	if err := taken.Raw(func(driverConn any) error {
		raw, ok := driverConn.(*conn)
		if !ok {
			return fmt.Errorf("dbmodule: connect: unexpected driver connection %T", driverConn)
		}
		held.raw = raw
		return nil
	}); err != nil {
		return nil, errors.Join(err, taken.Close())
	}
	p.add(&held.holder)
	return held, nil
}

func (p *pool) add(h *holder) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h.older = p.newest; h.older != nil {
		h.older.newer = h
	} else {
		p.oldest = h
	}
	p.newest = h
}

func (p *pool) remove(h *holder) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h.older != nil {
		h.older.newer = h.newer
	} else {
		p.oldest = h.newer
	}
	if h.newer != nil {
		h.newer.older = h.older
	} else {
		p.newest = h.older
	}
	h.older, h.newer = nil, nil
}

// notTaken says why there is no connection. Whoever ran out of time in the
// queue, by pool_timeout or by a deadline of their own, learns who was in front.
func (p *pool) notTaken(ctx context.Context, err error) error {
	switch {
	case isUnavailable(err) || !errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("dbmodule: connect: %w", err)
	case ctx.Err() == nil:
		return p.queued(fmt.Errorf("%w after %s", ErrPoolTimeout, p.timeout))
	default:
		return p.queued(err)
	}
}

func (h *heldConn) giveBack() error {
	h.pool.remove(&h.holder)
	// database/sql closed it already when it reported driver.ErrBadConn.
	if err := h.conn.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) {
		return fmt.Errorf("dbmodule: give connection back: %w", err)
	}
	return nil
}

// queued adds the sessions that have held their connections longest.
func (p *pool) queued(cause error) error {
	p.mu.Lock()
	var longest []*holder
	for h := p.oldest; h != nil && len(longest) < 3; h = h.newer {
		longest = append(longest, h)
	}
	p.mu.Unlock()

	var texts []string
	for _, h := range longest {
		texts = append(texts, fmt.Sprintf("for %s by session %d of %s", time.Since(h.since).Round(time.Millisecond), h.session, h.user))
	}
	stats := p.db.Stats()
	err := fmt.Errorf("dbmodule: connect: %w: %d of %d connections in use", cause, stats.InUse, stats.MaxOpenConnections)
	if len(texts) > 0 {
		err = fmt.Errorf("%w, longest held %s", err, strings.Join(texts, "; "))
	}
	return err
}

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
		"github.com/openhands-go/server/dbmodule.", "github.com/uptrace/bun.", "github.com/uptrace/bun/",
		"database/sql.", "runtime.",
	} {
		if strings.HasPrefix(function, prefix) {
			return true
		}
	}
	return false
}

// PoolStats describes a database's connections at one moment, readers and
// writer together.
type PoolStats struct {
	// MaxOpen is the limit, 0 when there is none.
	MaxOpen int `json:"max_open"`
	// Open counts the connections that exist: InUse plus Idle.
	Open  int `json:"open"`
	InUse int `json:"in_use"`
	Idle  int `json:"idle"`
	// WaitCount and WaitDuration add up all waits for a connection so far.
	WaitCount    int64         `json:"wait_count"`
	WaitDuration time.Duration `json:"wait_duration_ns"`
}

func (s PoolStats) plus(db *sql.DB) PoolStats {
	stats := db.Stats()
	s.MaxOpen += stats.MaxOpenConnections
	s.Open += stats.OpenConnections
	s.InUse += stats.InUse
	s.Idle += stats.Idle
	s.WaitCount += stats.WaitCount
	s.WaitDuration += stats.WaitDuration
	return s
}
