package dbmodule

import (
	"context"

	"go.uber.org/fx"

	"github.com/openhands-go/server/dbmodule/observe"
)

// Observers and the events that they receive: see package observe. The packages
// dbmetrics, dbtrace and dbstatus each have an Observer.
type (
	// Observer receives what a database does, for metrics, traces and the like.
	Observer = observe.Observer
	// UnitOfWork describes a unit of work that a session begins.
	UnitOfWork = observe.UnitOfWork
	// UnitEnd describes the end of a unit of work.
	UnitEnd = observe.UnitEnd
	// Acquisition describes a finished wait for a connection.
	Acquisition = observe.Acquisition
	// Statement describes a statement that the database has answered.
	Statement = observe.Statement
	// Retry is the decision to run a unit of work again.
	Retry = observe.Retry
	// Outcome is how a unit of work ended.
	Outcome = observe.Outcome
	// Pool names one of a database's pools.
	Pool = observe.Pool
)

// The pools of a primary. A database without a pool of readers reads through the
// writer.
const (
	PoolWriter = observe.PoolWriter
	PoolReader = observe.PoolReader
)

// PoolReplica names the pool of a replica. The first replica in
// DATABASE_REPLICA_URLS has the number 1.
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
