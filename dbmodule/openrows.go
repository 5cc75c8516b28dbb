package dbmodule

import (
	"context"
	"database/sql"
	"sync/atomic"
	"time"
)

// openRows is a result that its session follows: what is still open at its end
// would keep the connection.
type openRows struct {
	rows *sql.Rows
	open atomic.Bool
	// A row can only be closed by its user, and by database/sql when the context
	// ends that cancel ends; closed tells when that is done. The driver has the
	// caller's own: it would give the connection up.
	cancel    context.CancelFunc
	closed    chan struct{}
	forDriver context.Context
}

// close closes the result if it is open. It may be called again.
func (o *openRows) close() {
	switch {
	case o.cancel == nil && o.open.Load():
		_ = o.rows.Close() // whoever reads on is told
	case o.cancel != nil:
		o.cancel()
		if o.open.Load() {
			<-o.closed
		}
	}
}

// ended is called by the driver when the result is closed, once.
func (o *openRows) ended() {
	o.open.Store(false)
	if o.closed != nil {
		close(o.closed)
	}
}

// followed is the context that database/sql gets for a query of a builder in a
// session's transaction. It can't be done: database/sql would keep a goroutine and
// a context for each result, to close it when its context ends. The driver obeys
// the caller's by itself.
type followed struct {
	openRows
	caller context.Context
}

func (*followed) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }
func (*followed) Done() <-chan struct{}                   { return nil }
func (*followed) Err() error                              { return nil }
func (f *followed) Value(key any) any                     { return f.caller.Value(key) }

// queryInTx runs a query of a builder in the session's transaction.
func (s *Session) queryInTx(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	f := &followed{caller: ctx}
	return s.queryHeld(&f.openRows, func() (*sql.Rows, error) {
		return s.held.conn.Conn.QueryContext(f, query, args...)
	})
}

// queryHeld runs a query on the connection that the session has.
func (s *Session) queryHeld(result *openRows, run func() (*sql.Rows, error)) (*sql.Rows, error) {
	s.held.raw.following = result
	rows, err := run()
	s.held.raw.following = nil // if it did not come that far
	if err != nil {
		return nil, err
	}
	result.rows = rows
	s.follow(result)
	return rows, nil
}

// queryRowHeld runs a query for one row on the connection that the session has.
func (s *Session) queryRowHeld(ctx context.Context, run func(context.Context) *sql.Row) *sql.Row {
	cancelled, cancel := context.WithCancel(ctx)
	result := &openRows{cancel: cancel, closed: make(chan struct{}), forDriver: ctx}
	s.held.raw.following = result
	row := run(cancelled)
	s.held.raw.following = nil
	s.follow(result)
	return row
}

// follow remembers a result, and forgets those that are closed.
func (s *Session) follow(result *openRows) {
	kept := s.results[:0]
	for _, one := range s.results {
		if one.open.Load() {
			kept = append(kept, one)
		} else {
			one.close()
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
// goroutine reads from is waited for: its context has ended, or is about to.
func (s *Session) closeResults() {
	for i, one := range s.results {
		one.close()
		s.results[i] = nil
	}
	s.results = s.results[:0]
}
