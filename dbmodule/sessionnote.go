package dbmodule

import "context"

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

// noteSession notes the session on the statement's context, if it has a note.
func noteSession(ctx context.Context, session uint64) {
	if note, ok := ctx.Value(sessionNoteKey{}).(*sessionNote); ok {
		note.session = session
	}
}
