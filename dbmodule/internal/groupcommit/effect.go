package groupcommit

import (
	"errors"
	"fmt"
	"time"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// Effect is what a statement means for a unit of work that shares its transaction.
type Effect int

const (
	// None is for a statement that may be sent.
	None Effect = iota
	// Leaves is for a unit of work that has done nothing so far: it goes on in a
	// transaction of its own. See [Group.Commit].
	Leaves
	// Refused is for one that has done something: the statement might undo the others'
	// work. The unit of work may run again, when it shares nothing.
	Refused
)

// Effect looks at a statement before it is sent. One that may undo a transaction as a
// whole, or that holds until its end, ends the sharing. session says that a session sends
// it, touched that its unit of work did something in the transaction before.
func (g *Group) Effect(query string, session, touched bool) Effect {
	if g == nil {
		return None
	}
	sharing := sqltext.SharingOf(g.queue.dialect, query)
	if sharing == sqltext.Harmless || sharing == sqltext.Overrules && session { // see Spared
		return None
	}
	g.last = true
	if sharing == sqltext.Undoes {
		g.queue.alone.Store(true)
	}
	switch {
	case !g.joined:
		return None
	case !touched:
		return Leaves
	case sharing == sqltext.Defers:
		return None // whoever ends the unit of work looks at what came of it
	}
	return Refused
}

// Unseen is Effect for what is done on the driver's own connection, where nobody reads
// it. A unit of work that is Refused shares nothing when it runs again at once.
func (g *Group) Unseen(touched bool) Effect {
	if g == nil {
		return None
	}
	g.last = true
	switch {
	case !g.joined:
		return None
	case !touched:
		return Leaves
	}
	g.queue.aloneUntil.Store(time.Now().Add(Pause).UnixNano())
	return Refused
}

// Shared is the error of a statement that was Refused.
func (g *Group) Shared() error { return g.queue.failure(dberr.ErrConflict, errShared) }

var errShared = errors.New("the statement may roll back the whole transaction, which this unit of work shares with others: run the unit of work again, then it has a transaction of its own")

// OwnEnd refuses a session's COMMIT or ROLLBACK as text: others may share the
// transaction.
func (g *Group) OwnEnd(query string) error {
	if g == nil {
		return nil
	}
	if word := sqltext.EndsTransaction(g.queue.dialect, query); word != "" {
		return fmt.Errorf("dbmodule: %s as a statement of a session: others may share its transaction (see DATABASE_GROUP_COMMIT): call the session's Commit or Rollback", word)
	}
	return nil
}

// Spared returns a session's statement as it is sent: its OR ROLLBACK is not left to the
// engine, which would take along what others did. Overrules says that it has one.
func (g *Group) Spared(query string) string {
	if !g.Overrules(query) {
		return query
	}
	return sqltext.WithoutRollback(g.queue.dialect, query)
}

// Overrules reports whether a statement that fails undoes all that its unit of work did.
func (g *Group) Overrules(query string) bool {
	return g != nil && sqltext.SharingOf(g.queue.dialect, query) == sqltext.Overrules
}
