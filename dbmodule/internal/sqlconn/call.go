package sqlconn

import (
	"context"
	"database/sql/driver"
	"time"

	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/groupcommit"
	"github.com/openhands-go/server/dbmodule/internal/prepared"
)

// Call carries what a session tells its connection about one statement, and what the
// connection tells the session besides the statement's result. It is the only thing that
// passes between the two through database/sql. It is a context, because database/sql
// passes on nothing else; hooks of Bun may wrap it.
type Call struct {
	// Caller is the context of the session's caller. The connection itself obeys it.
	Caller context.Context //nolint:containedctx // see above
	// On is the connection that the call is for. If a hook of Bun passes the call to another
	// connection, that one treats it as an ordinary context.
	On *Conn
	// Does says what the connection does: it runs a statement, or begins or ends the
	// session's transaction.
	Does Purpose
	// Options are the options of a transaction that begins.
	Options engine.TxOptions
	// Shares allows the connection to share one COMMIT among several units of work. If it
	// does, it sets Acknowledged, and the session waits for that. After an error or a
	// ROLLBACK, Acknowledged is set if the session took part in a shared transaction: then
	// it tells whether the changes of others that the session may have read are stored.
	Shares       bool
	Acknowledged *groupcommit.Acknowledgement
	// Autocommit is set for a statement that commits by itself. If its connection is lost,
	// nobody knows whether the statement is stored.
	Autocommit bool
	// Origin says how the text of a compiled query was written, so that nobody parses it
	// again.
	Origin prepared.Origin
	// ReadAtOnce is set if the caller reads all rows one after the other and does nothing in
	// between. The whole result then has one time limit, instead of one for each row.
	ReadAtOnce bool
	// Result, if not nil, follows the rows of a query.
	Result *Result
	// Conn, if not nil, is the connection that database/sql gets when it asks the connector
	// for one.
	Conn driver.Conn
}

// Purpose says what a [Call] is for.
type Purpose int

const (
	// Runs is a statement of the session's user.
	Runs Purpose = iota
	// Begins is the session's BEGIN.
	Begins
	// Commits is the session's COMMIT.
	Commits
	// RollsBack is the session's ROLLBACK.
	RollsBack
	// Adopts makes the session's transaction a bun.Tx.
	Adopts
)

// Text is the statement that begins or ends the transaction.
func (p Purpose) Text() string {
	return [...]string{Begins: "BEGIN", Commits: "COMMIT", RollsBack: "ROLLBACK"}[p]
}

// autocommits reports whether the statement commits by itself, and its caller's context has not
// ended yet. c may be nil.
func (c *Call) autocommits() bool { return c != nil && c.Autocommit && c.Caller.Err() == nil }

type callKey struct{}

// CallOf returns the call in a context, nil for none.
func CallOf(ctx context.Context) *Call {
	if call, ok := ctx.(*Call); ok {
		return call
	}
	call, _ := ctx.Value(callKey{}).(*Call)
	return call
}

// callOf returns the call in a context that is for this connection, nil for none.
func (c *Conn) callOf(ctx context.Context) *Call {
	if call := CallOf(ctx); call != nil && call.On == c {
		return call
	}
	return nil
}

// originOf returns the origin of the text that is about to be sent. A text that differs
// from the call's own text has none.
func originOf(call *Call, query, sent string) prepared.Origin {
	if call == nil || query != sent {
		return prepared.Origin{}
	}
	return call.Origin
}

// Value returns the call itself for callKey, and otherwise the value of the caller's
// context.
func (c *Call) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	return c.Caller.Value(key)
}

// Deadline is the caller's deadline.
func (c *Call) Deadline() (deadline time.Time, ok bool) { return c.Caller.Deadline() }

// Done is the caller's channel, except for a query. If a query's context could end,
// database/sql would start a goroutine for each result, to close the result at that
// moment. So Done is nil for rows, which the session closes by itself, and Result.stop for
// a single row, which only its user and database/sql can close.
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
