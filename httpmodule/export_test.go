package httpmodule

// BreakListener makes serving fail, as a network that goes away would.
func BreakListener(s *Server) { _ = s.running.listener.Close() }

// BudgetSize is how many bytes a server's requests share.
func BudgetSize(s *Server) int64 { return s.budget.size }
