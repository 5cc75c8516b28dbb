package dbmodule

import (
	"fmt"
)

// sealing is why a session is closed for good.
type sealing struct{ reason error }

// Active reports whether the session holds a connection: whether a statement
// ran since it was made, committed or rolled back, or for SELECTs that run by
// themselves (see [ReadOnly]), whether rows are open.
func (s *Session) Active() bool {
	if !s.mu.TryLock() {
		return true // in use at this moment
	}
	defer s.leave()
	return s.held != nil || s.results.open()
}

// Close rolls back what was not committed and releases the connection. It
// may be called any number of times; a closed session can be used again.
func (s *Session) Close() error {
	if !s.mu.TryLock() {
		return fmt.Errorf("dbmodule: close: %w", ErrConcurrentUse)
	}
	defer s.leave()
	return s.rollback()
}

// Seal closes the session for good: every later use returns reason. It is for
// owners whose unit of work has ended while others may still hold the
// session, such as an HTTP response that has begun.
//
// If another goroutine is inside a call of the session, Seal returns
// [ErrConcurrentUse]. The session is closed when that call returns.
func (s *Session) Seal(reason error) error {
	if reason == nil {
		reason = ErrSessionClosed
	}
	s.sealed.Store(&sealing{reason})
	if !s.mu.TryLock() {
		return fmt.Errorf("dbmodule: seal: %w", ErrConcurrentUse)
	}
	defer s.mu.Unlock()
	return s.rollback()
}

// enter admits one goroutine, which calls leave.
func (s *Session) enter() error {
	if !s.mu.TryLock() {
		return fmt.Errorf("dbmodule: session: %w", ErrConcurrentUse)
	}
	if sealed := s.sealed.Load(); sealed != nil {
		s.leave()
		return sealed.reason
	}
	s.noteStep()
	return nil
}

// leave lets others use the session. One that was sealed meanwhile is closed: nobody else
// is going to do that.
func (s *Session) leave() {
	s.mu.Unlock()
	if s.sealed.Load() == nil || !s.mu.TryLock() { // who has it leaves it too
		return
	}
	defer s.mu.Unlock()
	_ = s.rollback() // whoever sealed it was told that it was in use
}
