package dbmodule

import (
	"context"
	"strconv"
	"time"

	"go.uber.org/fx"
)

// Observer is told what a database does, for metrics, traces and the like;
// dbmetrics, dbtrace and dbstatus have one each. It is called by the goroutines
// that work with the database, while they do: methods are safe for concurrent
// use, return soon, and don't use the database.
//
// A unit of work is what a session does between taking a connection and giving
// it back: a transaction, or the reads of a read-only session. UnitBegan comes
// first, then Acquired, the statements, and UnitEnded; a unit of work that gets
// no connection has no statements. Statements outside sessions, on *bun.DB,
// belong to none.
type Observer interface {
	// UnitBegan is told of a session that is about to take a connection, with
	// the context of the statement that needs it. What it returns, usually ctx
	// with something added or ctx itself, is handed to all other calls about
	// the unit of work.
	UnitBegan(ctx context.Context, unit UnitOfWork) context.Context
	// Acquired is told how a wait for a connection of the pool ended.
	Acquired(ctx context.Context, wait Acquisition)
	// Statement is told of a statement that has been answered, with its unit of
	// work's context, or outside one the caller's.
	Statement(ctx context.Context, statement Statement)
	// UnitEnded is told how the unit of work ended.
	UnitEnded(ctx context.Context, end UnitEnd)
	// Retrying is told that [SessionFactory.InTx] is going to run a unit of
	// work again, with InTx's own context.
	Retrying(ctx context.Context, retry Retry)
}

// Pool names one of a database's pools.
type Pool string

// The pools of a primary. A database without readers of its own reads from the
// writer.
const (
	PoolWriter Pool = "writer"
	PoolReader Pool = "reader"
)

// PoolReplica names the pool of a replica: of the first in
// DATABASE_REPLICA_URLS with 1.
func PoolReplica(number int) Pool { return Pool("replica" + strconv.Itoa(number)) }

// UnitOfWork is what a session begins.
type UnitOfWork struct {
	Engine Engine
	Pool   Pool
	// Session is the session's [Session.ID].
	Session uint64
	// Attempt counts from 1 within [SessionFactory.InTx].
	Attempt int
	// ReadOnly says that the session refuses to write.
	ReadOnly bool
}

// Acquisition is a wait for a connection that has ended.
type Acquisition struct {
	Pool Pool
	Took time.Duration
	// Err is nil when a connection was got.
	Err error
}

// Outcome is how a unit of work ended.
type Outcome string

// The outcomes.
const (
	// OutcomeCommit is a transaction that is stored.
	OutcomeCommit Outcome = "commit"
	// OutcomeRollback is one that was undone, because somebody wanted that or
	// something in it failed.
	OutcomeRollback Outcome = "rollback"
	// OutcomeFailed is one whose COMMIT was refused: nothing of it is stored.
	OutcomeFailed Outcome = "commit_failed"
	// OutcomeUnknown is one whose COMMIT got no answer: [ErrCommitUnknown].
	OutcomeUnknown Outcome = "commit_unknown"
	// OutcomeNone is a unit of work without a transaction: reads, statements that
	// commit by themselves, or one that got no connection or could not begin.
	OutcomeNone Outcome = "none"
)

// UnitEnd is the end of a unit of work.
type UnitEnd struct {
	UnitOfWork
	Outcome Outcome
	// Held is how long the session had the connection, 0 when it got none.
	Held time.Duration
	// Err is why it got no connection, could not begin or could not commit.
	Err error
}

// Retry is the decision to run a unit of work again.
type Retry struct {
	// Attempt is the one that failed, from 1.
	Attempt int
	Err     error
}

// Statement is a statement that has been answered, with all its rows if it has
// any. BEGIN, COMMIT and ROLLBACK are statements too.
type Statement struct {
	Engine Engine
	// Session is the session's [Session.ID], 0 outside one.
	Session uint64
	Began   time.Time
	// Took includes what the caller did between rows, but no wait for a
	// connection.
	Took time.Duration
	// Err is nil for a statement that succeeded.
	Err error

	query string
}

// Operation names what the statement does: SELECT, INSERT, COMMIT and so on,
// one of some twenty, or OTHER.
func (s Statement) Operation() string { return operationName(s.query) }

// Text is the statement with a question mark in place of each value, cut to
// limit bytes. It is made anew by each call.
func (s Statement) Text(limit int) string {
	return statementWithoutValues(s.Engine, s.query, limit)
}

// ErrorText is the text of Err without the values of rows, empty without an
// error.
func (s Statement) ErrorText() string {
	if s.Err == nil {
		return ""
	}
	return judgeOf(s.Engine).TextWithoutValues(s.Err)
}

// WithObserver adds what is told what the database does; several are told in
// the order in which they were added. Without any nothing is measured.
func WithObserver(observers ...Observer) Option {
	return func(d *Database) { d.observers = append(d.observers, observers...) }
}

// AsObserver adds what a constructor returns, an [Observer], to those of the
// graph's database. The constructor takes what it likes from the graph but the
// database itself.
func AsObserver(constructor any) fx.Option {
	return fx.Provide(fx.Annotate(constructor, fx.As(new(Observer)), fx.ResultTags(`group:"dbmodule.observers"`)))
}

// observers are those of one database. Each method is a branch when there are
// none.
type observers []Observer

func (o observers) unitBegan(ctx context.Context, unit UnitOfWork) context.Context {
	for _, observer := range o {
		ctx = observer.UnitBegan(ctx, unit)
	}
	return ctx
}

func (o observers) acquired(ctx context.Context, wait Acquisition) {
	for _, observer := range o {
		observer.Acquired(ctx, wait)
	}
}

func (o observers) statement(ctx context.Context, statement Statement) {
	for _, observer := range o {
		observer.Statement(ctx, statement)
	}
}

func (o observers) unitEnded(ctx context.Context, end UnitEnd) {
	for _, observer := range o {
		observer.UnitEnded(ctx, end)
	}
}

func (o observers) retrying(ctx context.Context, attempt int, err error) {
	for _, observer := range o {
		observer.Retrying(ctx, Retry{Attempt: attempt, Err: err})
	}
}
