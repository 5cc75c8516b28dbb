package dbmodule

import (
	"database/sql"
	"sync/atomic"
)

// openRows is a result that its session follows: what is still open at its end
// would keep the connection.
type openRows struct {
	rows *sql.Rows
	open atomic.Bool
	// A row can only be closed by its user, and by database/sql once stop is closed;
	// closed tells when that is done. Both are nil for a result of many rows.
	stop, closed chan struct{}
	// whenClosed, if not nil, is called when the result is closed.
	whenClosed func()
}

// newOpenRow follows a result that is one row.
func newOpenRow() *openRows {
	return &openRows{stop: make(chan struct{}), closed: make(chan struct{})}
}

// close closes the result if it is open. It may be called again.
func (o *openRows) close() {
	if !o.open.Load() {
		return
	}
	if o.stop == nil {
		_ = o.rows.Close() // whoever reads on is told
		return
	}
	close(o.stop)
	<-o.closed
}

// ended is called by the connection when the result is closed, once.
func (o *openRows) ended() {
	o.open.Store(false)
	if o.whenClosed != nil {
		o.whenClosed()
	}
	if o.closed != nil {
		close(o.closed)
	}
}

// follow remembers a result, and forgets those that are closed.
func (s *Session) follow(result *openRows) {
	kept := s.results[:0]
	for _, one := range s.results {
		if one.open.Load() {
			kept = append(kept, one)
		}
	}
	clear(s.results[len(kept):])
	if kept == nil {
		kept = s.oneResult[:0]
	}
	s.results = append(kept, result)
}

// reads reports whether a result is open.
func (s *Session) reads() bool {
	for _, one := range s.results {
		if one.open.Load() {
			return true
		}
	}
	return false
}

// closeResults closes the results that are still open. One that another
// goroutine reads from is waited for.
func (s *Session) closeResults() {
	for i, one := range s.results {
		one.close()
		s.results[i] = nil
	}
	s.results = s.results[:0]
}
