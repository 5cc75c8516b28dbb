package apptest

import "net/http/httptest"

// SlowClient is an http.ResponseWriter whose Write blocks.
type SlowClient struct {
	*httptest.ResponseRecorder
	begun chan<- int
	leave <-chan struct{}
}

// NewSlowClient makes a SlowClient whose Write blocks until leave is closed. Each Write first sends its
// size in bytes to begun, which must have room for all of them.
func NewSlowClient(begun chan<- int, leave <-chan struct{}) *SlowClient {
	return &SlowClient{httptest.NewRecorder(), begun, leave}
}

// Write implements http.ResponseWriter.
func (c *SlowClient) Write(b []byte) (int, error) {
	c.begun <- len(b)
	<-c.leave
	return c.ResponseRecorder.Write(b)
}
