package dbmodule

import (
	"context"
	"fmt"

	"go.uber.org/fx"

	"github.com/openhands-go/server/dbmodule/observe"
)

// Observers and the events that they receive: see package observe. The packages
// dbmetrics and dbtrace, and httpmodule's httpstatus, each have an Observer.
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

// ObserverOf makes the [Observer] of one database of an application. It is called once for
// each of them: with "" for the one of [Module], with its name for one of [Named].
type ObserverOf func(database string) (Observer, error)

// AsObserverOfEach adds an observer to every database of the application, those of [Named]
// included. The constructor returns an [ObserverOf], or one and an error, and may take
// anything from the graph except databases.
func AsObserverOfEach(constructor any) fx.Option {
	return fx.Provide(fx.Annotate(constructor, fx.ResultTags(observersOfEach)))
}

// observersOfEach is fx's group of what makes observers.
const observersOfEach = `group:"dbmodule.observersofeach"`

// observersFor makes the observers that every database has.
func observersFor(database string, makers []ObserverOf) ([]Observer, error) {
	var observers []Observer
	for _, of := range makers {
		observer, err := of(database)
		if err != nil {
			return nil, fmt.Errorf("dbmodule: make observer: %w", err)
		}
		observers = append(observers, observer)
	}
	return observers, nil
}
