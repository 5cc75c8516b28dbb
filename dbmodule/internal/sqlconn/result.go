package sqlconn

import (
	"sync/atomic"
)

// Result is the result of a query, as the session knows it that follows it: what is
// still open at its end would keep the connection.
type Result struct {
	// User, if not nil, is told when the result is closed.
	User interface{ ResultClosed() }

	open atomic.Bool
	// A row can only be closed by its user, and by database/sql once stop is closed;
	// closed tells when that is done. Both are nil for a result of many rows.
	stop, closed chan struct{}
}

// ForRow prepares for a result that is one row, which [Result.Stop] can close.
func (r *Result) ForRow() { r.stop, r.closed = make(chan struct{}), make(chan struct{}) }

// IsRow reports whether ForRow was called.
func (r *Result) IsRow() bool { return r.stop != nil }

// IsOpen reports whether the result was opened and is not closed.
func (r *Result) IsOpen() bool { return r.open.Load() }

// Stop has database/sql close a row, and waits until it has. It is called once, for a
// row that is open.
func (r *Result) Stop() {
	close(r.stop)
	<-r.closed
}

// ended is called by the connection when the result is closed, once.
func (r *Result) ended() {
	r.open.Store(false)
	if r.User != nil {
		r.User.ResultClosed()
	}
	if r.closed != nil {
		close(r.closed)
	}
}
