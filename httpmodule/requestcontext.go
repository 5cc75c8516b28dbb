package httpmodule

import (
	"context"
	"sync"
	"time"
)

// requestContext is the context of a request. It ends when the context of net/http ends, at the
// request's deadline, or when the request is over. It has no timer until somebody calls Done:
// most requests are answered without that.
type requestContext struct {
	context.Context // of net/http

	mu sync.Mutex
	// deadline is zero for none.
	deadline time.Time
	// ended is why the context has ended, nil before.
	ended error
	// awaited is a context of package context with the same end. It is nil until somebody
	// calls Done. cancel ends it.
	awaited context.Context
	cancel  context.CancelFunc
}

// setTimeout sets the deadline. It reports false, and does nothing, if somebody has called Done.
func (t *requestContext) setTimeout(after time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.awaited != nil {
		return false
	}
	t.deadline = time.Now().Add(after)
	return true
}

// Deadline returns the earlier of the request's deadline and net/http's.
func (t *requestContext) Deadline() (time.Time, bool) {
	t.mu.Lock()
	own := t.deadline
	t.mu.Unlock()
	earlier, ok := t.Context.Deadline()
	if own.IsZero() || ok && earlier.Before(own) {
		return earlier, ok
	}
	return own, true
}

// Done returns a channel that is closed when the context ends.
func (t *requestContext) Done() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.awaited != nil:
	case t.ended == context.Canceled || t.deadline.IsZero(): //nolint:errorlint // Err has returned it, so a deadline that passed since then changes nothing
		t.awaited, t.cancel = context.WithCancel(t.Context)
		if t.ended != nil {
			t.cancel()
		}
	default:
		t.awaited, t.cancel = context.WithDeadline(t.Context, t.deadline)
	}
	return t.awaited.Done()
}

// Err returns why the context has ended, nil before.
func (t *requestContext) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.ended != nil:
	case t.awaited != nil:
		t.ended = t.awaited.Err()
	case t.Context.Err() != nil:
		t.ended = t.Context.Err()
	case !t.deadline.IsZero() && !time.Now().Before(t.deadline):
		t.ended = context.DeadlineExceeded
	}
	return t.ended
}

// Value returns the value of net/http's context. Once somebody has called Done, it asks
// awaited: there package context finds its own type, and needs no goroutine for contexts
// that are made from this one.
func (t *requestContext) Value(key any) any {
	t.mu.Lock()
	inner := t.awaited
	t.mu.Unlock()
	if inner == nil {
		inner = t.Context
	}
	return inner.Value(key)
}

// end cancels the context, unless it has ended.
func (t *requestContext) end() {
	_ = t.Err() // the deadline may have passed before
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended == nil {
		t.ended = context.Canceled
	}
	if t.cancel != nil {
		t.cancel()
	}
}
