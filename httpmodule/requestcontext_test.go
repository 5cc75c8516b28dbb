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

type testKey struct{}

// newRequestContext is a context of 10 s over one that can be cancelled.
func newRequestContext(after time.Duration) (t *requestContext, cancel context.CancelCauseFunc) {
	parent, cancel := context.WithCancelCause(context.WithValue(context.Background(), testKey{}, "value"))
	t = new(requestContext)
	t.Context = parent
	t.setTimeout(after)
	return t, cancel
}

// A timed context ends as context's own do, whether somebody waits for it or not.
func TestTimedContextEnds(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, test := range map[string]struct {
		end         func(*requestContext, context.CancelCauseFunc)
		want, cause error
	}{
		"not yet":         {func(*requestContext, context.CancelCauseFunc) {}, nil, nil},
		"by its deadline": {func(*requestContext, context.CancelCauseFunc) { time.Sleep(10 * time.Second) }, context.DeadlineExceeded, context.DeadlineExceeded},
		"with its parent": {func(_ *requestContext, cancel context.CancelCauseFunc) { cancel(boom) }, context.Canceled, boom},
		"by itself":       {func(c *requestContext, _ context.CancelCauseFunc) { c.end() }, context.Canceled, context.Canceled},
		"twice":           {func(c *requestContext, _ context.CancelCauseFunc) { time.Sleep(11 * time.Second); c.end() }, context.DeadlineExceeded, context.DeadlineExceeded},
		"before its time": {func(c *requestContext, _ context.CancelCauseFunc) { c.end(); time.Sleep(11 * time.Second) }, context.Canceled, context.Canceled},
	} {
		for _, waits := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				c, cancel := newRequestContext(10 * time.Second)
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
				assert.Equal(t, "value", child.Value(testKey{}), name)
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
	c := new(requestContext)
	c.Context = early
	c.setTimeout(time.Hour)
	want, _ := early.Deadline()
	got, ok := c.Deadline()
	require.True(t, ok)
	assert.Equal(t, want, got)
}

// A context that nobody waits for allocates nothing.
func TestTimedContextIsSparing(t *testing.T) { //nolint:paralleltest // it counts every allocation
	c, cancel := newRequestContext(time.Hour)
	defer cancel(nil)
	parent := c.Context
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		*c = requestContext{Context: parent}
		c.setTimeout(time.Hour)
		_ = c.Err()
		c.end()
	}))
}

// Somebody who waits already would not learn of a deadline that comes later.
func TestTimedContextTakesNoDeadlineOnceAwaited(t *testing.T) {
	t.Parallel()
	c := &requestContext{Context: t.Context()}
	require.NoError(t, c.Err())
	_, ok := c.Deadline()
	assert.False(t, ok)
	child, stop := context.WithCancel(c)
	defer stop()
	assert.False(t, c.setTimeout(time.Hour))
	_, ok = c.Deadline()
	assert.False(t, ok)
	c.end()
	<-child.Done()
	assert.Equal(t, context.Canceled, c.Err())
}

// Whatever middleware did to the context of a request, it has a deadline.
func TestDeadlineReachesWhatMiddlewarePutsIntoTheRequest(t *testing.T) {
	t.Parallel()
	for name, put := range map[string]func(context.Context) context.Context{
		"nothing":                    func(ctx context.Context) context.Context { return ctx },
		"a value":                    func(ctx context.Context) context.Context { return context.WithValue(ctx, testKey{}, 1) },
		"one that somebody awaits":   func(ctx context.Context) context.Context { ctx.Done(); return ctx },
		"one that outlives requests": context.WithoutCancel,
	} {
		own := &requestContext{Context: t.Context()}
		defer own.end()
		ctx, end := new(Server).withLimits(put(own), Limits{RequestTimeout: time.Hour}, own)
		at, ok := ctx.Deadline()
		assert.True(t, ok, name)
		assert.WithinDuration(t, time.Now().Add(time.Hour), at, time.Minute, name)
		if end != nil {
			end()
			require.Error(t, ctx.Err(), name)
		}
	}
}
