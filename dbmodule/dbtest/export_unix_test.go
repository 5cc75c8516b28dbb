//go:build unix

package dbtest

// Family lists the processes of a server.
func (s *Server) Family() ([]int, error) {
	found, err := children(s.process.pid)
	return append(found, s.process.pid), err
}
