package postgres

import (
	"errors"
	"syscall"
	"time"
)

// tcpUserTimeout is Linux's number of the socket option.
const tcpUserTimeout = 0x12

// userTimeout sets how long sent data may stay unacknowledged.
func userTimeout(limit time.Duration) func(network, address string, c syscall.RawConn) error {
	return func(network, _ string, c syscall.RawConn) (err error) {
		if network == "unix" {
			return nil
		}
		controlErr := c.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(limit.Milliseconds()))
		})
		return errors.Join(err, controlErr)
	}
}
