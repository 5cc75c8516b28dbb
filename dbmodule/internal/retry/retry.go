package retry

import (
	"context"
	"database/sql/driver"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/openhands-go/server/dbmodule/dberr"
)

// Retryable reports whether a whole unit of work may run again after err: nothing of it is
// stored, and it may succeed the next time. It may not run again after a COMMIT without an
// answer, which may have stored it, nor after a pool timeout: it would only wait again.
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

// Pause waits before attempt+1. The pause is random, so that two units of work that met in a
// conflict do not meet again. The longest possible pause doubles with each attempt, up to
// maxPause. It starts from took, the time that the attempt took: on a busy server the other
// unit of work is slow, too. Pause returns false if ctx ended first.
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
