package retry

import (
	"context"
	"database/sql/driver"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/openhands-go/server/dbmodule/dberr"
)

// Retryable reports whether a whole unit of work may run again after err: nothing
// of it is stored, and the cause passes. A COMMIT without an answer may have
// stored it, and whoever waited for a connection in vain would wait again.
func Retryable(err error) bool {
	if errors.Is(err, dberr.ErrCommitUnknown) || errors.Is(err, dberr.ErrPoolTimeout) {
		return false
	}
	return errors.Is(err, dberr.ErrConflict) || errors.Is(err, dberr.ErrUnavailable) || errors.Is(err, driver.ErrBadConn)
}

const (
	// The pause between two attempts grows from minPause to maxPause.
	minPause = 5 * time.Millisecond
	maxPause = time.Second
)

// Pause waits before attempt+1. The longest pause doubles with each attempt, and
// any shorter one is as likely, so that units of work that met do not meet
// again. It grows from what the attempt took: on a busy server those that met
// are slow to be done. Pause returns false when ctx ended first.
func Pause(ctx context.Context, attempt int, took time.Duration) bool {
	longest := min(min(max(took, minPause), maxPause)<<min(attempt, 10), maxPause)
	timer := time.NewTimer(rand.N(longest)) //nolint:gosec // jitter needs no secret
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
