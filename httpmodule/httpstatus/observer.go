package httpstatus

import (
	"context"
	"time"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

// observer passes the events of one database to a watcher.
type observer struct {
	*Watcher
	// database is "" for the server's own.
	database string
}

// Of returns the observer for one of several databases. "" is the server's own database; the watcher
// itself is an observer for it too.
func (w *Watcher) Of(database string) dbmodule.Observer { return observer{w, database} }

// UnitBegan does nothing.
func (w *Watcher) UnitBegan(ctx context.Context, _ dbmodule.UnitOfWork) context.Context { return ctx }

// Acquired remembers an attempt to get a connection that failed.
func (w *Watcher) Acquired(ctx context.Context, wait dbmodule.Acquisition) {
	observer{w, ""}.Acquired(ctx, wait)
}

// Statement counts a statement, and remembers its error.
func (w *Watcher) Statement(ctx context.Context, statement dbmodule.Statement) {
	observer{w, ""}.Statement(ctx, statement)
}

// UnitEnded remembers a COMMIT without an answer.
func (w *Watcher) UnitEnded(ctx context.Context, end dbmodule.UnitEnd) {
	observer{w, ""}.UnitEnded(ctx, end)
}

// Retrying does nothing.
func (w *Watcher) Retrying(context.Context, dbmodule.Retry) {}

// Acquired remembers an attempt to get a connection that failed.
func (o observer) Acquired(ctx context.Context, wait dbmodule.Acquisition) {
	if kind := dbmodule.ErrorKind(wait.Err); severeKinds[kind] {
		o.errors.add(Failure{
			At: time.Now(), Kind: kind, Database: o.database, Where: "waiting for a connection of the " + string(wait.Pool),
			Text: "no connection after " + wait.Took.Round(time.Millisecond).String(), RequestID: httpmodule.RequestID(ctx), Severe: true,
		})
	}
}

// Statement counts a statement, and remembers its error.
func (o observer) Statement(ctx context.Context, statement dbmodule.Statement) {
	kind := dbmodule.ErrorKind(statement.Err)
	counted := countedOperations[statement.Operation()]
	if !counted && kind == "" {
		return
	}
	text := withoutLists(statement.Text(maxText))
	if counted && !o.isBookkeeping(o.database, text) {
		o.statements.add(statementKey{o.database, text}, statement.Took)
	}
	if kind == "" || kind == "canceled" || kind == "not_found" {
		return
	}
	o.errors.add(Failure{
		At: time.Now(), Kind: kind, Database: o.database, Where: text, Text: statement.ErrorText(),
		RequestID: httpmodule.RequestID(ctx), Session: statement.Session, Severe: severeKinds[kind],
	})
}

// UnitEnded remembers a COMMIT without an answer.
func (o observer) UnitEnded(ctx context.Context, end dbmodule.UnitEnd) {
	if end.Outcome == dbmodule.OutcomeUnknown {
		o.errors.add(Failure{
			At: time.Now(), Kind: dbmodule.ErrorKind(end.Err), Database: o.database, Where: "COMMIT", Text: "no answer came: stored or not",
			RequestID: httpmodule.RequestID(ctx), Session: end.Session, Severe: true,
		})
	}
}
