package groupcommit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openhands-go/server/dbmodule/dberr"
)

// savepoint is the name of a member's savepoint.
const savepoint = "openhands_unit"

// Conn is the connection of a group.
type Conn interface {
	// Control runs a statement about the transaction, which no session sees.
	Control(ctx context.Context, statement string) error
	// SchemaUndoes reports whether constraints or triggers may undo a whole
	// transaction, or make its COMMIT fail. It is true when that is not known.
	SchemaUndoes(ctx context.Context) bool
}

// Transaction is the transaction that members share: that of the first of them.
type Transaction interface {
	// Caller is the context of the unit of work that began it.
	Caller() context.Context
	// Outlive keeps it open beyond the unit of work that began it. It may be called
	// again.
	Outlive()
	// Store sends COMMIT.
	Store() error
	// Drop rolls it back.
	Drop()
}

// Group belongs to one connection that writes, and to whoever has that. A nil Group
// shares nothing.
type Group struct {
	queue *Queue
	conn  Conn
	// open is the transaction that was left open, nil between groups.
	open    Transaction
	began   time.Time
	members []*Acknowledgement
	// watchers joined, and were undone.
	watchers []*Acknowledgement
	// joined is set while a unit of work runs inside open.
	joined bool
	// last is set for a unit of work after which nobody should join.
	last bool

	taken      time.Time     // when the unit of work began that has the connection
	slow       int           // 0 to SlowUnits
	commitTime time.Duration // an average of how long COMMIT takes
}

// IsOpen reports whether units of work wait for the connection's COMMIT.
func (g *Group) IsOpen() bool { return g != nil && g.open != nil }

// Joined reports whether the unit of work that has the connection is a part of a
// transaction that others began.
func (g *Group) Joined() bool { return g != nil && g.joined }

// Begin starts the clock for the unit of work that has begun a transaction, or joined
// one.
func (g *Group) Begin() {
	if g == nil {
		return
	}
	g.taken = time.Now()
	if !g.joined {
		g.last = false
	}
}

// Join begins a unit of work inside the open transaction.
func (g *Group) Join(ctx context.Context) error {
	// It waits for nothing, and a context that ends costs the driver a goroutine.
	if err := g.conn.Control(context.WithoutCancel(ctx), "SAVEPOINT "+savepoint); err != nil {
		return err
	}
	g.joined = true
	return nil
}

// EndPart ends the part of a unit of work that joined: its savepoint is released, or
// undone. An error means that the transaction is gone, with all that its members did.
func (g *Group) EndPart(ctx context.Context, undo bool) error {
	g.joined = false
	var err error
	if undo {
		err = g.conn.Control(ctx, "ROLLBACK TO "+savepoint)
	}
	if err == nil {
		err = g.conn.Control(ctx, "RELEASE "+savepoint)
	}
	if err != nil {
		g.fail(fmt.Errorf("the transaction was rolled back as a whole: %w", err))
	}
	return err
}

// Add makes the unit of work that has ended well a member. t is its own transaction,
// which is the group's if it did not join another.
func (g *Group) Add(t Transaction) *Acknowledgement {
	if g.open == nil {
		g.open, g.began, g.members = t, time.Now(), g.members[:0]
	}
	member := &Acknowledgement{queue: g.queue, done: make(chan struct{})}
	g.members = append(g.members, member)
	return member
}

// Watch returns what a unit of work waits for that joined and is about to be undone: it
// may have seen what members did, and what it says of that is true only once they are
// stored. It is nil for one that did not join.
func (g *Group) Watch() *Acknowledgement {
	if !g.Joined() {
		return nil
	}
	watcher := &Acknowledgement{queue: g.queue, done: make(chan struct{})}
	g.watchers = append(g.watchers, watcher)
	return watcher
}

// HandOver is called when the connection is given back: the transaction is left open for
// the next, or committed. kept says that the next gets the connection.
func (g *Group) HandOver(kept bool) {
	if g == nil {
		return
	}
	g.measure()
	switch {
	case g.open == nil:
	case kept && g.stays():
		g.open.Outlive()
	default:
		g.Commit()
	}
}

// measure remembers whether the unit of work that ends was slow.
func (g *Group) measure() {
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
func (g *Group) stays() bool {
	switch {
	case g.queue.waiting() == 0, len(g.members) >= MaxUnits, time.Since(g.began) > MaxAge,
		g.slow > SlowUnits/2, time.Now().UnixNano() < g.queue.aloneUntil.Load(), g.last, g.queue.alone.Load():
		return false
	}
	// Once a group will do: Effect notices a member that changes the schema so.
	return len(g.members) > 1 || !g.conn.SchemaUndoes(g.open.Caller())
}

// Commit stores what the members did, if there are any, and tells them.
func (g *Group) Commit() {
	if !g.IsOpen() {
		return
	}
	began := time.Now()
	err := g.open.Store()
	switch {
	case err == nil:
		g.commitTime += (time.Since(began) - g.commitTime) / 8
		g.queue.commits.Add(1)
		g.queue.units.Add(int64(len(g.members)))
		g.tell(nil)
	case len(g.members) > 1 && !errors.Is(err, dberr.ErrCommitUnknown):
		g.fail(err)
	default:
		g.tell(err)
	}
}

// errClosed is why a group fails whose connection is closed.
var errClosed = errors.New("the connection was lost")

// Close ends the group because its connection is closed.
func (g *Group) Close(broken bool) {
	if g.Joined() || broken {
		g.fail(errClosed)
		return
	}
	g.Commit()
}

// fail tells the members, if there are any, that nothing of theirs is stored. Each may be
// tried again, and is by InTx; for a while they commit one by one.
func (g *Group) fail(cause error) {
	if !g.IsOpen() {
		return
	}
	g.queue.aloneUntil.Store(time.Now().Add(Pause).UnixNano())
	g.open.Drop()
	g.tell(g.queue.failure(dberr.ErrConflict, fmt.Errorf("not stored, since it was to be committed together with others: %w", cause)))
}

func (g *Group) tell(err error) {
	for _, told := range [][]*Acknowledgement{g.members, g.watchers} {
		for _, one := range told {
			one.err = err
			close(one.done)
		}
		clear(told)
	}
	g.open, g.members, g.watchers, g.joined = nil, g.members[:0], g.watchers[:0], false
}
