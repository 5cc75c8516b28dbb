package dbmodule

import (
	"context"

	"go.uber.org/fx"

	"github.com/openhands-go/server/dbmodule/observe"
)

// What an observer is told, and who is told it: see package observe. The
// packages dbmetrics, dbtrace and dbstatus have an Observer each.
type (
	// Observer is told what a database does, for metrics, traces and the like.
	Observer = observe.Observer
	// UnitOfWork is what a session begins.
	UnitOfWork = observe.UnitOfWork
	// UnitEnd is the end of a unit of work.
	UnitEnd = observe.UnitEnd
	// Acquisition is a wait for a connection that has ended.
	Acquisition = observe.Acquisition
	// Statement is a statement that has been answered.
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
	// OutcomeRollback is one that was undone, because somebody wanted that or
	// something in it failed.
	OutcomeRollback = observe.OutcomeRollback
	// OutcomeFailed is one whose COMMIT was refused: nothing of it is stored.
	OutcomeFailed = observe.OutcomeFailed
	// OutcomeUnknown is one whose COMMIT got no answer: [ErrCommitUnknown].
	OutcomeUnknown = observe.OutcomeUnknown
	// OutcomeNone is a unit of work without a transaction: reads, statements that
	// commit by themselves, or one that got no connection or could not begin.
	OutcomeNone = observe.OutcomeNone
)

// Unobserved returns a context of whose units of work and statements no
// [Observer] is told: those by which one looks at the database itself, such as
// a probe's, should not count as its use.
func Unobserved(ctx context.Context) context.Context { return observe.Unobserved(ctx) }

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
