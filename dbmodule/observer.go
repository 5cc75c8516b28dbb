package dbmodule

import (
	"context"

	"go.uber.org/fx"

	"github.com/openhands-go/server/dbmodule/observe"
)

// What an observer is told, and who is told it: see package observe. The
// packages dbmetrics, dbtrace and dbstatus have an Observer each.
type (
	// Observer receives what a database does, for metrics, traces and the like.
	Observer = observe.Observer
	// UnitOfWork is what a session begins.
	UnitOfWork = observe.UnitOfWork
	// UnitEnd is the end of a unit of work.
	UnitEnd = observe.UnitEnd
	// Acquisition is a wait for a connection that has ended.
	Acquisition = observe.Acquisition
	// Statement is a statement that the database has answered.
	Statement = observe.Statement
	// Retry is the decision to run a unit of work again.
	Retry = observe.Retry
	// Outcome is how a unit of work ended.
	Outcome = observe.Outcome
	// Pool names one of a database's pools.
	Pool = observe.Pool
)

// The pools of a primary. A database without readers of its own reads from the
// writer.
const (
	PoolWriter = observe.PoolWriter
	PoolReader = observe.PoolReader
)

// PoolReplica names the pool of a replica: of the first in
// DATABASE_REPLICA_URLS with 1.
func PoolReplica(number int) Pool { return observe.PoolReplica(number) }

// The outcomes.
const (
	// OutcomeCommit is a transaction that is stored.
	OutcomeCommit = observe.OutcomeCommit
	// OutcomeRollback is a transaction that was undone, because the caller rolled
	// it back or something in it failed.
	OutcomeRollback = observe.OutcomeRollback
	// OutcomeFailed is a transaction whose COMMIT was refused: nothing is stored.
	OutcomeFailed = observe.OutcomeFailed
	// OutcomeUnknown is a transaction whose COMMIT got no answer: [ErrCommitUnknown].
	OutcomeUnknown = observe.OutcomeUnknown
	// OutcomeNone is a unit of work without a transaction: reads, statements that
	// commit by themselves, or one that got no connection or could not begin.
	OutcomeNone = observe.OutcomeNone
)

// Unobserved returns a context that hides its units of work and statements from
// every [Observer]. Use it for statements that only check the database, such as
// a probe's, which should not count as its use.
func Unobserved(ctx context.Context) context.Context { return observe.Unobserved(ctx) }

// WithObserver adds observers of the database; they are called in the order in
// which they were added. Without observers nothing is measured.
func WithObserver(observers ...Observer) Option {
	return func(d *Database) { d.observers = append(d.observers, observers...) }
}

// AsObserver adds the [Observer] that a constructor returns to the observers of
// the application's database. The constructor may take anything from the graph
// except the database itself.
func AsObserver(constructor any) fx.Option {
	return fx.Provide(fx.Annotate(constructor, fx.As(new(Observer)), fx.ResultTags(`group:"dbmodule.observers"`)))
}
