package sqlconn

import (
	"github.com/openhands-go/server/dbmodule/internal/querylog"
	"github.com/openhands-go/server/dbmodule/observe"
)

// Listeners are told what connections do; the zero value is nobody.
type Listeners struct {
	// Log is the log of statements, nil for none. It is told of all statements, and
	// sees the values in them if ShowsValues is set. Rows logs the rows of results,
	// nil for none.
	Log         observe.Observer
	ShowsValues bool
	Rows        querylog.RowFunc
	Observers   observe.Observers
}
