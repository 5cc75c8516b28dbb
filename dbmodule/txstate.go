package dbmodule

import (
	"fmt"

	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// txState follows the transaction of one connection: which savepoints are
// open and whether a statement failed since the innermost one.
type txState struct {
	inTx     bool
	readOnly bool
	// touched is set once a statement ran.
	touched bool
	// strict is set for a session's transactions: any error outside a
	// savepoint ends them, as SQLAlchemy's sessions and PostgreSQL do. Plain
	// bun.DB transactions keep Bun's behaviour.
	strict bool
	// lost is set when the server gave the whole transaction up by itself (a
	// deadlock on MySQL, a full disk on SQLite). Statements sent after that
	// would be stored one by one: none is let through.
	lost error
	// levels[0] is the transaction, the others its open savepoints.
	levels []txLevel
}

type txLevel struct {
	name   string
	failed error
}

func (s *txState) begin() {
	s.inTx, s.touched, s.lost = true, false, nil
	s.levels = append(s.levels[:0], txLevel{})
}

func (s *txState) end() {
	s.inTx, s.readOnly, s.lost = false, false, nil
	s.levels = s.levels[:0]
}

// pending is the error that keeps the transaction from being used or
// committed, nil when there is none.
func (s *txState) pending() error {
	if !s.inTx {
		return nil
	}
	cause := s.lost
	if cause == nil && s.strict {
		cause = s.levels[len(s.levels)-1].failed
	}
	if cause == nil {
		return nil
	}
	return fmt.Errorf("%w: first error: %w", ErrPendingRollback, cause)
}

// admits says whether a statement may be sent now.
func (s *txState) admits(d sqltext.Dialect, query string) error {
	if !s.inTx {
		return nil
	}
	err := s.pending()
	if err == nil {
		return nil
	}
	if verb, name := sqltext.SavepointOf(d, query); verb == sqltext.RollbackTo && s.lost == nil && s.find(name) >= 0 {
		return nil
	}
	return err
}

func (s *txState) failed(err error, wholeTx bool) {
	if !s.inTx {
		return
	}
	if wholeTx && s.lost == nil {
		s.lost = err
	}
	if top := &s.levels[len(s.levels)-1]; top.failed == nil {
		top.failed = err
	}
}

func (s *txState) succeeded(d sqltext.Dialect, query string) {
	if !s.inTx {
		return
	}
	s.touched = true
	switch verb, name := sqltext.SavepointOf(d, query); verb {
	case sqltext.Set:
		s.levels = append(s.levels, txLevel{name: name})
	case sqltext.Release:
		if i := s.find(name); i >= 0 {
			s.levels = s.levels[:i]
		}
	case sqltext.RollbackTo:
		if i := s.find(name); i >= 0 {
			s.levels = s.levels[:i+1]
			s.levels[i].failed = nil
		}
	}
}

// find returns the index of the innermost savepoint of that name, or -1.
func (s *txState) find(name string) int {
	for i := len(s.levels) - 1; i > 0; i-- {
		if s.levels[i].name == name {
			return i
		}
	}
	return -1
}
