package txstate

import (
	"fmt"
	"slices"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// State is the state of a connection's transaction. The zero value is no transaction. One
// goroutine at a time uses it.
type State struct {
	inTx    bool
	touched bool
	// lost is the error after which the server rolled back the whole transaction by itself
	// (a deadlock on MySQL, a full disk on SQLite). Each later statement would commit by
	// itself, so none is admitted.
	lost error
	// levels[0] is the transaction, the others are its open savepoints.
	levels []level
	// step counts the statements that ran in the transaction. undone are those of them that
	// were rolled back to a savepoint.
	step   int
	undone []span
	Mode
}

// span is the steps from one up to another, which is not among them.
type span struct{ from, to int }

// Mode is the kind of a transaction. The caller that begins one sets it.
type Mode struct {
	// ReadOnly is set for a transaction that refuses writes.
	ReadOnly bool
	// Strict is set for the transaction of a session: after an error outside a savepoint, it
	// can only be rolled back, as in SQLAlchemy and PostgreSQL. It is not set for the
	// transaction of a bun.DB, which keeps Bun's behaviour.
	Strict bool
}

type level struct {
	name   string
	failed error
	// began is the step of a savepoint.
	began int
}

// Begin notes that a transaction has begun.
func (s *State) Begin() {
	s.inTx, s.touched, s.lost = true, false, nil
	s.levels = append(s.levels[:0], level{})
	s.step, s.undone = 0, s.undone[:0]
}

// End notes that the transaction has ended, by COMMIT or ROLLBACK.
func (s *State) End() {
	s.inTx, s.ReadOnly, s.lost = false, false, nil
	s.levels = s.levels[:0]
}

// Reset forgets everything, for the connection's next user.
func (s *State) Reset() { *s = State{levels: s.levels[:0], undone: s.undone[:0]} }

// InTx reports whether there is a transaction.
func (s *State) InTx() bool { return s.inTx }

// Touched reports whether a statement ran in the transaction.
func (s *State) Touched() bool { return s.touched }

// Fresh reports whether nothing ran in the transaction and no savepoint is open, so that it
// can be begun again.
func (s *State) Fresh() bool { return !s.touched && len(s.levels) == 1 }

// Pending returns the error because of which the transaction can only be rolled back, nil
// for none.
func (s *State) Pending() error {
	if !s.inTx {
		return nil
	}
	cause := s.lost
	if cause == nil && s.Strict {
		cause = s.levels[len(s.levels)-1].failed
	}
	if cause == nil {
		return nil
	}
	return fmt.Errorf("%w: first error: %w", dberr.ErrPendingRollback, cause)
}

// Admits returns nil if a statement may be sent now, or the reason why not. ROLLBACK TO the
// savepoint in which a statement failed may be sent.
func (s *State) Admits(d sqltext.Dialect, query string) error {
	err := s.Pending()
	if err == nil {
		return nil
	}
	if verb, name := sqltext.SavepointOf(d, query); verb == sqltext.RollbackTo && s.lost == nil && s.find(name) >= 0 {
		return nil
	}
	return err
}

// Failed notes the error of a statement. whole is set if the whole transaction is lost.
func (s *State) Failed(err error, whole bool) {
	if !s.inTx {
		return
	}
	if whole && s.lost == nil {
		s.lost = err
	}
	if top := &s.levels[len(s.levels)-1]; top.failed == nil {
		top.failed = err
	}
}

// Succeeded notes a statement that ran. It may have begun or ended a savepoint.
func (s *State) Succeeded(d sqltext.Dialect, query string) {
	if !s.inTx {
		return
	}
	s.touched = true
	s.step++
	switch verb, name := sqltext.SavepointOf(d, query); verb {
	case sqltext.Set:
		s.levels = append(s.levels, level{name: name, began: s.step})
	case sqltext.Release:
		if i := s.find(name); i >= 0 {
			s.levels = s.levels[:i]
		}
	case sqltext.RollbackTo:
		if i := s.find(name); i >= 0 {
			s.levels = s.levels[:i+1]
			s.levels[i].failed = nil
			s.undone = append(s.undone, span{s.levels[i].began, s.step})
		}
	}
}

// Step is how many statements ran in the transaction so far.
func (s *State) Step() int { return s.step }

// Undid reports whether what was done at a step was rolled back to a savepoint since.
func (s *State) Undid(step int) bool {
	return slices.ContainsFunc(s.undone, func(undone span) bool { return undone.from <= step && step < undone.to })
}

// find returns the index of the innermost savepoint of that name, or -1.
func (s *State) find(name string) int {
	for i := len(s.levels) - 1; i > 0; i-- {
		if s.levels[i].name == name {
			return i
		}
	}
	return -1
}
