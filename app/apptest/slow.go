package apptest

import "net/http/httptest"

// SlowClient is a client that takes nothing of an answer's body until it may.
type SlowClient struct {
	*httptest.ResponseRecorder
	begun chan<- int
	leave <-chan struct{}
}

// NewSlowClient makes a SlowClient that takes what it is given once leave is closed. begun gets the
// size of each piece that it is given, in bytes, as it comes, and must have room for all.
func NewSlowClient(begun chan<- int, leave <-chan struct{}) *SlowClient {
	return &SlowClient{httptest.NewRecorder(), begun, leave}
}

// Write implements http.ResponseWriter.
func (c *SlowClient) Write(b []byte) (int, error) {
	c.begun <- len(b)
	<-c.leave
	return c.ResponseRecorder.Write(b)
}
