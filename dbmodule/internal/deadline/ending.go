package deadline

import (
	"context"
	"slices"
	"sync"
	"time"
)

// ending is the context that a driver gets from a [Limit]. It ends when the caller's context
// ends, or when the limit ends it. Most answers come before that. So at first nobody watches
// the caller's context, which would cost a context for each statement and a timer for each
// request: only Err looks at it. When an answer takes long, the [Timer] calls watch.
type ending struct {
	caller context.Context

	mu sync.Mutex
	// err is why the context has ended, nil before.
	err error
	// done is nil until Done is called.
	done chan struct{}
	// then are the functions to call when the context ends; first is memory for one.
	then  []*func()
	first [1]*func()
	// unwatch undoes watch, nil before.
	unwatch func() bool
}

// Deadline is the caller's deadline.
func (e *ending) Deadline() (time.Time, bool) { return e.caller.Deadline() }

// Value returns the value of the caller's context.
func (e *ending) Value(key any) any { return e.caller.Value(key) }

// Done returns a channel that is closed when the context ends.
func (e *ending) Done() <-chan struct{} {
	e.mu.Lock()
	asked, made := e.done != nil, e.done
	if !asked {
		made = make(chan struct{})
		if e.done = made; e.err != nil {
			close(made)
		}
	}
	e.mu.Unlock()
	if !asked {
		_ = e.Err() // the caller's context may have ended before
	}
	return made
}

// Err returns why the context has ended, nil before.
func (e *ending) Err() error {
	if err := e.ended(); err != nil {
		return err
	}
	if err := e.caller.Err(); err != nil {
		e.end(err)
	}
	return e.ended()
}

func (e *ending) ended() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

// AfterFunc has f called when the context ends. Package context calls this method for the
// contexts that are made from this one.
func (e *ending) AfterFunc(f func()) (stop func() bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil {
		go f() // the caller may hold a lock that f takes
		return func() bool { return false }
	}
	if e.then == nil {
		e.then = e.first[:0]
	}
	e.then = append(e.then, &f)
	return func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		i := slices.Index(e.then, &f)
		if i >= 0 {
			e.then = slices.Delete(e.then, i, i+1)
		}
		return i >= 0
	}
}

// watch ends the context as soon as the caller's context ends.
func (e *ending) watch() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err == nil && e.unwatch == nil {
		e.unwatch = context.AfterFunc(e.caller, func() { e.end(e.caller.Err()) })
	}
}

// end ends the context, unless it has ended.
func (e *ending) end(why error) {
	e.mu.Lock()
	if e.err != nil {
		e.mu.Unlock()
		return
	}
	e.err = why
	if e.done != nil {
		close(e.done)
	}
	then, unwatch := e.then, e.unwatch
	e.then, e.unwatch = nil, nil
	e.mu.Unlock()
	if unwatch != nil {
		unwatch()
	}
	for _, f := range then {
		(*f)()
	}
}
