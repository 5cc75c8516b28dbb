package httpmodule

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// smallBody is the size up to which a body reserves no memory, so that many small requests
	// do not wait for a few large ones.
	smallBody = 64 << 10
	// budgetStep is how much memory a body of unknown length reserves at a time.
	budgetStep = 1 << 20
	// budgetWait is how long a request waits for memory, at most.
	budgetWait = 10 * time.Second
	// budgetWithoutLimit is the budget of a process without a memory limit.
	budgetWithoutLimit = 64 << 20
	// workingFactor is how much memory a body or an answer needs while it is read, parsed,
	// written and sent, as a multiple of its size. It was measured.
	workingFactor = 16
)

// errNoMemory is the error of reading a body if the budget is used up.
var errNoMemory = errors.New("httpmodule: the memory for bodies and answers is in use")

func noMemory(cause error) *HTTPError {
	return &HTTPError{
		Status: http.StatusServiceUnavailable, Detail: "The server has no memory left for so much at once; try again",
		Header: retryAfter(retrySoon), Cause: cause,
	}
}

// budget is the memory that all requests share for bodies and answers.
type budget struct {
	size int64
	free *semaphore.Weighted
}

// newBudget makes a budget of size bytes; 0 derives the size from the memory limit of the
// process.
func newBudget(size int64) *budget {
	if size == 0 {
		size = budgetWithoutLimit
		if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
			size = max(limit/workingFactor, smallBody)
		}
	}
	return &budget{size: size, free: semaphore.NewWeighted(size)}
}

// share is the memory that one request, or work that was detached from a request, has reserved
// in the budget.
type share struct {
	budget *budget
	held   atomic.Int64
	// answerBy is when the request must stop waiting for memory and send its answer, before
	// WRITE_TIMEOUT closes the connection. It is zero for a request without that limit.
	answerBy time.Time
}

// waitContext returns a context that ends at answerBy, and after budgetWait unless patient is set.
func (s *share) waitContext(ctx context.Context, patient bool) (context.Context, context.CancelFunc) {
	until := s.answerBy
	if most := time.Now().Add(budgetWait); !patient && (until.IsZero() || most.Before(until)) {
		until = most
	}
	if until.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, until)
}

// reserve adds n bytes to the share, and waits for other requests if necessary. A request that
// needs more than the whole budget gets all of it.
func (s *share) reserve(ctx context.Context, n int64) error {
	ctx, cancel := s.waitContext(ctx, false)
	defer cancel()
	if _, err := s.acquire(ctx, n); err != nil {
		return noMemory(errors.Join(errNoMemory, err))
	}
	return nil
}

// acquire adds n bytes to the share, and waits for them until ctx ends. It returns how many it
// has added.
func (s *share) acquire(ctx context.Context, n int64) (int64, error) {
	n = min(n, s.budget.size-s.held.Load())
	if n <= 0 {
		return 0, nil
	}
	if err := s.budget.free.Acquire(ctx, n); err != nil {
		return 0, err
	}
	s.held.Add(n)
	return n, nil
}

// tryReserve adds n bytes to the share if they are free now. It does not wait: two requests that
// each hold a part of what they need could wait for one another forever. It returns how many
// bytes it has added.
func (s *share) tryReserve(n int64) (added int64, ok bool) {
	n = min(n, s.budget.size-s.held.Load())
	if n <= 0 {
		return 0, true
	}
	if !s.budget.free.TryAcquire(n) {
		return 0, false
	}
	s.held.Add(n)
	return n, true
}

// release returns a part of the share to the budget.
func (s *share) release(n int64) {
	for {
		held := s.held.Load()
		if n = min(n, held); n <= 0 {
			return
		}
		if s.held.CompareAndSwap(held, held-n) {
			s.budget.free.Release(n)
			return
		}
	}
}

// releaseAll returns the whole share to the budget.
func (s *share) releaseAll() {
	if held := s.held.Swap(0); held > 0 {
		s.budget.free.Release(held)
	}
}

// ReserveMemory reserves bytes of MEMORY_BUDGET for the request of ctx, until the request
// ends. A handler calls it before it makes a large answer or another large value. It waits for
// other requests to release memory: up to 10 seconds, three quarters of WRITE_TIMEOUT, or until
// ctx ends, whichever is first. If a handler returns its error, the server answers 503 with
// Retry-After. The server has reserved memory for a request body above 64 KiB already. A request
// that asks for more than the whole budget gets all of it. With the context of [Detach] the
// memory is reserved until done is called. Outside a request ReserveMemory does nothing. If the
// size is not known in advance, as for rows of a database, use [NewRoom].
func ReserveMemory(ctx context.Context, bytes int64) error {
	if s := shareOf(ctx); s != nil {
		return s.reserve(ctx, bytes)
	}
	return nil
}

// shareKey is the key of the share in a context.
type shareKey struct{}

// shareOf returns the share of the request, or of the detached work, that ctx belongs to. It
// returns nil if ctx belongs to neither.
func shareOf(ctx context.Context) *share {
	s, _ := ctx.Value(shareKey{}).(*share)
	return s
}

// countedBody is a body of unknown length. It reserves memory as it is read.
type countedBody struct {
	io.ReadCloser
	share *share
	// read is how many bytes were read, reserved how many bytes of memory were reserved.
	read, reserved int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.read += int64(n); b.read > b.reserved {
		if _, ok := b.share.tryReserve(budgetStep); !ok {
			return 0, errNoMemory
		}
		b.reserved += budgetStep
	}
	return n, err
}
