package servertest_test

import "testing"

// The example runs as the test that it is.
func TestHello(t *testing.T) {
	t.Parallel()
	hello(t)
}
