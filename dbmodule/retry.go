package dbmodule

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// retryable tells errors after which a whole unit of work may run again:
// nothing of it is stored and the cause passes.
func retryable(err error) bool {
	if errors.Is(err, ErrCommitUnknown) || errors.Is(err, ErrPoolTimeout) {
		return false
	}
	return errors.Is(err, ErrConflict) || isUnavailable(err)
}

const (
	// minPause and maxPause bound what the pause between two attempts grows
	// from and to.
	minPause = 5 * time.Millisecond
	maxPause = time.Second
)

// pause waits before attempt+1: twice as long each time, with full jitter so
// that units of work that met do not meet again. It grows from what the
// attempt took: on a busy server those that met are slow to be done. It
// reports false when ctx ended first.
func pause(ctx context.Context, attempt int, took time.Duration) bool {
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
