package groupcommit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openhands-go/server/dbmodule/dberr"
)

// savepoint is the savepoint of a unit of work that has joined a group.
const savepoint = "openhands_unit"

// Conn is the connection of a group.
type Conn interface {
	// Control runs a statement about the transaction. It is not logged.
	Control(ctx context.Context, statement string) error
	// SchemaUndoes reports whether constraints or triggers may roll back a whole
	// transaction, or make its COMMIT fail. It is true if that is not known.
	SchemaUndoes(ctx context.Context) bool
}

// Transaction is the transaction that the members of a group share. The first member began
// it.
type Transaction interface {
	// Caller is the context of the first member.
	Caller() context.Context
	// Outlive keeps the transaction open after the first member has ended. It may be called
	// again.
	Outlive()
	// Store sends COMMIT.
	Store() error
	// Drop rolls the transaction back.
	Drop()
}

// Group is the group of units of work that share a transaction on one writing connection.
// Only the user of that connection uses it. A nil Group shares nothing.
type Group struct {
	coordinator *Coordinator
	conn        Conn
	// open is the shared transaction, nil between groups. began is when its first member
	// ended.
	open  Transaction
	began time.Time
	// members have ended with success. watchers have joined and then rolled back: they may
	// have read changes of members.
	members, watchers []*Acknowledgement
	// joined is set while a unit of work runs inside open.
	joined bool
	// full is set when nobody may join any more.
	full bool

	unitBegan  time.Time     // when the unit of work began that uses the connection
	slow       int           // how many more units were slow than quick of late, 0 to SlowUnits
	commitTime time.Duration // an average of how long COMMIT takes
}

// IsOpen reports whether members wait for the COMMIT of a shared transaction.
func (g *Group) IsOpen() bool { return g != nil && g.open != nil }

// Joined reports whether the unit of work that uses the connection has joined a
// transaction that another one began.
func (g *Group) Joined() bool { return g != nil && g.joined }

// Begin is called when a unit of work has begun a transaction or joined one.
func (g *Group) Begin() {
	if g == nil {
		return
	}
	g.unitBegan = time.Now()
	if !g.joined {
		g.full = false
	}
}

// Join begins a unit of work inside the open transaction.
func (g *Group) Join(ctx context.Context) error {
	// SAVEPOINT waits for nothing, and for a context that can end the driver starts a goroutine.
	if err := g.conn.Control(context.WithoutCancel(ctx), "SAVEPOINT "+savepoint); err != nil {
		return err
	}
	g.joined = true
	return nil
}

// EndSavepoint ends the savepoint of a unit of work that has joined; undo rolls back to it
// first. After an error the whole transaction is rolled back, and its members are told.
func (g *Group) EndSavepoint(ctx context.Context, undo bool) error {
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

// AddMember makes a unit of work that has ended with success a member. t is its
// transaction. If the unit did not join another transaction, t becomes the shared one.
func (g *Group) AddMember(t Transaction) *Acknowledgement {
	if g.open == nil {
		g.open, g.began, g.members = t, time.Now(), g.members[:0]
	}
	member := &Acknowledgement{coordinator: g.coordinator, done: make(chan struct{})}
	g.members = append(g.members, member)
	return member
}

// Watch is called when a unit of work is about to be rolled back. If the unit had joined, it
// may have read changes of members. What it tells its caller about them is true only once
// the returned Acknowledgement says that they are stored. Otherwise Watch returns nil.
func (g *Group) Watch() *Acknowledgement {
	if !g.Joined() {
		return nil
	}
	watcher := &Acknowledgement{coordinator: g.coordinator, done: make(chan struct{})}
	g.watchers = append(g.watchers, watcher)
	return watcher
}

// HandOver is called when the connection is released: it leaves the transaction open for
// the next unit of work, or commits it. usable is set if the next unit gets the connection.
func (g *Group) HandOver(usable bool) {
	if g == nil {
		return
	}
	g.measure()
	switch {
	case g.open == nil:
	case usable && g.stays():
		g.open.Outlive()
	default:
		g.Commit()
	}
}

// measure remembers whether the unit of work that ends was slow.
func (g *Group) measure() {
	if g.unitBegan.IsZero() {
		return
	}
	if time.Since(g.unitBegan) > max(QuickUnit, 2*g.commitTime) {
		g.slow = min(g.slow+1, SlowUnits)
	} else {
		g.slow = max(g.slow-1, 0)
	}
	g.unitBegan = time.Time{}
}

// stays decides whether the transaction is left open for the next unit of work.
func (g *Group) stays() bool {
	switch {
	case g.coordinator.waiting() == 0, len(g.members) >= MaxUnits, time.Since(g.began) > MaxAge,
		g.slow > SlowUnits/2, time.Now().UnixNano() < g.coordinator.pausedUntil.Load(), g.full, g.coordinator.disabled.Load():
		return false
	}
	// The schema is checked when a group opens. If a later member changes it, Effect notices.
	return len(g.members) > 1 || !g.conn.SchemaUndoes(g.open.Caller())
}

// Commit commits the shared transaction, if there is one, and tells the members the result.
func (g *Group) Commit() {
	if !g.IsOpen() {
		return
	}
	began := time.Now()
	err := g.open.Store()
	switch {
	case err == nil:
		g.commitTime += (time.Since(began) - g.commitTime) / 8
		g.coordinator.commits.Add(1)
		g.coordinator.units.Add(int64(len(g.members)))
		g.tell(nil)
	case len(g.members) > 1 && !errors.Is(err, dberr.ErrCommitUnknown):
		g.fail(err)
	default:
		g.tell(err)
	}
}

// errClosed is the cause if a group fails because its connection is closed.
var errClosed = errors.New("the connection was lost")

// Close is called when the connection is closed. It commits the shared transaction, unless
// the connection is broken or a unit of work is in the middle of it.
func (g *Group) Close(broken bool) {
	if g.Joined() || broken {
		g.fail(errClosed)
		return
	}
	g.Commit()
}

// fail rolls back the shared transaction, if there is one, and tells the members that
// nothing is stored. Each may run again, as InTx does. No groups are formed for a moment.
func (g *Group) fail(cause error) {
	if !g.IsOpen() {
		return
	}
	g.coordinator.pausedUntil.Store(time.Now().Add(Pause).UnixNano())
	g.open.Drop()
	g.tell(g.coordinator.failure(dberr.ErrConflict, fmt.Errorf("not stored, since it was to be committed together with others: %w", cause)))
}

func (g *Group) tell(err error) {
	for _, waiting := range [][]*Acknowledgement{g.members, g.watchers} {
		for _, one := range waiting {
			one.err = err
			close(one.done)
		}
		clear(waiting)
	}
	g.open, g.members, g.watchers, g.joined = nil, g.members[:0], g.watchers[:0], false
}
