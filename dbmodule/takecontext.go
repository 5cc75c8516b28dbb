package dbmodule

import (
	"context"
	"sync"
	"time"
)

// takeContext is the context of who takes a connection: it ends with the
// caller's, and when waiting for one that is in use took too long. It is made
// for each unit of work and most do not wait, so it makes no timer before it
// has to: database/sql looks at a context once, then gives out an idle
// connection if it has one, and only then waits.
type takeContext struct {
	caller  context.Context
	timeout time.Duration

	mu     sync.Mutex
	looked bool
	timed  context.Context // nil until the second look
	cancel context.CancelFunc
}

// current is the context that counts by now.
func (t *takeContext) current() context.Context {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timed != nil {
		return t.timed
	}
	return t.caller
}

func (t *takeContext) Done() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.timed != nil:
	case !t.looked:
		t.looked = true
		return t.caller.Done()
	default:
		t.timed, t.cancel = context.WithTimeout(t.caller, t.timeout)
	}
	return t.timed.Done()
}

func (t *takeContext) Err() error { return t.current().Err() }

func (t *takeContext) Deadline() (time.Time, bool) { return t.current().Deadline() }

// Value has the caller's context, too: see callerKey.
func (t *takeContext) Value(key any) any {
	if key == (callerKey{}) {
		return t.caller
	}
	return t.current().Value(key)
}

// end gives up the timer.
func (t *takeContext) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cancel != nil {
		t.cancel()
	}
}
