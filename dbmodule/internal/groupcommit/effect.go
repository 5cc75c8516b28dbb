package groupcommit

import (
	"errors"
	"time"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// Effect says what must happen before a statement is sent in a shared transaction.
type Effect int

const (
	// None means that the statement may be sent.
	None Effect = iota
	// Leaves means that the unit of work must first leave the group: the group is committed,
	// and the unit goes on in a transaction of its own. It has done nothing so far.
	Leaves
	// Refused means that the statement must not be sent: it might roll back the changes of
	// others, and the unit of work has changes of its own already, so it can't leave. The
	// unit of work may run again, and then shares nothing.
	Refused
)

// Effect looks at a statement before it is sent. After a statement that may roll back the
// whole transaction, or that changes a setting of the whole transaction, nobody joins the
// transaction any more. session is set if a session sends the statement. touched is set if
// its unit of work ran a statement before.
func (g *Group) Effect(query string, session, touched bool) Effect {
	if g == nil {
		return None
	}
	sharing := sqltext.SharingOf(g.coordinator.dialect, query)
	if sharing == sqltext.Harmless || sharing == sqltext.Overrules && session { // see WithoutOrRollback
		return None
	}
	g.full = true
	if sharing == sqltext.Undoes {
		g.coordinator.disabled.Store(true)
	}
	switch {
	case !g.joined:
		return None
	case !touched:
		return Leaves
	case sharing == sqltext.Defers:
		return None // the end of the unit of work checks the foreign keys
	}
	return Refused
}

// RawEffect is Effect for a user of the driver's own connection, whose statements nobody
// sees. If it returns Refused, no groups are formed for a moment, so that the unit of work
// can run again at once.
func (g *Group) RawEffect(touched bool) Effect {
	if g == nil {
		return None
	}
	g.full = true
	switch {
	case !g.joined:
		return None
	case !touched:
		return Leaves
	}
	g.coordinator.pausedUntil.Store(time.Now().Add(Pause).UnixNano())
	return Refused
}

// RefusedError is the error of a statement that was Refused.
func (g *Group) RefusedError() error { return g.coordinator.failure(dberr.ErrConflict, errShared) }

var errShared = errors.New("the statement may roll back the whole transaction, which this unit of work shares with others: run the unit of work again, then it has a transaction of its own")

// WithoutOrRollback returns a session's statement as it is sent: with OR ABORT instead of OR
// ROLLBACK, which would also roll back the changes of others. The caller rolls back the
// unit of work if the statement fails; see HasOrRollback.
func (g *Group) WithoutOrRollback(query string) string {
	if !g.HasOrRollback(query) {
		return query
	}
	return sqltext.WithoutRollback(g.coordinator.dialect, query)
}

// HasOrRollback reports whether a statement has OR ROLLBACK: if it fails, its whole unit of
// work is rolled back.
func (g *Group) HasOrRollback(query string) bool {
	return g != nil && sqltext.SharingOf(g.coordinator.dialect, query) == sqltext.Overrules
}
