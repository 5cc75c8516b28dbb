package deadline_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/internal/deadline"
)

// inBubble runs a test in virtual time, with a timer that it closes.
func inBubble(t *testing.T, test func(t *testing.T, timer *deadline.Timer)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var timer deadline.Timer
		test(t, &timer)
		timer.Close()
	})
}

func TestLateAnswer(t *testing.T) {
	inBubble(t, func(t *testing.T, timer *deadline.Timer) {
		l := deadline.New(t.Context(), nil, time.Second, timer)
		began := time.Now()
		<-l.Context().Done()
		assert.Equal(t, time.Second, time.Since(began))
		assert.True(t, l.Late())
		require.NoError(t, l.Caller().Err())
		l.End()
	})
}

func TestAnswerInTime(t *testing.T) {
	inBubble(t, func(t *testing.T, timer *deadline.Timer) {
		l := deadline.New(t.Context(), nil, time.Second, timer)
		time.Sleep(999 * time.Millisecond)
		l.Stop()
		time.Sleep(time.Hour)
		require.NoError(t, l.Context().Err(), "the time between two answers is the caller's")
		l.Start(0)
		time.Sleep(999 * time.Millisecond)
		require.NoError(t, l.Context().Err())
		time.Sleep(2 * time.Millisecond)
		assert.True(t, l.Late(), "the second answer has a time of its own")
	})
}

// The timer fires for the first statement while a later one runs.
func TestEachStatementHasItsOwnTime(t *testing.T) {
	inBubble(t, func(t *testing.T, timer *deadline.Timer) {
		first := deadline.New(t.Context(), nil, 3*time.Second, timer)
		first.End()
		time.Sleep(2 * time.Second)
		second := deadline.New(t.Context(), nil, 3*time.Second, timer)
		began := time.Now()
		time.Sleep(2 * time.Second) // beyond the time of the first
		require.NoError(t, second.Context().Err())
		<-second.Context().Done()
		assert.Equal(t, 3*time.Second, time.Since(began))
		assert.True(t, second.Late())
		assert.False(t, first.Context().Err() == nil, "End gives the context up")
	})
}

// The timer is set for a longer time when a shorter one begins.
func TestShorterTimeAfterALongerOne(t *testing.T) {
	inBubble(t, func(t *testing.T, timer *deadline.Timer) {
		deadline.New(t.Context(), nil, time.Hour, timer).End()
		l := deadline.New(t.Context(), nil, time.Second, timer)
		began := time.Now()
		<-l.Context().Done()
		assert.Equal(t, time.Second, time.Since(began))
	})
}

func TestStartWithLessTime(t *testing.T) {
	inBubble(t, func(t *testing.T, timer *deadline.Timer) {
		for asked, want := range map[time.Duration]time.Duration{time.Second: time.Second, time.Hour: time.Minute, 0: time.Minute, -1: time.Minute} {
			l := deadline.New(t.Context(), nil, time.Minute, timer)
			l.Stop()
			began := time.Now()
			l.Start(asked)
			<-l.Context().Done()
			assert.Equal(t, want, time.Since(began), "asked for %s", asked)
		}
	})
}

// What the caller does between two answers is not the database's time.
func TestWaited(t *testing.T) {
	inBubble(t, func(t *testing.T, timer *deadline.Timer) {
		deadline.New(t.Context(), nil, time.Hour, timer).End()
		time.Sleep(time.Hour)
		for _, after := range []time.Duration{time.Hour, 0} {
			l := deadline.New(t.Context(), nil, after, timer)
			l.Measure()
			assert.Zero(t, l.Waited())
			time.Sleep(2 * time.Second)
			assert.Equal(t, 2*time.Second, l.Waited(), "an answer is awaited")
			time.Sleep(time.Second)
			l.Stop()
			time.Sleep(time.Minute)
			assert.Equal(t, 3*time.Second, l.Waited(), "none is")
			l.Stop()
			l.Start(0)
			time.Sleep(4 * time.Second)
			l.End()
			time.Sleep(time.Minute)
			assert.Equal(t, 7*time.Second, l.Waited())
			l.Start(0)
			l.Measure()
			time.Sleep(5 * time.Second)
			assert.Equal(t, 5*time.Second, l.Waited(), "of another statement, such as COMMIT")
			l.End()
		}
	})
}

// A limit that was given up does not stop the one that came after it.
func TestEndOfAnOtherLimit(t *testing.T) {
	inBubble(t, func(t *testing.T, timer *deadline.Timer) {
		first := deadline.New(t.Context(), nil, time.Second, timer)
		second := deadline.New(t.Context(), nil, time.Second, timer)
		first.End()
		<-second.Context().Done()
		assert.True(t, second.Late())
	})
}

func TestCallerLeaves(t *testing.T) {
	inBubble(t, func(t *testing.T, timer *deadline.Timer) {
		ctx, leave := context.WithCancel(t.Context())
		l := deadline.New(ctx, nil, time.Second, timer)
		leave()
		<-l.Context().Done()
		assert.False(t, l.Late(), "the caller left before the time was up")
	})
}

func TestNoTimeLimit(t *testing.T) {
	inBubble(t, func(t *testing.T, timer *deadline.Timer) {
		for _, after := range []time.Duration{0, -1} {
			l := deadline.New(t.Context(), nil, after, timer)
			l.Start(time.Millisecond)
			time.Sleep(time.Hour)
			require.NoError(t, l.Context().Err())
			assert.Zero(t, l.After())
			l.Stop()
			l.End()
		}
	})
}

// A context that is made in another way is ended by what came with it.
func TestDerivedContext(t *testing.T) {
	inBubble(t, func(t *testing.T, timer *deadline.Timer) {
		type key struct{}
		ended := 0
		derive := func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(context.WithValue(ctx, key{}, "derived"))
			return ctx, func() { ended++; cancel() }
		}
		l := deadline.New(t.Context(), derive, time.Second, timer)
		assert.Equal(t, "derived", l.Context().Value(key{}))
		<-l.Context().Done()
		assert.Equal(t, 1, ended)
		l = deadline.New(t.Context(), derive, 0, timer)
		l.End()
		assert.Equal(t, 2, ended, "without a time limit too")
	})
}

// After Close nothing fires any more.
func TestSever(t *testing.T) {
	inBubble(t, func(t *testing.T, timer *deadline.Timer) {
		early := deadline.New(t.Context(), nil, time.Second, timer)
		early.Stop()
		l := deadline.New(t.Context(), nil, 0, timer)
		assert.False(t, l.Severed())
		timer.Sever()
		require.Error(t, l.Context().Err(), "without a time limit too")
		assert.True(t, l.Severed())
		require.NoError(t, early.Context().Err(), "nobody waits")
		early.Start(0)
		require.Error(t, early.Context().Err())
		assert.True(t, early.Severed())
		assert.True(t, deadline.New(t.Context(), nil, time.Second, timer).Severed())
	})
}

func TestClose(t *testing.T) {
	inBubble(t, func(t *testing.T, timer *deadline.Timer) {
		l := deadline.New(t.Context(), nil, time.Second, timer)
		timer.Close()
		time.Sleep(time.Hour)
		require.NoError(t, l.Context().Err())
		var unused deadline.Timer
		unused.Close()
	})
}

// A statement costs no timer: the one of the connection is not set for each.
func BenchmarkStatement(b *testing.B) {
	var timer deadline.Timer
	defer timer.Close()
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		deadline.New(ctx, nil, time.Minute, &timer).End()
	}
}
