package sqlconn

import (
	"context"

	"github.com/openhands-go/server/dbmodule/observe"
)

// Unit is the unit of work that has a connection, as those know it who are told of its
// statements. The zero value is none.
type Unit struct {
	observe.UnitOfWork
	// Observed is what observers made of the first statement's context; nil without
	// observers.
	Observed context.Context //nolint:containedctx // it is handed to observers with each statement
}
