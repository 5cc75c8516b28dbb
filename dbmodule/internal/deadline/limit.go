package deadline

import (
	"context"
	"time"
)

// Limit bounds how long the database may take for one answer: to a statement, to
// a request for one more row, to COMMIT. The driver's connection keeps it, since
// the contexts that arrive there often have no deadline, such as that of a COMMIT
// through database/sql: a server that hangs would hold the connection for ever.
//
// One goroutine at a time uses a Limit. Only the timer ends its context from
// another one.
type Limit struct {
	caller context.Context
	// own is the context for the driver, unless one is derived, which end ends.
	own     ending
	derived context.Context
	end     context.CancelFunc
	after   time.Duration
	timer   *Timer
	// awaiting is set between Start and Stop; since is when Start was called, by the
	// timer's clock. waited adds up the waits that have ended, if measured is set.
	awaiting, measured bool
	since, waited      time.Duration
	// severed is set by the timer, under its lock.
	severed bool
}

// New makes the limit of a statement that is about to be sent with ctx, and
// starts the time for its first answer. With after 0 there is no time limit.
//
// derive, if not nil, makes the context for the driver in a way of its own, with
// a function that gives it up.
func New(
	ctx context.Context, derive func(context.Context) (context.Context, context.CancelFunc),
	after time.Duration, timer *Timer,
) *Limit {
	l := new(Limit)
	l.Begin(ctx, derive, after, timer)
	return l
}

// Begin is New for a zero Limit that is a part of something else.
func (l *Limit) Begin(
	ctx context.Context, derive func(context.Context) (context.Context, context.CancelFunc),
	after time.Duration, timer *Timer,
) {
	l.caller, l.own.caller, l.after, l.timer = ctx, ctx, after, timer
	if derive != nil {
		l.derived, l.end = derive(ctx)
	}
	l.Start(0)
}

// Caller returns the context that the limit was made with.
func (l *Limit) Caller() context.Context { return l.caller }

// Context returns the context for the driver. It ends with the caller's, and
// when an answer is late. That the caller's has ended is seen when an answer takes longer
// than a few milliseconds, or when somebody asks for the context's error.
func (l *Limit) Context() context.Context {
	if l.derived != nil {
		return l.derived
	}
	return &l.own
}

// cancel ends the context for the driver.
func (l *Limit) cancel() {
	if l.derived != nil {
		l.end()
		return
	}
	l.own.end(context.Canceled)
}

// watch has the context for the driver end as soon as the caller's does. One that was derived
// does so by itself.
func (l *Limit) watch() {
	if l.derived == nil {
		l.own.watch()
	}
}

// After returns how long an answer may take; 0 is no limit.
func (l *Limit) After() time.Duration { return max(l.after, 0) }

// Start begins the time for another answer, of at most d if d is above 0. It may be called
// without Stop before, where nothing is between two answers.
func (l *Limit) Start(d time.Duration) {
	if l.measured {
		l.waited = l.Waited()
	}
	if l.after <= 0 {
		d = forever
	} else if d <= 0 || d > l.after {
		d = l.after
	}
	l.awaiting, l.since = true, l.timer.start(d, l)
}

// Stop says that an answer came.
func (l *Limit) Stop() {
	l.timer.stop(l)
	if l.measured {
		l.waited = l.Waited()
	}
	l.awaiting = false
}

// Measure has the limit add up how long the database takes for its answers, from
// the last Start on. Without it no clock is read when an answer comes.
func (l *Limit) Measure() { l.measured, l.waited = true, 0 }

// Waited returns how long the database took for its answers since Measure. The time
// from Stop to the next Start, which is the caller's, does not count.
func (l *Limit) Waited() time.Duration {
	if !l.awaiting {
		return l.waited
	}
	return l.waited + l.timer.now() - l.since
}

// End gives up the limit and its context.
func (l *Limit) End() {
	l.Stop()
	l.cancel()
}

// forever is the time for an answer that has no limit.
const forever = 100 * 365 * 24 * time.Hour

// Severed reports whether [Timer.Sever] ended a wait of this limit.
func (l *Limit) Severed() bool {
	l.timer.mu.Lock()
	defer l.timer.mu.Unlock()
	return l.severed
}

// Late reports whether the time, and not the caller, ended the wait.
func (l *Limit) Late() bool { return l.Context().Err() != nil && l.caller.Err() == nil }
