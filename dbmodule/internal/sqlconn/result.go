package sqlconn

import (
	"sync/atomic"
)

// Result lets a session follow the result of a query: a result that is still open when the
// session ends would keep the connection.
type Result struct {
	// User, if not nil, is told when the result is closed.
	User interface{ ResultClosed() }

	open atomic.Bool
	// stop and closed are for a *sql.Row, and nil for *sql.Rows. A session can't close a
	// row itself. It closes stop, which ends the row's context; then database/sql closes
	// the row, and the connection closes closed.
	stop, closed chan struct{}
}

// ForRow prepares for a result that is one row, which [Result.Stop] can close.
func (r *Result) ForRow() { r.stop, r.closed = make(chan struct{}), make(chan struct{}) }

// IsRow reports whether ForRow was called.
func (r *Result) IsRow() bool { return r.stop != nil }

// IsOpen reports whether the result was opened and is not closed.
func (r *Result) IsOpen() bool { return r.open.Load() }

// Stop has database/sql close the row, and waits until it is closed. It is called once, and
// only for an open row.
func (r *Result) Stop() {
	close(r.stop)
	<-r.closed
}

// ended is called once, by the connection, when the result is closed.
func (r *Result) ended() {
	r.open.Store(false)
	if r.User != nil {
		r.User.ResultClosed()
	}
	if r.closed != nil {
		close(r.closed)
	}
}
