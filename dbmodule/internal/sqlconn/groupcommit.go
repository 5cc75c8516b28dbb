package sqlconn

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// Group commit: units of work that wait for SQLite's one writer while another
// commits join its transaction, each in a savepoint of its own, and are
// acknowledged together by the transaction's one sync.
//
// A session's Commit only ends its part. Whoever then gives the connection
// back decides (handOver): while other sessions wait, the transaction stays
// open for the next of them; else it is committed. Either way a session's
// Commit returns after the transaction's COMMIT and not before.

// What bounds groups.
const (
	// GroupUnits and GroupAge bound a group, and with it how long its first
	// member waits for the others.
	GroupUnits = 64
	GroupAge   = 10 * time.Millisecond
	// GroupPause is how long units commit one by one after a group failed, so
	// that the one that made it fail does so alone.
	GroupPause = time.Second
	// QuickUnit is how long a unit of work may hold the writer, unless COMMIT
	// takes longer, to count as quick. While most do not, no groups are formed:
	// a member would wait for more than its sync. SlowUnits is how many more
	// slow ones than quick ones are remembered at most.
	QuickUnit = 5 * time.Millisecond
	SlowUnits = 8

	unitSavepoint = "openhands_unit"
)

// Queue is what the groups of one writer share. It is safe for concurrent use.
type Queue struct {
	// waiting tells how many sessions wait for the writer.
	waiting func() int64
	// commits and units are how many COMMITs stored how many units of work.
	commits, units atomic.Int64
	// aloneUntil is the time, in Unix nanoseconds, until which units commit one
	// by one. The connection on which a group failed is usually not kept.
	aloneUntil atomic.Int64
	// alone is set for good once a statement was seen that may undo a whole
	// transaction: a program that has one will have it again.
	alone atomic.Bool
	// ended is closed when the database is and nothing goes on.
	ended   chan struct{}
	endOnce sync.Once
}

// NewQueue makes a Queue.
func NewQueue() *Queue {
	return &Queue{waiting: func() int64 { return 0 }, ended: make(chan struct{})}
}

// CountWaiting sets what tells how many sessions wait for the writer. It is called
// before the Queue is used.
func (q *Queue) CountWaiting(waiting func() int64) { q.waiting = waiting }

// Committed returns how many COMMITs stored how many units of work so far.
func (q *Queue) Committed() (commits, units int64) { return q.commits.Load(), q.units.Load() }

// End releases those who wait for a COMMIT that nobody is going to send.
func (q *Queue) End() {
	if q != nil {
		q.endOnce.Do(func() { close(q.ended) })
	}
}

// commitGroup belongs to one writer connection and whoever holds that.
type commitGroup struct {
	queue *Queue
	conn  *Conn
	// open is the transaction that was left open, nil between groups.
	open    *tx
	began   time.Time
	members []*Acknowledgement
	// joined is set while a unit of work runs inside open.
	joined bool

	// last is set for a unit of work after which nobody should join.
	last bool

	taken       time.Time     // when the unit of work began that holds the writer
	slow        int           // 0 to SlowUnits
	commitTime  time.Duration // an average of how long COMMIT takes
	schema      int64         // the version for which schemaUndoes holds
	schemaKnown bool
	// schemaUndoes is set when a constraint or a trigger may undo a transaction.
	schemaUndoes bool
}

// Acknowledgement is what a member's Commit waits for.
type Acknowledgement struct {
	done chan struct{}
	err  error
	// ended is closed when nobody is going to send it.
	ended <-chan struct{}
}

// Wait returns the outcome of the group's COMMIT. A context that ends before
// leaves it unknown.
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
		return engine.Verdict{Kind: dberr.ErrCommitUnknown}.Error(dburl.SQLite, fmt.Errorf("the commit is shared with others and not done: %w", ctx.Err()))
	case <-a.ended:
		return engine.Verdict{Kind: dberr.ErrCommitUnknown}.Error(dburl.SQLite, fmt.Errorf("the commit is shared with others, who were ended: %w", dberr.ErrDatabaseClosed))
	}
}

// groupGrace is how long a statement in a shared transaction may go on when
// its caller has left. SQLite rolls a whole transaction back when a statement
// that writes is interrupted, the others' part included; most statements are
// done long before.
const groupGrace = 150 * time.Millisecond

// gracefully returns a context that ends groupGrace after ctx.
func gracefully(ctx context.Context) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(groupGrace, cancel)
		context.AfterFunc(late, func() { timer.Stop() })
	})
	return late, func() {
		stop()
		cancel()
	}
}

// begin starts the clock for the unit of work that got the writer.
func (g *commitGroup) begin() {
	if g == nil {
		return
	}
	g.taken = time.Now()
	if !g.joined {
		g.last = false
	}
}

// isOpen reports whether units of work wait for the connection's COMMIT.
func (g *commitGroup) isOpen() bool { return g != nil && g.open != nil }

// join begins a unit of work inside the open transaction.
func (g *commitGroup) join(ctx context.Context) error {
	// It waits for nothing, and a context that ends costs the driver a goroutine.
	if err := g.conn.plain(context.WithoutCancel(ctx), "SAVEPOINT "+unitSavepoint); err != nil {
		return err
	}
	g.joined = true
	return nil
}

// add makes the unit of work that has ended well a member; t is its
// transaction.
func (g *commitGroup) add(t *tx) *Acknowledgement {
	if g.open == nil {
		g.open, g.began, g.members = t, time.Now(), g.members[:0]
	}
	member := &Acknowledgement{done: make(chan struct{}), ended: g.queue.ended}
	g.members = append(g.members, member)
	return member
}

// part ends the part of a unit of work that joined: its savepoint is released
// or undone. An error means that the transaction is gone, with all that its
// members did.
func (g *commitGroup) part(ctx context.Context, undo bool) error {
	g.joined = false
	var err error
	if undo {
		err = g.conn.plain(ctx, "ROLLBACK TO "+unitSavepoint)
	}
	if err == nil {
		err = g.conn.plain(ctx, "RELEASE "+unitSavepoint)
	}
	if err != nil {
		g.fail(fmt.Errorf("the transaction was rolled back as a whole: %w", err))
	}
	return err
}

// handOver runs when the writer is given back.
func (g *commitGroup) handOver() {
	if g == nil {
		return
	}
	g.judge()
	switch {
	case g.open == nil:
	case g.stays():
		g.open.outlive()
	default:
		g.commit()
	}
}

// judge remembers whether the unit of work that ends was slow.
func (g *commitGroup) judge() {
	if g.taken.IsZero() {
		return
	}
	if time.Since(g.taken) > max(QuickUnit, 2*g.commitTime) {
		g.slow = min(g.slow+1, SlowUnits)
	} else {
		g.slow = max(g.slow-1, 0)
	}
	g.taken = time.Time{}
}

// stays decides whether the transaction is left open for the next.
func (g *commitGroup) stays() bool {
	switch {
	case g.queue.waiting() == 0, len(g.members) >= GroupUnits, time.Since(g.began) > GroupAge,
		g.slow > SlowUnits/2, time.Now().UnixNano() < g.queue.aloneUntil.Load(), g.conn.broken,
		g.last, g.queue.alone.Load():
		return false
	}
	// Once a group will do: a member that changes the schema so is noticed by
	// keepsApart.
	return len(g.members) > 1 || !g.undoing(g.open.limit.Caller())
}

// commit stores what the members did and tells them.
func (g *commitGroup) commit() {
	began := time.Now()
	err := g.open.commitNow()
	if err == nil {
		g.commitTime += (time.Since(began) - g.commitTime) / 8
		g.queue.commits.Add(1)
		g.queue.units.Add(int64(len(g.members)))
		g.tell(nil)
		return
	}
	if len(g.members) > 1 && !errors.Is(err, dberr.ErrCommitUnknown) {
		g.fail(err)
		return
	}
	g.tell(err)
}

// fail tells the members that nothing of theirs is stored. Each may be tried
// again, and is by InTx; for a while they commit one by one.
func (g *commitGroup) fail(cause error) {
	if g.open == nil {
		return
	}
	g.queue.aloneUntil.Store(time.Now().Add(GroupPause).UnixNano())
	g.open.forget()
	g.tell(g.conn.connector.failure(dberr.ErrConflict, fmt.Errorf("not stored, since it was to be committed together with others: %w", cause)))
}

func (g *commitGroup) tell(err error) {
	for _, member := range g.members {
		member.err = err
		close(member.done)
	}
	clear(g.members)
	g.open, g.members, g.joined = nil, g.members[:0], false
}

// closing ends the group because its connection is closed.
func (g *commitGroup) closing(broken bool) {
	switch {
	case !g.isOpen():
	case broken || g.joined:
		g.fail(engine.ErrConnLost)
	default:
		g.commit()
	}
}

// leaveAlone commits the open transaction, for somebody who can't join it.
func (g *commitGroup) leaveAlone() {
	if g.isOpen() {
		g.commit()
	}
}

// plain runs a statement of the group's own, which no session should see.
func (c *Conn) plain(ctx context.Context, statement string) error {
	return c.inner.Control(ctx, statement)
}

// number runs a query of the group's own that gives one integer.
func (c *Conn) number(ctx context.Context, query string) (n int64, err error) {
	rows, err := c.inner.Query(ctx, query, nil)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.inner.closeRows(rows)) }()
	row := make([]driver.Value, 1)
	if err := rows.Next(row); err != nil {
		return 0, err
	}
	n, ok := row[0].(int64)
	if !ok {
		return 0, fmt.Errorf("%T is no integer", row[0])
	}
	return n, nil
}

// admits prepares for a statement that is about to be sent. One outside a
// transaction has nothing to do with the group's, which is committed first.
func (g *commitGroup) admits(query string) error {
	if g.isOpen() && !g.conn.state.InTx() {
		if g.commit(); g.conn.broken {
			return g.conn.connector.failure(dberr.ErrUnavailable, engine.ErrConnLost)
		}
	}
	if err := g.ownEnd(query); err != nil {
		return err
	}
	return g.keepsApart(query)
}
