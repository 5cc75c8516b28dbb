package httpmodule

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type timedKey struct{}

// newTimed is a context of 10 s over one that can be cancelled.
func newTimed(after time.Duration) (t *timed, cancel context.CancelCauseFunc) {
	parent, cancel := context.WithCancelCause(context.WithValue(context.Background(), timedKey{}, "value"))
	t = new(timed)
	t.begin(parent, after)
	return t, cancel
}

// A timed context ends as context's own do, whether somebody waits for it or not.
func TestTimedContextEnds(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, test := range map[string]struct {
		end         func(*timed, context.CancelCauseFunc)
		want, cause error
	}{
		"not yet":         {func(*timed, context.CancelCauseFunc) {}, nil, nil},
		"by its deadline": {func(*timed, context.CancelCauseFunc) { time.Sleep(10 * time.Second) }, context.DeadlineExceeded, context.DeadlineExceeded},
		"with its parent": {func(_ *timed, cancel context.CancelCauseFunc) { cancel(boom) }, context.Canceled, boom},
		"by itself":       {func(c *timed, _ context.CancelCauseFunc) { c.end() }, context.Canceled, context.Canceled},
		"twice":           {func(c *timed, _ context.CancelCauseFunc) { time.Sleep(11 * time.Second); c.end() }, context.DeadlineExceeded, context.DeadlineExceeded},
		"before its time": {func(c *timed, _ context.CancelCauseFunc) { c.end(); time.Sleep(11 * time.Second) }, context.Canceled, context.Canceled},
	} {
		for _, waits := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				c, cancel := newTimed(10 * time.Second)
				defer cancel(nil)
				defer c.end()
				child := context.Context(c)
				if waits {
					var stop context.CancelFunc
					child, stop = context.WithCancel(c)
					defer stop()
				}
				test.end(c, cancel)
				synctest.Wait()
				for range 2 {
					assert.Equal(t, test.want, c.Err(), name)
					assert.Equal(t, test.want, child.Err(), name)
					assert.Equal(t, test.cause, context.Cause(child), name)
					assert.Equal(t, test.want != nil, isDone(c), name)
				}
				assert.Equal(t, "value", child.Value(timedKey{}), name)
				deadline, ok := child.Deadline()
				assert.True(t, ok)
				assert.False(t, deadline.IsZero())
			})
		}
	}
}

func isDone(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return true
	default:
		return false
	}
}

func TestTimedContextHasTheEarlierDeadline(t *testing.T) {
	t.Parallel()
	early, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := new(timed)
	c.begin(early, time.Hour)
	want, _ := early.Deadline()
	got, ok := c.Deadline()
	require.True(t, ok)
	assert.Equal(t, want, got)
}

// A context that nobody waits for allocates nothing.
func TestTimedContextIsSparing(t *testing.T) { //nolint:paralleltest // it counts every allocation
	c, cancel := newTimed(time.Hour)
	defer cancel(nil)
	parent := c.Context
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		*c = timed{}
		c.begin(parent, time.Hour)
		_ = c.Err()
		c.end()
	}))
}
