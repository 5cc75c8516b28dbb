package observe

import (
	"context"
	"strconv"
	"time"

	"github.com/openhands-go/server/dbmodule/dburl"
)

// Observer receives what a database does, for metrics, traces and the like. The
// goroutines that work with the database call it during their work. So its methods
// must be safe for concurrent use, return soon, and not use the database.
//
// A unit of work is what a session does between acquiring and releasing a
// connection: a transaction, or the reads of a read-only session. UnitBegan is called
// first, then Acquired, the statements, and UnitEnded; a unit of work that gets
// no connection has no statements. Statements outside sessions, on *bun.DB,
// belong to no unit of work.
type Observer interface {
	// UnitBegan is called when a session is about to acquire a connection, with
	// the context of the statement that needs it. The context that it returns,
	// usually ctx or one derived from it, is passed to all other calls about
	// the unit of work.
	UnitBegan(ctx context.Context, unit UnitOfWork) context.Context
	// Acquired is called when a wait for a connection of the pool has ended, with
	// a connection or with an error.
	Acquired(ctx context.Context, wait Acquisition)
	// Statement is called when a statement has been answered, with the context of
	// its unit of work, or outside one with the caller's context.
	Statement(ctx context.Context, statement Statement)
	// UnitEnded is called when the unit of work has ended.
	UnitEnded(ctx context.Context, end UnitEnd)
	// Retrying is called before SessionFactory.InTx runs a unit of work
	// again, with InTx's own context.
	Retrying(ctx context.Context, retry Retry)
}

// Pool names one of a database's pools.
type Pool string

// The pools of a primary. A database without a pool of readers reads through the
// writer.
const (
	PoolWriter Pool = "writer"
	PoolReader Pool = "reader"
)

// PoolReplica names the pool of a replica. The first replica in
// DATABASE_REPLICA_URLS has the number 1.
func PoolReplica(number int) Pool { return Pool("replica" + strconv.Itoa(number)) }

// UnitOfWork describes a unit of work that a session begins.
type UnitOfWork struct {
	Engine dburl.Engine
	Pool   Pool
	// Session is the session's Session.ID.
	Session uint64
	// Attempt counts from 1 within SessionFactory.InTx.
	Attempt int
	// ReadOnly says that the session refuses to write.
	ReadOnly bool
}

// Acquisition describes a finished wait for a connection.
type Acquisition struct {
	Pool Pool
	Took time.Duration
	// Err is nil if the session got a connection.
	Err error
}

// Outcome is how a unit of work ended.
type Outcome string

// The outcomes.
const (
	// OutcomeCommit is a transaction that is stored.
	OutcomeCommit Outcome = "commit"
	// OutcomeRollback is a transaction that was undone, because the caller rolled
	// it back or something in it failed.
	OutcomeRollback Outcome = "rollback"
	// OutcomeFailed is a transaction whose COMMIT was refused: nothing is stored.
	OutcomeFailed Outcome = "commit_failed"
	// OutcomeUnknown is a transaction whose COMMIT got no answer: dberr.ErrCommitUnknown.
	OutcomeUnknown Outcome = "commit_unknown"
	// OutcomeNone is a unit of work without a transaction: reads, statements that
	// commit by themselves, or one that got no connection or could not begin.
	OutcomeNone Outcome = "none"
)

// UnitEnd describes the end of a unit of work.
type UnitEnd struct {
	UnitOfWork
	Outcome Outcome
	// Held is how long the session held the connection, 0 if it got none.
	Held time.Duration
	// Err says why the unit of work got no connection, could not begin or could
	// not commit.
	Err error
}

// Retry is the decision to run a unit of work again.
type Retry struct {
	// Attempt is the number of the attempt that failed, from 1.
	Attempt int
	Err     error
}

// Observers is an [Observer] that calls each of its observers in order. If it is
// empty, a call costs one branch.
type Observers []Observer

var _ Observer = Observers(nil)

// UnitBegan implements [Observer]. It passes each observer the context that the
// observer before it returned.
func (o Observers) UnitBegan(ctx context.Context, unit UnitOfWork) context.Context {
	for _, observer := range o {
		ctx = observer.UnitBegan(ctx, unit)
	}
	return ctx
}

// Acquired implements [Observer].
func (o Observers) Acquired(ctx context.Context, wait Acquisition) {
	for _, observer := range o {
		observer.Acquired(ctx, wait)
	}
}

// Statement implements [Observer].
func (o Observers) Statement(ctx context.Context, statement Statement) {
	for _, observer := range o {
		observer.Statement(ctx, statement)
	}
}

// UnitEnded implements [Observer].
func (o Observers) UnitEnded(ctx context.Context, end UnitEnd) {
	for _, observer := range o {
		observer.UnitEnded(ctx, end)
	}
}

// Retrying implements [Observer].
func (o Observers) Retrying(ctx context.Context, retry Retry) {
	for _, observer := range o {
		observer.Retrying(ctx, retry)
	}
}
