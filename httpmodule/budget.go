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
	// smallBody is the size up to which a body does not count: many small requests must not
	// wait for a few large ones.
	smallBody = 64 << 10
	// budgetStep is how much a body of unknown length takes from the budget at a time.
	budgetStep = 1 << 20
	// budgetWait is how long a request waits for memory.
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
		Header: retryAfter(soon), Cause: cause,
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

// share is the part of the budget that one request has taken, or the work that it has detached.
type share struct {
	budget *budget
	held   atomic.Int64
	// answerBy is when the request must stop waiting for memory and send its answer, before
	// WRITE_TIMEOUT closes the connection. It is zero for a request without that limit.
	answerBy time.Time
}

// waits returns a context that ends at answerBy, and after budgetWait unless patient is set.
func (s *share) waits(ctx context.Context, patient bool) (context.Context, context.CancelFunc) {
	until := s.answerBy
	if most := time.Now().Add(budgetWait); !patient && (until.IsZero() || most.Before(until)) {
		until = most
	}
	if until.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, until)
}

// take adds n bytes to the share, and waits for other requests if necessary. A request that
// needs more than the whole budget takes all of it.
func (s *share) take(ctx context.Context, n int64) error {
	ctx, cancel := s.waits(ctx, false)
	defer cancel()
	if _, err := s.await(ctx, n); err != nil {
		return noMemory(errors.Join(errNoMemory, err))
	}
	return nil
}

// await is take until ctx ends. It returns how much it has taken.
func (s *share) await(ctx context.Context, n int64) (int64, error) {
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

// tryTake is take without waiting. Two requests that each have a part of what they need could
// wait for one another forever. It returns how much it has taken.
func (s *share) tryTake(n int64) (taken int64, ok bool) {
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

// giveBack returns the whole share to the budget.
func (s *share) giveBack() {
	if held := s.held.Swap(0); held > 0 {
		s.budget.free.Release(held)
	}
}

// ReserveMemory reserves bytes of MEMORY_BUDGET for the request of ctx, until the request
// ends. Call it in a handler before it makes a large answer, or anything else of that
// size. It waits for other requests to end, up to 10 seconds, for three quarters of
// WRITE_TIMEOUT, and until ctx ends. Its error
// is answered with 503 and Retry-After. A request body larger than 64 KiB is counted
// already. A request that asks for more than the whole budget gets all of it.
// With the context of [Detach] it reserves them until done is called. Outside a request
// ReserveMemory does nothing. For what is read from a database, and whose size is not
// known before, there is [NewRoom].
func ReserveMemory(ctx context.Context, bytes int64) error {
	if s := shareOf(ctx); s != nil {
		return s.take(ctx, bytes)
	}
	return nil
}

// shareKey is the key of the share in a context.
type shareKey struct{}

// shareOf returns the share of the request that ctx belongs to, or of what was detached
// from it; nil for neither.
func shareOf(ctx context.Context) *share {
	s, _ := ctx.Value(shareKey{}).(*share)
	return s
}

// countedBody is a body of unknown length. It takes memory from the budget as it is read.
type countedBody struct {
	io.ReadCloser
	share *share
	// read is how many bytes were read, paid how many were taken from the budget.
	read, paid int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.read += int64(n); b.read > b.paid {
		if _, ok := b.share.tryTake(budgetStep); !ok {
			return 0, errNoMemory
		}
		b.paid += budgetStep
	}
	return n, err
}
