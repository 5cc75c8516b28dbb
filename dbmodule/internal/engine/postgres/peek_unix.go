//go:build unix

package postgres

import (
	"errors"
	"syscall"
)

// nothingToRead reports whether a socket is open and nothing has arrived that was
// not read yet.
func nothingToRead(fd uintptr) bool {
	var one [1]byte
	_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK)
	return errors.Is(err, syscall.EAGAIN)
}
