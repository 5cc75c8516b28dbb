package dbmodule

import (
	"context"
	"time"

	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// call is the one thing that passes from a session through database/sql to the
// session's connection: the context of a statement, which says what the statement is to
// the session, and brings back what the connection answers beyond a result. The
// connection obeys the caller's context by itself.
//
// It is a context since database/sql hands on nothing else. Hooks of Bun may wrap it.
type call struct {
	// caller is the context that counts.
	caller context.Context //nolint:containedctx // see above
	// on is the connection that it is for. Others, to which a hook of Bun's may pass it
	// on, take it for any context.
	on   *conn
	does purpose
	// options are those of a transaction that begins.
	options engine.TxOptions
	// shares lets a COMMIT be one for several units of work; what it waits for then is
	// in acknowledged.
	shares       bool
	acknowledged *acknowledgement
	// alone is set for a statement outside a transaction that may write: an error may
	// leave open whether it is stored.
	alone bool
	// result, if not nil, follows the rows of a query.
	result *openRows
	// handle, if not nil, is the connection that database/sql gets for a session.
	handle *handle
}

// purpose is what a statement is to a session.
type purpose int

const (
	// runs is a statement of the session's user.
	runs purpose = iota
	begins
	commits
	rollsBack
	// adopts makes the session's transaction a bun.Tx.
	adopts
)

func (p purpose) text() string {
	return [...]string{begins: "BEGIN", commits: "COMMIT", rollsBack: "ROLLBACK"}[p]
}

type callKey struct{}

// callOf returns the call in a context, nil for none.
func callOf(ctx context.Context) *call {
	if of, ok := ctx.(*call); ok {
		return of
	}
	of, _ := ctx.Value(callKey{}).(*call)
	return of
}

// callOf returns the call in a context that is for this connection, nil for none.
func (c *conn) callOf(ctx context.Context) *call {
	if of := callOf(ctx); of != nil && of.on == c {
		return of
	}
	return nil
}

// Value returns the call itself for its key, and otherwise what the caller's context
// has.
func (c *call) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	return c.caller.Value(key)
}

func (c *call) Deadline() (deadline time.Time, ok bool) { return c.caller.Deadline() }

// Done is the caller's, but for a query: database/sql would keep a goroutine and a
// context for each result, to close it when its context ends. The session closes what is
// left open; rows that only their user and database/sql can close end with stop.
func (c *call) Done() <-chan struct{} {
	if c.result != nil {
		return c.result.stop
	}
	return c.caller.Done()
}

func (c *call) Err() error {
	if c.result == nil {
		return c.caller.Err()
	}
	select {
	case <-c.result.stop:
		return context.Canceled
	default:
		return nil
	}
}
