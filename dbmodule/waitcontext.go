package dbmodule

import (
	"context"
	"sync"
	"time"
)

// waitContext is the context of who takes a connection from a pool: it ends
// with the caller's own, and once pool_timeout has passed. Nearly always a
// connection is free, so it starts its timer only when somebody waits:
// database/sql asks for Done once to see whether the context has ended before
// it looks for a connection, and then again to wait.
type waitContext struct {
	context.Context // the caller's
	held            *heldConn
	until           time.Time

	mu     sync.Mutex
	asked  bool
	timed  context.Context // nil until somebody waits
	cancel context.CancelFunc
}

// waitKey is the context's key for the waitContext itself.
type waitKey struct{}

// waiting returns the waitContext behind ctx, nil for none.
func waiting(ctx context.Context) *waitContext {
	w, _ := ctx.Value(waitKey{}).(*waitContext)
	return w
}

// Value returns the waitContext itself for its key.
func (w *waitContext) Value(key any) any {
	if key == (waitKey{}) {
		return w
	}
	return w.Context.Value(key)
}

// Deadline is the earlier one of the caller's and pool_timeout.
func (w *waitContext) Deadline() (time.Time, bool) {
	if deadline, ok := w.Context.Deadline(); ok && deadline.Before(w.until) {
		return deadline, true
	}
	return w.until, true
}

// Done is the caller's at first and starts the timer then.
func (w *waitContext) Done() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.asked {
		w.asked = true
		return w.Context.Done()
	}
	if w.timed == nil {
		w.timed, w.cancel = context.WithDeadline(w.Context, w.until)
	}
	return w.timed.Done()
}

// Err says why the context has ended.
func (w *waitContext) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timed != nil {
		return w.timed.Err()
	}
	return w.Context.Err()
}

// end gives up the timer.
func (w *waitContext) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cancel != nil {
		w.cancel()
	}
}
