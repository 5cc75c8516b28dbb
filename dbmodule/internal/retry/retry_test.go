package retry_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/internal/retry"
)

func TestRetryable(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		dberr.ErrConflict:                      true,
		dberr.ErrUnavailable:                   true,
		&dberr.Error{Kind: dberr.ErrConflict}:  true,
		fmt.Errorf("x: %w", dberr.ErrConflict): true,
		driver.ErrBadConn:                      true,
		dberr.ErrUnique:                        false,
		dberr.ErrTimeout:                       false,
		dberr.ErrPendingRollback:               false,
		dberr.ErrReadOnly:                      false,
		context.Canceled:                       false,
		errors.New("made up"):                  false,
		fmt.Errorf("%w: %w", dberr.ErrCommitUnknown, dberr.ErrUnavailable): false,
		fmt.Errorf("%w: %w", dberr.ErrPoolTimeout, dberr.ErrUnavailable):   false,
	} {
		assert.Equal(t, want, retry.Retryable(err), "%v", err)
	}
	assert.False(t, retry.Retryable(nil))
}

// The longest pause doubles, from the time that the attempt took up to a second.
func TestPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			attempt       int
			took, longest time.Duration
		}{
			{1, 0, 10 * time.Millisecond},
			{2, time.Millisecond, 20 * time.Millisecond},
			{1, 40 * time.Millisecond, 80 * time.Millisecond},
			{3, 40 * time.Millisecond, 320 * time.Millisecond},
			{20, time.Nanosecond, time.Second},
			{1, time.Hour, time.Second},
			{1000, 0, time.Second},
		} {
			var longest time.Duration
			seen := map[time.Duration]bool{}
			for range 200 {
				began := time.Now()
				assert.True(t, retry.Pause(t.Context(), test.attempt, test.took))
				longest = max(longest, time.Since(began))
				seen[time.Since(began)] = true
			}
			assert.Less(t, longest, test.longest, "attempt %d after %s", test.attempt, test.took)
			assert.Greater(t, longest, test.longest/2, "attempt %d after %s", test.attempt, test.took)
			assert.Greater(t, len(seen), 100, "pauses differ")
		}
	})
}

func TestPauseEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		leave()
		began := time.Now()
		assert.False(t, retry.Pause(ctx, 10, time.Second))
		assert.Zero(t, time.Since(began))
	})
}
