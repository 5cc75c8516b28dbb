package deadline_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/internal/deadline"
)

// asked counts who waits for its end.
type asked struct {
	context.Context
	times atomic.Int64
}

func (a *asked) Done() <-chan struct{} {
	a.times.Add(1)
	return a.Context.Done()
}

// A driver waits for the limit's context. The caller's, whose end may cost a timer, is waited
// for only when the answer takes long.
func TestCallerIsWatchedOnceAnAnswerTakesLong(t *testing.T) {
	inBubble(t, func(t *testing.T, timer *deadline.Timer) {
		ctx, leave := context.WithCancel(t.Context())
		caller := &asked{Context: ctx}
		for range 10 {
			l := deadline.New(caller, nil, time.Minute, timer)
			_ = l.Context().Done()
			time.Sleep(time.Millisecond)
			l.End()
			time.Sleep(3 * time.Millisecond) // others use the timer meanwhile
		}
		assert.Zero(t, caller.times.Load(), "each answer came soon")

		l := deadline.New(caller, nil, time.Minute, timer)
		done := l.Context().Done()
		time.Sleep(10 * time.Millisecond)
		assert.NotZero(t, caller.times.Load())
		began := time.Now()
		leave()
		<-done
		assert.Zero(t, time.Since(began), "at once")
		assert.False(t, l.Late())
		l.End()
	})
}

// What a driver makes of the limit's context ends with it.
func TestContextsOfADriver(t *testing.T) {
	inBubble(t, func(t *testing.T, timer *deadline.Timer) {
		ctx, leave := context.WithCancelCause(t.Context())
		l := deadline.New(ctx, nil, time.Minute, timer)
		child, cancel := context.WithCancel(l.Context())
		defer cancel()
		var ran, stopped atomic.Int64
		context.AfterFunc(l.Context(), func() { ran.Add(1) })
		stop := context.AfterFunc(l.Context(), func() { stopped.Add(1) })
		assert.True(t, stop())
		assert.False(t, stop(), "it was stopped before")

		why := errors.New("why")
		leave(why)
		<-child.Done()
		synctest.Wait()
		assert.EqualValues(t, 1, ran.Load())
		assert.Zero(t, stopped.Load())
		require.ErrorIs(t, l.Context().Err(), context.Canceled)
		assert.Equal(t, why, context.Cause(child))
		assert.False(t, l.Late())

		context.AfterFunc(l.Context(), func() { ran.Add(1) })
		synctest.Wait()
		assert.EqualValues(t, 2, ran.Load(), "one that comes later runs at once")
		l.End()
	})
}

// A context that has ended is one before anybody waits.
func TestCallerHasLeft(t *testing.T) {
	inBubble(t, func(t *testing.T, timer *deadline.Timer) {
		ctx, leave := context.WithDeadline(t.Context(), time.Now())
		defer leave()
		<-ctx.Done()
		l := deadline.New(ctx, nil, time.Minute, timer)
		select {
		case <-l.Context().Done():
		default:
			t.Error("it has not ended")
		}
		require.ErrorIs(t, l.Context().Err(), context.DeadlineExceeded)
		l.End()
		require.ErrorIs(t, l.Context().Err(), context.DeadlineExceeded, "the first reason stays")
		at, ok := l.Context().Deadline()
		want, _ := ctx.Deadline()
		assert.True(t, ok)
		assert.Equal(t, want, at)
	})
}
