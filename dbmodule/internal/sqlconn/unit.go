package sqlconn

import (
	"context"

	"github.com/openhands-go/server/dbmodule/observe"
)

// Unit is the unit of work that uses a connection, as the log and the observers see it.
type Unit struct {
	observe.UnitOfWork
	// Observed is the context that Observer.UnitBegan returned; nil without observers.
	Observed context.Context //nolint:containedctx // observers get it with each statement
}
