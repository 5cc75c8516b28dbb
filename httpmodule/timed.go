package httpmodule

import (
	"context"
	"sync"
	"time"
)

// timed is a request's context with its deadline. The deadline is a time, which becomes
// a timer once somebody waits for the context's end. Most requests have their answer
// without that.
type timed struct {
	context.Context // that of the request without the deadline
	deadline        time.Time

	mu sync.Mutex
	// ended is why it has ended, nil while it has not.
	ended error
	// awaited is the same context as context makes it, nil until somebody waits, and
	// cancel ends it.
	awaited context.Context
	cancel  context.CancelFunc
}

// begin makes it one that ends after some time, or with its parent. It is called once,
// before anything else.
func (t *timed) begin(parent context.Context, after time.Duration) {
	t.Context, t.deadline = parent, time.Now().Add(after)
	if earlier, ok := parent.Deadline(); ok && earlier.Before(t.deadline) {
		t.deadline = earlier
	}
}

// Deadline is when it ends.
func (t *timed) Deadline() (time.Time, bool) { return t.deadline, true }

// Done is closed when it ends.
func (t *timed) Done() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.awaited != nil:
	case t.ended == context.Canceled: //nolint:errorlint // it is what Err answered: a deadline that passed since changes nothing
		t.awaited, t.cancel = context.WithCancel(t.Context)
		t.cancel()
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
	case !time.Now().Before(t.deadline):
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
