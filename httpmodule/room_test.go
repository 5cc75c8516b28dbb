package httpmodule_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/httpmodule"
)

// pieceSize is how many bytes each piece of these reads has.
const pieceSize = 200 << 10

// readers count what the handlers of a server have read.
type readers struct {
	// reads is how often one began, refused how many pieces had no room, kept how many bytes are in
	// memory in all, and most how many that were at once.
	reads, refused, kept, most atomic.Int64
	keeping, leave             chan struct{}
}

// read keeps pieces in a room, until leave is closed; it says so on keeping.
func (r *readers) read(c echo.Context, room *httpmodule.Room, pieces int) error {
	ctx := c.Request().Context()
	var kept int64
	defer func() { r.kept.Add(-kept) }()
	err := room.Read(ctx, func() error {
		r.reads.Add(1)
		for range pieces {
			if room.Add(pieceSize) {
				kept += pieceSize
				now := r.kept.Add(pieceSize)
				for most := r.most.Load(); now > most && !r.most.CompareAndSwap(most, now); most = r.most.Load() {
				}
			} else {
				r.refused.Add(1)
				r.kept.Add(-kept)
				kept = 0
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.keeping <- struct{}{}
	<-r.leave
	return c.String(200, strconv.FormatInt(kept, 10))
}

// reading serves GET /read/:pieces.
func reading(t *testing.T, budget int64, timeout time.Duration) (*fixture, *readers) {
	t.Helper()
	cfg := testConfig()
	cfg.MemoryBudget, cfg.RequestTimeout = budget, timeout
	r := &readers{keeping: make(chan struct{}, 100), leave: make(chan struct{})}
	f := serve(t, cfg, func(*fixture) httpmodule.Routes {
		return func(e *echo.Echo, api huma.API) {
			e.GET("/read/:pieces", func(c echo.Context) error {
				pieces, err := strconv.Atoi(c.Param("pieces"))
				if err != nil {
					return err
				}
				return r.read(c, httpmodule.NewRoom(c.Request().Context()), pieces)
			})
			httpmodule.Limits{RequestTimeout: httpmodule.NoLimit}.Route(api, e.GET("/patient/:pieces", func(c echo.Context) error {
				return r.read(c, httpmodule.NewPatientRoom(c.Request().Context()), 3)
			}))
			e.GET("/again", func(c echo.Context) error {
				room := httpmodule.NewRoom(c.Request().Context())
				for range 5 { // each has the memory of the one before
					if err := room.Read(c.Request().Context(), func() error {
						r.reads.Add(1)
						assert.True(t, room.Add(900<<10))
						return nil
					}); err != nil {
						return err
					}
				}
				room.Release()
				return httpmodule.ReserveMemory(c.Request().Context(), 1<<20)
			})
		}
	})
	return f, r
}

// What a read has no room for it does not keep. It is answered 503 once it has waited; small
// reads are served meanwhile.
func TestReadWithoutRoom(t *testing.T) {
	t.Parallel()
	f, r := reading(t, 1<<20, time.Second)
	held := make(chan answer, 1)
	go func() { held <- f.do("GET", "/read/5", "") }()
	<-r.keeping
	require.EqualValues(t, 1, r.reads.Load())

	a := f.do("GET", "/read/3", "")
	assert.Equal(t, 503, a.status, a.body)
	assert.NotEmpty(t, a.header.Get("Retry-After"))
	assert.EqualValues(t, 2, r.reads.Load(), "it was not read again without room")
	assert.EqualValues(t, 2, r.refused.Load(), "all pieces but the first, which does not count")
	assert.EqualValues(t, 5*pieceSize, r.kept.Load(), "it waited with something in memory")

	small := make(chan answer, 1)
	go func() { small <- f.do("GET", "/read/1", "") }()
	<-r.keeping
	close(r.leave)
	assert.Equal(t, 200, (<-small).status)
	assert.Equal(t, 200, (<-held).status)
	assert.Equal(t, 200, f.do("GET", "/read/5", "").status, "what was held was given back")
}

// A read waits for those before it, and is then done again.
func TestReadWaitsForRoom(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/read/3", "/patient/3"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			f, r := reading(t, 1<<20, time.Minute)
			answers := make(chan answer, 2)
			go func() { answers <- f.do("GET", "/read/5", "") }()
			<-r.keeping
			go func() { answers <- f.do("GET", path, "") }()
			require.Eventually(t, func() bool { return r.refused.Load() == 2 }, time.Minute, time.Millisecond)
			select {
			case <-r.keeping:
				t.Error("there is room for one of them")
			case <-time.After(100 * time.Millisecond):
			}
			close(r.leave)
			for range 2 {
				assert.Equal(t, 200, (<-answers).status)
			}
			assert.EqualValues(t, 3, r.reads.Load())
		})
	}
}

// Many reads at once never keep more than the budget has, and what each may without counting.
func TestReadsKeepNoMoreThanTheBudget(t *testing.T) {
	t.Parallel()
	const budget, at = 2 << 20, 12
	f, r := reading(t, budget, time.Minute)
	close(r.leave)
	var group sync.WaitGroup
	for i := range at {
		group.Go(func() {
			for pieces := range 5 {
				pieces += 2 + i%7
				a := f.do("GET", fmt.Sprint("/read/", pieces), "")
				assert.Equal(t, 200, a.status, a.body)
				assert.Equal(t, strconv.Itoa(pieces*pieceSize), a.body, "not all was read")
				<-r.keeping
			}
		})
	}
	group.Wait()
	assert.Zero(t, r.kept.Load())
	assert.LessOrEqual(t, r.most.Load(), int64(budget+at*pieceSize))
	assert.Equal(t, 200, f.do("GET", "/again", "").status, "all was given back")
}

// What is larger than the budget is read alone.
func TestReadLargerThanTheBudget(t *testing.T) {
	t.Parallel()
	f, r := reading(t, 1<<20, time.Minute)
	close(r.leave)
	for range 3 {
		assert.Equal(t, strconv.Itoa(9*pieceSize), f.do("GET", "/read/9", "").body)
	}
	assert.EqualValues(t, 3, r.reads.Load())
	r.reads.Store(0)
	assert.Equal(t, 200, f.do("GET", "/again", "").status)
	assert.EqualValues(t, 5, r.reads.Load())
}

// What is detached has memory of its own, until it is done.
func TestDetachedMemory(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.MemoryBudget, cfg.RequestTimeout = 1<<20, time.Second
	reserved, leave := make(chan error, 1), make(chan struct{})
	f := serve(t, cfg, func(*fixture) httpmodule.Routes {
		return func(e *echo.Echo, _ huma.API) {
			e.GET("/detached", func(c echo.Context) error {
				conn, _, err := c.Response().Hijack()
				if err != nil {
					return err
				}
				detached, done := httpmodule.Detach(c.Request().Context())
				go func() {
					defer conn.Close()
					defer done()
					reserved <- httpmodule.ReserveMemory(detached, 1<<20)
					<-leave
				}()
				return nil
			})
			e.GET("/large", func(c echo.Context) error {
				return httpmodule.ReserveMemory(c.Request().Context(), 600<<10)
			})
		}
	})
	conn, err := net.Dial("tcp", f.server.Addr())
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET /detached HTTP/1.1\r\nHost: localhost\r\n\r\n")
	require.NoError(t, err)
	require.NoError(t, <-reserved)
	require.Eventually(t, func() bool { return len(f.logged("request")) > 0 }, time.Minute, time.Millisecond)
	assert.Equal(t, http.StatusServiceUnavailable, f.do("GET", "/large", "").status, "it is held after the request")
	close(leave)
	assert.Eventually(t, func() bool { return f.do("GET", "/large", "").status == 200 }, 10*time.Second, 10*time.Millisecond)
}

// Outside of requests there is no budget.
func TestRoomOutsideRequests(t *testing.T) {
	t.Parallel()
	for _, room := range []*httpmodule.Room{nil, httpmodule.NewRoom(t.Context()), httpmodule.NewPatientRoom(t.Context())} {
		reads := 0
		require.NoError(t, room.Read(t.Context(), func() error {
			reads++
			assert.True(t, room.Add(1<<40))
			return nil
		}))
		assert.Equal(t, 1, reads)
		require.ErrorIs(t, room.Read(t.Context(), func() error { return io.EOF }), io.EOF)
		room.Release()
	}
}
