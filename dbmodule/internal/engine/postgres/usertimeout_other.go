//go:build !linux

package postgres

import (
	"syscall"
	"time"
)

// userTimeout does nothing, as libpq does where the system has no such option.
func userTimeout(time.Duration) func(network, address string, c syscall.RawConn) error { return nil }
