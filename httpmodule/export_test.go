package httpmodule

// BreakListener makes serving fail, as a network that goes away would.
func BreakListener(s *Server) { _ = s.running.listener.Close() }
