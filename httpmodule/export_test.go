package httpmodule

import "time"

// BreakListener makes serving fail, as a network that goes away would.
func BreakListener(s *Server) { _ = s.running.listener.Close() }

// BudgetSize is how many bytes a server's requests share.
func BudgetSize(s *Server) int64 { return s.budget.size }

// AgeWriteFailure makes the last failure of a write one that was long ago.
func AgeWriteFailure(s *Server) {
	s.writes.mu.Lock()
	defer s.writes.mu.Unlock()
	s.writes.at = s.writes.at.Add(-writeFailureAge - time.Second)
}
