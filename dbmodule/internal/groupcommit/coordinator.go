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

// The limits of groups.
const (
	// MaxUnits and MaxAge limit a group, and so how long its first member waits for COMMIT.
	MaxUnits = 64
	MaxAge   = 10 * time.Millisecond
	// Pause is how long units of work commit one by one after a group failed, so that the
	// unit that made the group fail then fails alone.
	Pause = time.Second
	// QuickUnit is how long a quick unit of work uses the writer, or as long as two COMMITs
	// if that is more. While most units are slower, no groups are formed: a member would wait
	// longer for the next unit than a sync takes. SlowUnits limits Group.slow.
	QuickUnit = 5 * time.Millisecond
	SlowUnits = 8
)

// Failure makes an error of a kind, one of dberr's, with its cause.
type Failure func(kind, cause error) error

// Coordinator is shared by the groups of a database's writing connections, of which there is
// one at a time. It is safe for concurrent use. A nil Coordinator forms no groups.
type Coordinator struct {
	dialect sqltext.Dialect
	failure Failure
	// waiting returns how many sessions wait for the writer.
	waiting func() int64
	// commits is how many COMMITs were sent, units how many units of work they stored.
	commits, units atomic.Int64
	// pausedUntil is the time, in Unix nanoseconds, until which no groups are formed. It
	// is not in Group, because a connection on which a group failed is usually closed.
	pausedUntil atomic.Int64
	// disabled is set for good once the program has sent a statement that may roll back a
	// whole transaction: it will probably send it again.
	disabled atomic.Bool
	// ended is closed when the database is closed.
	ended   chan struct{}
	endOnce sync.Once
}

// NewCoordinator makes a Coordinator for statements of that dialect.
func NewCoordinator(dialect sqltext.Dialect, failure Failure) *Coordinator {
	return &Coordinator{dialect: dialect, failure: failure, waiting: func() int64 { return 0 }, ended: make(chan struct{})}
}

// CountWaiting sets the function that returns how many sessions wait for the writer. Call it
// before the Coordinator is used.
func (c *Coordinator) CountWaiting(waiting func() int64) { c.waiting = waiting }

// Committed returns how many shared COMMITs were sent so far, and how many units of work
// they stored.
func (c *Coordinator) Committed() (commits, units int64) {
	if c == nil {
		return 0, 0
	}
	return c.commits.Load(), c.units.Load()
}

// End is called when the database is closed. It ends each Wait whose COMMIT will not be
// sent any more.
func (c *Coordinator) End() {
	if c != nil {
		c.endOnce.Do(func() { close(c.ended) })
	}
}

// Group makes the group of a connection. It is nil for a nil Coordinator.
func (c *Coordinator) Group(conn Conn) *Group {
	if c == nil {
		return nil
	}
	return &Group{coordinator: c, conn: conn}
}

// Acknowledgement tells a unit of work the result of the shared COMMIT. Members wait for it,
// and so do watchers, which rolled back but may have read changes of members.
type Acknowledgement struct {
	coordinator *Coordinator
	done        chan struct{}
	err         error
}

// Wait returns the result of the shared COMMIT. After nil, the members' work is stored.
// After dberr.ErrConflict, nothing of it is stored, and each unit may run again. After
// dberr.ErrCommitUnknown, as when ctx ends first, it may be stored or not.
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
		return a.coordinator.failure(dberr.ErrCommitUnknown, fmt.Errorf("the commit is shared with others and not done: %w", ctx.Err()))
	case <-a.coordinator.ended:
		return a.coordinator.failure(dberr.ErrCommitUnknown, fmt.Errorf("the commit is shared with others, who were ended: %w", dberr.ErrDatabaseClosed))
	}
}

// grace is how long a statement in a shared transaction may go on after its caller's context
// has ended. SQLite rolls back the whole transaction, with the changes of others, when a
// writing statement is interrupted. Most statements are done long before.
const grace = 150 * time.Millisecond

// WithGrace returns a context that ends a moment after ctx, for a statement in a shared
// transaction.
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
