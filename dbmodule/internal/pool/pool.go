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
	// Ready is called when somebody else is about to get the connection. idle is how
	// long nobody had it. ask is set when its server may be gone, and wants an answer
	// from that. An error says that the connection is no good.
	Ready(ctx context.Context, idle time.Duration, ask bool) error
	// Returned is called when whoever had the connection gives it back, and reports
	// whether it may be used again.
	Returned() bool
	// Close closes the connection.
	Close() error
}

// Limits bound a pool.
type Limits struct {
	// Size is how many connections are kept when nobody uses them, 0 for all.
	Size int
	// Overflow is how many more may be open, as long as they are in use. A negative
	// one, and a Size of 0, bound nothing.
	Overflow int
	// Recycle is the age at which a connection is replaced, 0 for never.
	Recycle time.Duration
}

// open is how many connections there may be, 0 for any number.
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
	// slots has place for each connection that may be open; nil bounds nothing. Who has sent one
	// may have a connection.
	slots chan struct{}
	// waiting counts those who wait for a connection that is in use.
	waiting atomic.Int64
	// ended is closed when the pool is.
	ended chan struct{}
	// left, if not nil, is called when the last who waited went away without a
	// connection.
	left func()

	mu     sync.Mutex
	closed bool
	idle   []*kept[C]
	leased int
	// oldest and newest are the ends of the list of leases of sessions, in the order in
	// which they began.
	oldest, newest *Lease[C]
	// suspected is when a server was found to be gone: connections that were made
	// before it are asked first.
	suspected time.Time
	stats     sql.DBStats
}

// kept is a connection of the pool's.
type kept[C Conn] struct {
	conn C
	// made and given are when it was opened and when it was given back last; seen is
	// when its server was known to be there.
	made, given, seen time.Time
}

// New makes a pool of what open opens, within the context of whoever needs it.
func New[C Conn](limits Limits, open func(context.Context) (C, error)) *Pool[C] {
	p := &Pool[C]{limits: limits, open: open, ended: make(chan struct{})}
	if n := limits.open(); n > 0 {
		p.slots = make(chan struct{}, n)
		p.stats.MaxOpenConnections = n
	}
	return p
}

// WhenLeft has f called when the last of those who waited went away without a
// connection. It is called before the pool is used.
func (p *Pool[C]) WhenLeft(f func()) { p.left = f }

// Waiting returns how many wait for a connection that is in use.
func (p *Pool[C]) Waiting() int64 { return p.waiting.Load() }

// Acquire leases a connection to user: one that nobody uses, or else a new one. While
// as many as may be are in use it waits, at most until ctx ends or wait has passed (0
// for no limit of its own); the error then is a *[WaitError]. Whoever gets a lease
// releases it.
func (p *Pool[C]) Acquire(ctx context.Context, wait time.Duration, user User) (*Lease[C], error) {
	l := new(Lease[C])
	if err := p.AcquireInto(ctx, wait, user, l); err != nil {
		return nil, err
	}
	return l, nil
}

// AcquireInto is Acquire for a lease that is a part of something else, and zero.
func (p *Pool[C]) AcquireInto(ctx context.Context, wait time.Duration, user User, l *Lease[C]) error {
	waited := !p.takeSlot()
	if waited {
		if err := p.wait(ctx, wait); err != nil {
			p.tellLeft()
			return err
		}
	}
	l.pool, l.user = p, user
	l.recordTaker()
	err := ctx.Err()
	if err == nil {
		err = p.lease(ctx, l)
	}
	if err != nil {
		p.freeSlot()
		if waited {
			p.tellLeft()
		}
	}
	return err
}

// takeSlot reports whether there was a slot.
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
	case p.slots <- struct{}{}: // in the order in which they came
	case <-ctx.Done():
		if err = ctx.Err(); errors.Is(err, context.DeadlineExceeded) {
			err = p.waited(err)
		}
	case <-p.ended:
		err = dberr.ErrDatabaseClosed
	case <-late:
		err = p.waited(fmt.Errorf("%w after %s", dberr.ErrPoolTimeout, limit))
	}
	p.mu.Lock()
	p.stats.WaitDuration += time.Since(began)
	p.mu.Unlock()
	p.waiting.Add(-1)
	return err
}

// tellLeft is called when somebody who waited goes away.
func (p *Pool[C]) tellLeft() {
	if p.left != nil && p.Waiting() == 0 {
		go p.left()
	}
}

// lease gives l a connection.
func (p *Pool[C]) lease(ctx context.Context, l *Lease[C]) error {
	now := time.Now()
	for {
		k, ask, err := p.pop(now)
		if err != nil {
			return err
		}
		if k == nil {
			break
		}
		if err := k.conn.Ready(ctx, now.Sub(k.given), ask); err != nil {
			_ = k.conn.Close() // it is no good, and another takes its place
			if ctx.Err() != nil {
				return ctx.Err()
			}
			continue
		}
		if ask {
			k.seen = now
		}
		l.kept, l.reused = k, true
		p.add(l, now)
		return nil
	}
	conn, err := p.open(ctx)
	if err != nil {
		return err
	}
	made := time.Now()
	l.kept = &kept[C]{conn: conn, made: made, seen: made}
	p.add(l, made)
	return nil
}

// pop takes the idle connection that was used last, nil for none, and closes those
// that are too old.
func (p *Pool[C]) pop(now time.Time) (k *kept[C], ask bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, false, dberr.ErrDatabaseClosed
	}
	for n := len(p.idle); n > 0; n = len(p.idle) {
		k := p.idle[n-1]
		p.idle[n-1], p.idle = nil, p.idle[:n-1]
		if !p.tooOld(k, now) {
			return k, k.seen.Before(p.suspected), nil
		}
		p.stats.MaxLifetimeClosed++
		p.mu.Unlock()
		_ = k.conn.Close() // nobody needs it
		p.mu.Lock()
	}
	return nil, false, nil
}

func (p *Pool[C]) tooOld(k *kept[C], now time.Time) bool {
	return p.limits.Recycle > 0 && now.Sub(k.made) > p.limits.Recycle
}

func (p *Pool[C]) freeSlot() {
	if p.slots != nil {
		<-p.slots
	}
}

// putBack keeps a connection, or closes it.
func (p *Pool[C]) putBack(l *Lease[C]) error {
	k := l.kept
	sound := k.conn.Returned()
	now := time.Now()
	p.mu.Lock()
	keep := sound && !p.closed && !p.tooOld(k, now)
	if keep && p.limits.Size > 0 && len(p.idle) >= p.limits.Size {
		keep = false
		p.stats.MaxIdleClosed++
	}
	if keep {
		k.given = now
		p.idle = append(p.idle, k)
	}
	p.leased--
	p.mu.Unlock()
	defer p.freeSlot()
	if keep {
		return nil
	}
	return k.conn.Close()
}

// Suspect is told that the server of a connection is gone. Others that were made
// before may have lost it too: their servers are asked before anybody gets them.
func (p *Pool[C]) Suspect() {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.suspected = now
}

// CloseIdle closes the connections that nobody uses.
func (p *Pool[C]) CloseIdle() error {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	var errs []error
	for _, k := range idle {
		errs = append(errs, k.conn.Close())
	}
	return errors.Join(errs...)
}

// Close closes the pool: idle connections at once, the others when they are
// released. Who waits or comes later gets [dberr.ErrDatabaseClosed]. It may be called
// again.
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
