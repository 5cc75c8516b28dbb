package sqlconn

import (
	"github.com/openhands-go/server/dbmodule/internal/querylog"
	"github.com/openhands-go/server/dbmodule/observe"
)

// Listeners are told what connections do; the zero value is nobody.
type Listeners struct {
	// Log is the statement log, nil for none. It gets every statement, with its values if
	// ShowsValues is set. Rows logs the rows of results, nil for none.
	Log         *querylog.Log
	ShowsValues bool
	Rows        querylog.RowFunc
	Observers   observe.Observers
}
