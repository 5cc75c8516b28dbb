package sqlconn

import (
	"context"
	"database/sql/driver"
	"time"

	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/groupcommit"
	"github.com/openhands-go/server/dbmodule/internal/prepared"
)

// Call is the one thing that passes from a session through database/sql to the
// session's connection: the context of a statement, which says what the statement is to
// the session, and brings back what the connection answers beyond a result. The
// connection obeys the caller's context by itself.
//
// It is a context since database/sql hands on nothing else. Hooks of Bun may wrap it.
type Call struct {
	// Caller is the context that counts.
	Caller context.Context //nolint:containedctx // see above
	// On is the connection that it is for. Others, to which a hook of Bun's may pass it
	// on, take it for any context.
	On *Conn
	// Does is what the statement is to the session.
	Does Purpose
	// Options are those of a transaction that begins.
	Options engine.TxOptions
	// Shares lets a COMMIT be one for several units of work. The connection answers with
	// Acknowledged then, which the session waits for; it is nil for a COMMIT that was
	// sent at once. With an error and after a ROLLBACK it is not nil where the session was
	// a part of a transaction of others: it tells whether what it saw of them is stored.
	Shares       bool
	Acknowledged *groupcommit.Acknowledgement
	// Alone is set for a statement outside a transaction that may write: an error may
	// leave open whether it is stored.
	Alone bool
	// Made is how the text of a compiled query was made: it need not be read again.
	Made prepared.Made
	// Straight is set for a query whose rows are read one right after the other, by code that
	// does nothing else meanwhile: that is one wait for the database.
	Straight bool
	// Result, if not nil, follows the rows of a query.
	Result *Result
	// Conn, if not nil, is what database/sql gets when it asks for a connection for a
	// session.
	Conn driver.Conn
}

// Purpose is what a statement is to a session.
type Purpose int

const (
	// Runs is a statement of the session's user.
	Runs Purpose = iota
	// Begins is the session's BEGIN.
	Begins
	// Commits is its COMMIT.
	Commits
	// RollsBack is its ROLLBACK.
	RollsBack
	// Adopts makes the session's transaction a bun.Tx.
	Adopts
)

// Text is the statement that stands for it.
func (p Purpose) Text() string {
	return [...]string{Begins: "BEGIN", Commits: "COMMIT", RollsBack: "ROLLBACK"}[p]
}

type callKey struct{}

// CallOf returns the call in a context, nil for none.
func CallOf(ctx context.Context) *Call {
	if of, ok := ctx.(*Call); ok {
		return of
	}
	of, _ := ctx.Value(callKey{}).(*Call)
	return of
}

// callOf returns the call in a context that is for this connection, nil for none.
func (c *Conn) callOf(ctx context.Context) *Call {
	if of := CallOf(ctx); of != nil && of.On == c {
		return of
	}
	return nil
}

// madeOf is how a text was made that is about to be sent for a call, which may be nil. What is
// sent instead of the call's own text was made by nobody.
func madeOf(of *Call, query, sent string) prepared.Made {
	if of == nil || query != sent {
		return prepared.Made{}
	}
	return of.Made
}

// Value returns the call itself for its key, and otherwise what the caller's context
// has.
func (c *Call) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	return c.Caller.Value(key)
}

// Deadline is the caller's.
func (c *Call) Deadline() (deadline time.Time, ok bool) { return c.Caller.Deadline() }

// Done is the caller's, but for a query: database/sql would keep a goroutine and a
// context for each result, to close it when its context ends. The session closes what is
// left open; rows that only their user and database/sql can close end with stop.
func (c *Call) Done() <-chan struct{} {
	if c.Result != nil {
		return c.Result.stop
	}
	return c.Caller.Done()
}

// Err is why Done is closed, nil while it is not.
func (c *Call) Err() error {
	if c.Result == nil {
		return c.Caller.Err()
	}
	select {
	case <-c.Result.stop:
		return context.Canceled
	default:
		return nil
	}
}
