package pool_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/internal/pool"
)

// server makes connections and counts them.
type server struct {
	opened, closed, asked atomic.Int64
	err                   error
}

type conn struct {
	*server
	n        int64
	unsound  bool // it is not to be used again
	stale    bool // it does not get ready
	closings atomic.Int64
	used     atomic.Int64
}

func (s *server) open(ctx context.Context) (*conn, error) {
	if err := errors.Join(s.err, ctx.Err()); err != nil {
		return nil, err
	}
	return &conn{server: s, n: s.opened.Add(1)}, nil
}

func (c *conn) Checkout(_ context.Context, _ time.Duration, ping bool) error {
	if ping {
		c.asked.Add(1)
	}
	if c.stale {
		return errors.New("it is stale")
	}
	return nil
}

func (c *conn) Checkin() bool { return !c.unsound }

func (c *conn) Close() error {
	if c.closings.Add(1) == 1 {
		c.closed.Add(1)
	}
	return nil
}

func newPool(limits pool.Limits) (*server, *pool.Pool[*conn]) {
	s := new(server)
	return s, pool.New(limits, s.open)
}

func acquire(t *testing.T, p *pool.Pool[*conn]) *pool.Lease[*conn] {
	t.Helper()
	l, err := p.Acquire(t.Context(), time.Minute, pool.User{})
	require.NoError(t, err)
	return l
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	s, p := newPool(pool.Limits{Size: 2, Overflow: 1})
	one := acquire(t, p)
	assert.False(t, one.Reused())
	n := one.Conn().n
	require.NoError(t, one.Release())
	require.NoError(t, one.Release(), "a second time does nothing")
	again := acquire(t, p)
	assert.True(t, again.Reused())
	assert.Equal(t, n, again.Conn().n)
	assert.Equal(t, 1, p.Stats().InUse)
	require.NoError(t, again.Release())
	assert.EqualValues(t, 1, s.opened.Load())
}

func TestOverflowIsClosedWhenItIsGivenBack(t *testing.T) {
	t.Parallel()
	s, p := newPool(pool.Limits{Size: 2, Overflow: 1})
	leases := []*pool.Lease[*conn]{acquire(t, p), acquire(t, p), acquire(t, p)}
	for _, l := range leases {
		require.NoError(t, l.Release())
	}
	stats := p.Stats()
	assert.Equal(t, 2, stats.Idle)
	assert.EqualValues(t, 1, stats.MaxIdleClosed)
	assert.EqualValues(t, 1, s.closed.Load())
}

func TestNoLimits(t *testing.T) {
	t.Parallel()
	for _, limits := range []pool.Limits{{}, {Size: 0, Overflow: 5}, {Size: 1, Overflow: -1}} {
		_, p := newPool(limits)
		for range 20 {
			acquire(t, p)
		}
		assert.Equal(t, 20, p.Stats().InUse)
		assert.Zero(t, p.Stats().MaxOpenConnections)
	}
}

func TestWhatIsNoGoodIsReplaced(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*conn){
		"as its user leaves it": func(c *conn) { c.unsound = true },
		"when another takes it": func(c *conn) { c.stale = true },
		"and both":              func(c *conn) { c.stale, c.unsound = true, true },
	} {
		s, p := newPool(pool.Limits{Size: 1})
		l := acquire(t, p)
		spoil(l.Conn())
		require.NoError(t, l.Release())
		l = acquire(t, p)
		assert.EqualValues(t, 2, l.Conn().n, name)
		assert.False(t, l.Reused(), name)
		assert.EqualValues(t, 1, s.closed.Load(), name)
	}
}

func TestFailedOpenGivesTheSlotBack(t *testing.T) {
	t.Parallel()
	s, p := newPool(pool.Limits{Size: 1})
	s.err = assert.AnError
	for range 3 {
		_, err := p.Acquire(t.Context(), time.Minute, pool.User{})
		require.ErrorIs(t, err, assert.AnError)
	}
	s.err = nil
	require.NoError(t, acquire(t, p).Release())
}

type name string

func (n name) String() string { return string(n) }

func TestWaitIsBoundedAndNamesTheHolders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, p := newPool(pool.Limits{Size: 2})
		_, err := p.Acquire(t.Context(), 0, pool.User{Session: 7, Name: name("a report")})
		require.NoError(t, err)
		time.Sleep(2 * time.Second)
		second := acquireAsSession(t, p)
		began := time.Now()
		_, err = p.Acquire(t.Context(), 3*time.Second, pool.User{})
		assert.Equal(t, 3*time.Second, time.Since(began))
		require.ErrorIs(t, err, dberr.ErrPoolTimeout)
		assert.Regexp(t, `after 3s: 2 of 2 connections in use, longest held for 5s by session 7 of a report; for 3s by session 8 of .*acquireAsSession`, err.Error())

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = p.Acquire(ctx, 3*time.Second, pool.User{})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, dberr.ErrPoolTimeout)
		require.ErrorContains(t, err, "a report", "a deadline of one's own tells who was in front, too")

		require.NoError(t, second.Release())
		assert.NotNil(t, acquire(t, p))
		stats := p.Stats()
		assert.EqualValues(t, 2, stats.WaitCount)
		assert.Equal(t, 4*time.Second, stats.WaitDuration)
	})
}

func acquireAsSession(t *testing.T, p *pool.Pool[*conn]) *pool.Lease[*conn] {
	t.Helper()
	l, err := p.Acquire(t.Context(), 0, pool.User{Session: 8})
	require.NoError(t, err)
	return l
}

func TestThoseWhoWaitComeInTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, p := newPool(pool.Limits{Size: 1})
		l := acquire(t, p)
		var order []int
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				l, err := p.Acquire(t.Context(), time.Minute, pool.User{})
				assert.NoError(t, err)
				order = append(order, i)
				assert.NoError(t, l.Release())
			})
			synctest.Wait()
			assert.EqualValues(t, i+1, p.Waiting())
		}
		require.NoError(t, l.Release())
		wg.Wait()
		assert.Equal(t, []int{0, 1, 2, 3, 4}, order)
		assert.Zero(t, p.Waiting())
	})
}

func TestOldConnectionsAreReplaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := newPool(pool.Limits{Size: 2, Recycle: time.Minute})
		l, other := acquire(t, p), acquire(t, p)
		require.NoError(t, other.Release())
		time.Sleep(59 * time.Second)
		require.NoError(t, l.Release())
		assert.True(t, func() bool { l := acquire(t, p); defer func() { _ = l.Release() }(); return l.Reused() }())
		time.Sleep(2 * time.Second)
		l = acquire(t, p)
		assert.False(t, l.Reused())
		assert.EqualValues(t, 2, s.closed.Load(), "both idle ones")
		assert.EqualValues(t, 2, p.Stats().MaxLifetimeClosed)
		time.Sleep(2 * time.Minute)
		require.NoError(t, l.Release())
		assert.EqualValues(t, 3, s.closed.Load(), "one that became too old in use is not kept")
	})
}

// A server that was restarted has lost all its connections: those that nobody used
// meanwhile are asked before they are used, once.
func TestSuspectedConnectionsAreAskedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := newPool(pool.Limits{Size: 2})
		l, other := acquire(t, p), acquire(t, p)
		require.NoError(t, other.Release())
		time.Sleep(time.Second)
		p.Suspect()
		l.Conn().unsound = true
		require.NoError(t, l.Release())
		for range 3 {
			require.NoError(t, acquire(t, p).Release())
		}
		assert.EqualValues(t, 1, s.asked.Load())
	})
}

func TestWhoeverWaitedAndLeftIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, p := newPool(pool.Limits{Size: 1})
		var left atomic.Int64
		p.WhenWaitersGone(func() { left.Add(1) })
		l := acquire(t, p)
		ctx, leave := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := p.Acquire(ctx, 0, pool.User{})
			done <- err
		}()
		synctest.Wait()
		leave()
		require.ErrorIs(t, <-done, context.Canceled)
		synctest.Wait()
		assert.EqualValues(t, 1, left.Load())
		require.NoError(t, l.Release())
		require.NoError(t, acquire(t, p).Release())
		assert.EqualValues(t, 1, left.Load(), "only who waited counts")
	})
}

func TestCloseEndsWaitsAndWhatIsIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := newPool(pool.Limits{Size: 2})
		l, other := acquire(t, p), acquire(t, p)
		done := make(chan error, 1)
		go func() {
			_, err := p.Acquire(t.Context(), time.Hour, pool.User{})
			done <- err
		}()
		synctest.Wait()
		require.NoError(t, p.Close())
		require.ErrorIs(t, <-done, dberr.ErrDatabaseClosed)
		_, err := p.Acquire(t.Context(), time.Hour, pool.User{})
		require.ErrorIs(t, err, dberr.ErrDatabaseClosed)
		assert.Zero(t, s.closed.Load(), "whoever has a connection may go on")
		require.NoError(t, l.Release())
		require.NoError(t, other.Release())
		assert.EqualValues(t, 2, s.closed.Load())
		require.NoError(t, p.Close())
	})
}

// No connection is in two hands, none is lost, and none is closed twice.
func TestManyUsers(t *testing.T) {
	t.Parallel()
	s, p := newPool(pool.Limits{Size: 3, Overflow: 2, Recycle: time.Millisecond})
	var wg sync.WaitGroup
	var failed atomic.Int64
	for i := range 32 {
		wg.Go(func() {
			for n := range 200 {
				ctx, cancel := context.WithCancel(t.Context())
				if (i+n)%7 == 0 {
					go cancel()
				}
				l, err := p.Acquire(ctx, time.Minute, pool.User{Session: uint64(i + 1)})
				if err == nil {
					if l.Conn().used.Add(1) != 1 || l.Conn().closings.Load() != 0 {
						failed.Add(1)
					}
					l.Conn().unsound = n%11 == 0
					if n%13 == 0 {
						p.Suspect()
					}
					l.Conn().used.Add(-1)
					err = l.Release()
				}
				if err != nil && !errors.Is(err, context.Canceled) {
					failed.Add(1)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	assert.Zero(t, failed.Load())
	stats := p.Stats()
	assert.Zero(t, stats.InUse)
	assert.EqualValues(t, stats.Idle, s.opened.Load()-s.closed.Load())
	for range 5 {
		acquire(t, p) // all slots are there
	}
}
