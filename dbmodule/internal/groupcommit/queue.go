package groupcommit

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// What bounds groups.
const (
	// MaxUnits and MaxAge bound a group, and with it how long its first member waits for
	// the others.
	MaxUnits = 64
	MaxAge   = 10 * time.Millisecond
	// Pause is how long units of work commit one by one after a group failed, so that
	// the one that made it fail does so alone.
	Pause = time.Second
	// QuickUnit is how long a unit of work may hold the writer, unless COMMIT takes
	// longer, to count as quick. While most do not, no groups are formed: a member would
	// wait for more than its sync. SlowUnits is how many more slow ones than quick ones
	// are remembered at most.
	QuickUnit = 5 * time.Millisecond
	SlowUnits = 8
)

// Failure makes an error of a kind, one of dberr's, with its cause.
type Failure func(kind, cause error) error

// Queue is what the groups of one database's writer share. It is safe for concurrent
// use. A nil one has no groups.
type Queue struct {
	dialect sqltext.Dialect
	failure Failure
	// waiting tells how many sessions wait for the writer.
	waiting func() int64
	// commits and units are how many COMMITs stored how many units of work.
	commits, units atomic.Int64
	// aloneUntil is the time, in Unix nanoseconds, until which units of work commit one
	// by one. The connection on which a group failed is usually not kept.
	aloneUntil atomic.Int64
	// alone is set for good once a statement was seen that may undo a whole
	// transaction: a program that has one will have it again.
	alone atomic.Bool
	// ended is closed when the database is, and nothing goes on.
	ended   chan struct{}
	endOnce sync.Once
}

// NewQueue makes a Queue whose statements are read in that dialect.
func NewQueue(dialect sqltext.Dialect, failure Failure) *Queue {
	return &Queue{dialect: dialect, failure: failure, waiting: func() int64 { return 0 }, ended: make(chan struct{})}
}

// CountWaiting sets what tells how many sessions wait for the writer. It is called
// before the Queue is used.
func (q *Queue) CountWaiting(waiting func() int64) { q.waiting = waiting }

// Committed returns how many COMMITs stored how many units of work so far.
func (q *Queue) Committed() (commits, units int64) {
	if q == nil {
		return 0, 0
	}
	return q.commits.Load(), q.units.Load()
}

// End releases those who wait for a COMMIT that nobody is going to send.
func (q *Queue) End() {
	if q != nil {
		q.endOnce.Do(func() { close(q.ended) })
	}
}

// On makes the group of a connection; nil, which shares nothing, for a nil Queue.
func (q *Queue) On(conn Conn) *Group {
	if q == nil {
		return nil
	}
	return &Group{queue: q, conn: conn}
}

// Acknowledgement is what a unit of work waits for after its part in a group has ended:
// a member, or one that was undone and saw what members did.
type Acknowledgement struct {
	queue *Queue
	done  chan struct{}
	err   error
}

// Wait returns the outcome of the group's COMMIT: after nil the member's work is stored,
// after dberr.ErrConflict nothing of it is, and it may be done again. With
// dberr.ErrCommitUnknown, as when ctx ends before, it may be stored or not.
func (a *Acknowledgement) Wait(ctx context.Context) error {
	select {
	case <-a.done:
		return a.err
	default:
	}
	select {
	case <-a.done:
		return a.err
	case <-ctx.Done():
		return a.queue.failure(dberr.ErrCommitUnknown, fmt.Errorf("the commit is shared with others and not done: %w", ctx.Err()))
	case <-a.queue.ended:
		return a.queue.failure(dberr.ErrCommitUnknown, fmt.Errorf("the commit is shared with others, who were ended: %w", dberr.ErrDatabaseClosed))
	}
}

// grace is how long a statement in a shared transaction may go on when its caller has
// left. SQLite rolls a whole transaction back when a statement that writes is
// interrupted, the others' part included; most statements are done long before.
const grace = 150 * time.Millisecond

// WithGrace returns a context that ends a moment after ctx, for a statement in a
// transaction that others share.
func WithGrace(ctx context.Context) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace, cancel)
		context.AfterFunc(late, func() { timer.Stop() })
	})
	return late, func() {
		stop()
		cancel()
	}
}
