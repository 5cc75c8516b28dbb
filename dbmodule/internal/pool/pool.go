package pool

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openhands-go/server/dbmodule/dberr"
)

// Conn is a connection as its pool knows it. One goroutine at a time calls its methods.
type Conn interface {
	comparable
	// Checkout is called before the connection gets its next user. idle is how long it was
	// idle. ping is set if its server may be gone: then Checkout waits for an answer of the
	// server. After an error the pool closes the connection.
	Checkout(ctx context.Context, idle time.Duration, ping bool) error
	// Checkin is called when the user releases the connection. It reports whether the
	// connection may be used again.
	Checkin() bool
	// Close closes the connection.
	Close() error
}

// Limits are the limits of a pool: SQLAlchemy's pool_size, max_overflow and pool_recycle.
type Limits struct {
	// Size is how many idle connections are kept, 0 for all.
	Size int
	// Overflow is how many more connections may be in use. If Overflow is negative or Size
	// is 0, there is no limit.
	Overflow int
	// Recycle is the age at which a connection is replaced, 0 for never.
	Recycle time.Duration
}

// open is how many connections may be open, 0 for any number.
func (l Limits) open() int {
	if l.Size <= 0 || l.Overflow < 0 {
		return 0
	}
	return l.Size + l.Overflow
}

// Pool keeps connections to one server. It is safe for concurrent use.
type Pool[C Conn] struct {
	limits Limits
	open   func(context.Context) (C, error)
	// slots limits how many connections are in use; nil is no limit. Sending to it takes a
	// slot, receiving frees one.
	slots chan struct{}
	// waiting is how many callers wait for a slot.
	waiting atomic.Int64
	// ended is closed when the pool is closed.
	ended chan struct{}
	// waitersGone, if not nil, is called when the last waiting caller has given up.
	waitersGone func()

	mu     sync.Mutex
	closed bool
	idle   []*entry[C] // the one that was released last is at the end
	leased int
	// oldest and newest are the ends of the list of the leases of sessions, in the order in
	// which the leases began.
	oldest, newest *Lease[C]
	// suspected is when a connection was found to have lost its server. Connections whose
	// server was seen last before that time are pinged at their next checkout.
	suspected time.Time
	stats     sql.DBStats
}

// entry is a connection of the pool.
type entry[C Conn] struct {
	conn C
	// opened is when the connection was opened, released when it was released last, and
	// seen when its server answered last.
	opened, released, seen time.Time
}

// New makes a pool of connections that open opens. open gets the context of Acquire.
func New[C Conn](limits Limits, open func(context.Context) (C, error)) *Pool[C] {
	p := &Pool[C]{limits: limits, open: open, ended: make(chan struct{})}
	if n := limits.open(); n > 0 {
		p.slots = make(chan struct{}, n)
		p.stats.MaxOpenConnections = n
	}
	return p
}

// WhenWaitersGone sets the function that is called when the last waiting caller has given
// up. Call it before the pool is used.
func (p *Pool[C]) WhenWaitersGone(f func()) { p.waitersGone = f }

// Waiting returns how many callers wait because all connections are in use.
func (p *Pool[C]) Waiting() int64 { return p.waiting.Load() }

// Acquire leases a connection to user: an idle one, or else a new one. If all connections
// are in use, it waits until ctx ends or wait has passed; wait 0 is no limit. The error is
// then a *[WaitError]. The caller releases the lease.
func (p *Pool[C]) Acquire(ctx context.Context, wait time.Duration, user User) (*Lease[C], error) {
	l := new(Lease[C])
	if err := p.AcquireInto(ctx, wait, user, l); err != nil {
		return nil, err
	}
	return l, nil
}

// AcquireInto is Acquire for a lease that the caller has allocated; l is zero.
func (p *Pool[C]) AcquireInto(ctx context.Context, wait time.Duration, user User, l *Lease[C]) error {
	waited := !p.takeSlot()
	if waited {
		if err := p.wait(ctx, wait); err != nil {
			p.tellWaitersGone()
			return err
		}
	}
	l.pool, l.user = p, user
	l.recordCaller()
	err := ctx.Err()
	if err == nil {
		err = p.lease(ctx, l)
	}
	if err != nil {
		p.freeSlot()
		if waited {
			p.tellWaitersGone()
		}
	}
	return err
}

// takeSlot takes a slot if one is free.
func (p *Pool[C]) takeSlot() bool {
	if p.slots == nil {
		return true
	}
	select {
	case p.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// wait waits for a slot.
func (p *Pool[C]) wait(ctx context.Context, limit time.Duration) error {
	p.waiting.Add(1)
	began := time.Now()
	p.mu.Lock()
	p.stats.WaitCount++
	p.mu.Unlock()

	var late <-chan time.Time // never, without a limit
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		late = timer.C
	}
	var err error
	select {
	case p.slots <- struct{}{}: // first come, first served
	case <-ctx.Done():
		if err = ctx.Err(); errors.Is(err, context.DeadlineExceeded) {
			err = p.waitError(err)
		}
	case <-p.ended:
		err = dberr.ErrDatabaseClosed
	case <-late:
		err = p.waitError(fmt.Errorf("%w after %s", dberr.ErrPoolTimeout, limit))
	}
	p.mu.Lock()
	p.stats.WaitDuration += time.Since(began)
	p.mu.Unlock()
	p.waiting.Add(-1)
	return err
}

// tellWaitersGone is called when a waiting caller has given up.
func (p *Pool[C]) tellWaitersGone() {
	if p.waitersGone != nil && p.Waiting() == 0 {
		go p.waitersGone()
	}
}

// lease gives l a connection.
func (p *Pool[C]) lease(ctx context.Context, l *Lease[C]) error {
	now := time.Now()
	for {
		e, ping, err := p.pop(now)
		if err != nil {
			return err
		}
		if e == nil {
			break
		}
		if err := e.conn.Checkout(ctx, now.Sub(e.released), ping); err != nil {
			_ = e.conn.Close() // another connection takes its place
			if ctx.Err() != nil {
				return ctx.Err()
			}
			continue
		}
		if ping {
			e.seen = now
		}
		l.entry, l.reused = e, true
		p.add(l, now)
		return nil
	}
	conn, err := p.open(ctx)
	if err != nil {
		return err
	}
	opened := time.Now()
	l.entry = &entry[C]{conn: conn, opened: opened, seen: opened}
	p.add(l, opened)
	return nil
}

// pop takes the idle connection that was used last, nil for none, and closes those that are
// too old. ping is set if the connection has to be pinged.
func (p *Pool[C]) pop(now time.Time) (e *entry[C], ping bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, false, dberr.ErrDatabaseClosed
	}
	for n := len(p.idle); n > 0; n = len(p.idle) {
		e := p.idle[n-1]
		p.idle[n-1], p.idle = nil, p.idle[:n-1]
		if !p.tooOld(e, now) {
			return e, e.seen.Before(p.suspected), nil
		}
		p.stats.MaxLifetimeClosed++
		p.mu.Unlock()
		_ = e.conn.Close() // nobody needs it
		p.mu.Lock()
	}
	return nil, false, nil
}

func (p *Pool[C]) tooOld(e *entry[C], now time.Time) bool {
	return p.limits.Recycle > 0 && now.Sub(e.opened) > p.limits.Recycle
}

func (p *Pool[C]) freeSlot() {
	if p.slots != nil {
		<-p.slots
	}
}

// putBack keeps a connection, or closes it.
func (p *Pool[C]) putBack(l *Lease[C]) error {
	e := l.entry
	usable := e.conn.Checkin()
	now := time.Now()
	p.mu.Lock()
	keep := usable && !p.closed && !p.tooOld(e, now)
	if keep && p.limits.Size > 0 && len(p.idle) >= p.limits.Size {
		keep = false
		p.stats.MaxIdleClosed++
	}
	if keep {
		e.released = now
		p.idle = append(p.idle, e)
	}
	p.leased--
	p.mu.Unlock()
	defer p.freeSlot()
	if keep {
		return nil
	}
	return e.conn.Close()
}

// Suspect is called when a connection has lost its server. Other connections may have lost
// theirs, too: each is pinged at its next checkout.
func (p *Pool[C]) Suspect() {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.suspected = now
}

// CloseIdle closes the idle connections.
func (p *Pool[C]) CloseIdle() error {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	var errs []error
	for _, e := range idle {
		errs = append(errs, e.conn.Close())
	}
	return errors.Join(errs...)
}

// Close closes the pool: idle connections at once, the others when they are released.
// Acquire then returns [dberr.ErrDatabaseClosed], also to callers that wait. It may be
// called again.
func (p *Pool[C]) Close() error {
	p.mu.Lock()
	again := p.closed
	p.closed = true
	p.mu.Unlock()
	if !again {
		close(p.ended)
	}
	return p.CloseIdle()
}

// Stats describes the pool at this moment. MaxIdleTimeClosed is always 0.
func (p *Pool[C]) Stats() sql.DBStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	stats := p.stats
	stats.InUse, stats.Idle = p.leased, len(p.idle)
	stats.OpenConnections = stats.InUse + stats.Idle
	return stats
}
