package deadline

import (
	"context"
	"slices"
	"sync"
	"time"
)

// ending is the context that a driver gets of a [Limit]: it ends with the caller's, or when
// the limit ends it. Most answers come before either. So nobody waits for the end of the
// caller's context at first: that would cost each statement a context of its own, and each
// request a timer. Who asks by Err is told of it, and once an answer takes long the timer has
// it watched.
type ending struct {
	caller context.Context

	mu sync.Mutex
	// err is why it has ended, nil while it has not.
	err error
	// done is nil until somebody wants to know when it ends.
	done chan struct{}
	// then is what is called when it ends; first has place for one.
	then  []*func()
	first [1]*func()
	// unwatch ends the wait for the end of the caller's, nil while nobody waits.
	unwatch func() bool
}

// Deadline is the caller's.
func (e *ending) Deadline() (time.Time, bool) { return e.caller.Deadline() }

// Value returns what the caller's context has.
func (e *ending) Value(key any) any { return e.caller.Value(key) }

// Done is closed when it ends.
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
		_ = e.Err() // the caller's may have ended before
	}
	return made
}

// Err is why it has ended.
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

// AfterFunc has f called when it ends. Package context uses it for the contexts that are made
// from this one, and calls f in a goroutine where that is needed.
func (e *ending) AfterFunc(f func()) (stop func() bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil {
		go f() // whoever asks may have a lock that f wants
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

// watch waits for the end of the caller's context from now on.
func (e *ending) watch() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err == nil && e.unwatch == nil {
		e.unwatch = context.AfterFunc(e.caller, func() { e.end(e.caller.Err()) })
	}
}

// end ends it, unless it has ended.
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
