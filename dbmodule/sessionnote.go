package dbmodule

import (
	"context"
	"time"
)

// sessionNote is the context of one statement, on which the connection that
// sends it notes whose it is: the log of statements is written by a hook of
// Bun's, which knows nothing of sessions.
type sessionNote struct {
	context.Context
	session uint64
}

type sessionNoteKey struct{}

// Value returns the note itself for its key.
func (n *sessionNote) Value(key any) any {
	if key == (sessionNoteKey{}) {
		return n
	}
	return n.Context.Value(key)
}

// detachedContext is context.WithoutCancel for what looks values up often: that
// one allocates each time.
type detachedContext struct{ context.Context }

func (*detachedContext) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }
func (*detachedContext) Done() <-chan struct{}                   { return nil }
func (*detachedContext) Err() error                              { return nil }

// adoptNote is the context of a session's transaction as a bun.Tx: noted, and
// detached from the statement that wants it.
type adoptNote struct {
	sessionNote
	detached detachedContext
}

type adoptNoteKey struct{}

func newAdoptNote(ctx context.Context, session uint64) *adoptNote {
	n := &adoptNote{detached: detachedContext{ctx}}
	n.sessionNote = sessionNote{Context: &n.detached, session: session}
	return n
}

// Value tells the log that what begins is known already.
func (n *adoptNote) Value(key any) any {
	if key == (adoptNoteKey{}) {
		return n
	}
	return n.sessionNote.Value(key)
}

// noteSession notes the session on the statement's context, if it has a note.
func noteSession(ctx context.Context, session uint64) {
	if note, ok := ctx.Value(sessionNoteKey{}).(*sessionNote); ok {
		note.session = session
	}
}

// notedSession returns what is noted on a statement's context, 0 for nothing.
// Savepoints reach the connection without theirs: they have that of the bun.Tx, on
// which a session has noted itself.
func notedSession(ctx context.Context) uint64 {
	for {
		note, ok := ctx.Value(sessionNoteKey{}).(*sessionNote)
		switch {
		case !ok:
			return 0
		case note.session != 0:
			return note.session
		}
		ctx = note.Context
	}
}
