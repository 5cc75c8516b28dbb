package dbmodule

import (
	"database/sql"

	"github.com/openhands-go/server/dbmodule/internal/sqlconn"
)

// openRows is a result that its session follows: what is still open at its end
// would keep the connection.
type openRows struct {
	sqlconn.Result
	rows *sql.Rows // nil for one row
}

// close closes the result if it is open. It may be called again.
func (o *openRows) close() {
	switch {
	case !o.IsOpen():
	case o.IsRow():
		o.Stop()
	default:
		_ = o.rows.Close() // whoever reads on is told
	}
}

// follow remembers a result, and forgets those that are closed.
func (s *Session) follow(result *openRows) {
	kept := s.results[:0]
	for _, one := range s.results {
		if one.IsOpen() {
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
		if one.IsOpen() {
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
