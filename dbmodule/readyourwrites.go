package dbmodule

import (
	"context"

	"github.com/openhands-go/server/dbmodule/internal/cluster"
	"github.com/openhands-go/server/dbmodule/internal/engine"
)

type writesKey struct{}

// ReadYourWrites returns a context whose read-only sessions see all that was
// committed before by sessions with the same context or one derived from it,
// although reads go to replicas: until a replica has replayed the writes, these
// reads go to the primary, while others' go on using the replica. It also
// takes a token of [WriteToken] from another context or process, "" for none;
// a text that is no token counts as none.
//
// On databases without DATABASE_REPLICA_URLS it costs nothing and changes
// nothing. With them, each commit of a session asks the primary for its
// position: one more round trip. What is written by [Database.DB] is not
// noticed. The context may be used concurrently.
func ReadYourWrites(ctx context.Context, token string) context.Context {
	return context.WithValue(ctx, writesKey{}, cluster.NewWrites(token))
}

// WriteToken returns a token for what was written with ctx, to be given to
// [ReadYourWrites] wherever the same client reads next; "" when nothing was
// written to a database with replicas. It is text of letters, digits, dots,
// dashes and tildes, of at most 400 bytes, and says nothing secret: positions
// in the database's log and times. It need not be kept longer than
// DATABASE_REPLICA_MAX_LAG and a few seconds.
func WriteToken(ctx context.Context) string { return writesOf(ctx).Token() }

// writesOf returns what the user of ctx has written, nil when nobody asked for that.
func writesOf(ctx context.Context) *cluster.Writes {
	w, _ := ctx.Value(writesKey{}).(*cluster.Writes)
	return w
}

// noteWrite notes that the session committed just now, for later reads with the same
// context. A session that has given its connection back can only note the time.
func (s *Session) noteWrite(ctx context.Context) {
	replicas := s.factory.replicas
	if replicas == nil || s.options.readOnly {
		return
	}
	w := writesOf(ctx)
	if w == nil {
		return
	}
	var wrote engine.Queryer
	if s.held != nil {
		wrote = s.held.conn.Conn
	}
	replicas.cluster.Wrote(ctx, w, wrote)
}
