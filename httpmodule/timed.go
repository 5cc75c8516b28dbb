package httpmodule

import (
	"context"
	"sync"
	"time"
)

// timed is the context of a request: it ends with the one that the request came with, by
// its deadline once it has one, or when the request is over. The deadline is a time. It
// becomes a timer once somebody waits for the context's end. Most requests have their
// answer without that.
type timed struct {
	context.Context // the one that the request came with

	mu sync.Mutex
	// deadline is zero for none.
	deadline time.Time
	// ended is why it has ended, nil while it has not.
	ended error
	// awaited is the same context as context makes it, nil until somebody waits, and
	// cancel ends it.
	awaited context.Context
	cancel  context.CancelFunc
}

// within gives it a deadline, unless its parent's is earlier. It reports false, and does
// nothing, when somebody waits already.
func (t *timed) within(after time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.awaited != nil {
		return false
	}
	t.deadline = time.Now().Add(after)
	return true
}

// Deadline is when it ends.
func (t *timed) Deadline() (time.Time, bool) {
	t.mu.Lock()
	own := t.deadline
	t.mu.Unlock()
	earlier, ok := t.Context.Deadline()
	if own.IsZero() || ok && earlier.Before(own) {
		return earlier, ok
	}
	return own, true
}

// Done is closed when it ends.
func (t *timed) Done() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.awaited != nil:
	case t.ended == context.Canceled || t.deadline.IsZero(): //nolint:errorlint // it is what Err answered: a deadline that passed since changes nothing
		t.awaited, t.cancel = context.WithCancel(t.Context)
		if t.ended != nil {
			t.cancel()
		}
	default:
		t.awaited, t.cancel = context.WithDeadline(t.Context, t.deadline)
	}
	return t.awaited.Done()
}

// Err is why it has ended.
func (t *timed) Err() error {
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

// Value returns what the context has. Once somebody waits, contexts that are made from
// this one find context's own in it, to which they attach themselves.
func (t *timed) Value(key any) any {
	t.mu.Lock()
	of := t.awaited
	t.mu.Unlock()
	if of == nil {
		of = t.Context
	}
	return of.Value(key)
}

// end ends it, unless it has ended.
func (t *timed) end() {
	_ = t.Err() // which may have ended it before
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended == nil {
		t.ended = context.Canceled
	}
	if t.cancel != nil {
		t.cancel()
	}
}
