package deadline

import (
	"context"
	"time"
)

// Limit limits how long the database may take for one answer: to a statement, to a request
// for one more row, to COMMIT. The contexts that a driver gets often have no deadline, such
// as the one of a COMMIT through database/sql: then a server that hangs would hold the
// connection forever.
//
// One goroutine at a time uses a Limit. Only the timer ends its context from another
// goroutine.
type Limit struct {
	caller context.Context
	// own is the context for the driver, unless derived is set. cancelDerived ends derived.
	own           ending
	derived       context.Context
	cancelDerived context.CancelFunc
	after         time.Duration
	timer         *Timer
	// awaiting is set between Start and Stop; since is when Start was called, by the
	// timer's clock. waited adds up the waits that have ended, if measured is set.
	awaiting, measured bool
	since, waited      time.Duration
	// severed is set by the timer, under its lock.
	severed bool
}

// New makes the limit of a statement that is about to be sent, and starts the time for its
// first answer. ctx is the context of the caller. after is the time limit, 0 for none.
// derive, if not nil, makes the context for the driver and the function that ends it.
func New(
	ctx context.Context, derive func(context.Context) (context.Context, context.CancelFunc),
	after time.Duration, timer *Timer,
) *Limit {
	l := new(Limit)
	l.Begin(ctx, derive, after, timer)
	return l
}

// Begin is New for a Limit that the caller has allocated; l is zero.
func (l *Limit) Begin(
	ctx context.Context, derive func(context.Context) (context.Context, context.CancelFunc),
	after time.Duration, timer *Timer,
) {
	l.caller, l.own.caller, l.after, l.timer = ctx, ctx, after, timer
	if derive != nil {
		l.derived, l.cancelDerived = derive(ctx)
	}
	l.Start(0)
}

// Caller returns the context that the limit was made with.
func (l *Limit) Caller() context.Context { return l.caller }

// Context returns the context for the driver. It ends when the caller's context ends, and
// when an answer is late. While an answer takes less than a few milliseconds, only its
// method Err notices that the caller's context has ended.
func (l *Limit) Context() context.Context {
	if l.derived != nil {
		return l.derived
	}
	return &l.own
}

// cancel ends the context for the driver.
func (l *Limit) cancel() {
	if l.derived != nil {
		l.cancelDerived()
		return
	}
	l.own.end(context.Canceled)
}

// watch has the context for the driver end as soon as the caller's context ends. A derived
// context does that by itself.
func (l *Limit) watch() {
	if l.derived == nil {
		l.own.watch()
	}
}

// After returns the time limit for an answer; 0 is no limit.
func (l *Limit) After() time.Duration { return max(l.after, 0) }

// Start starts the time for the next answer. If d is above 0, it limits that answer, too.
// Stop need not be called before, if the caller did nothing between the two answers.
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

// Stop stops the time: an answer came.
func (l *Limit) Stop() {
	l.timer.stop(l)
	if l.measured {
		l.waited = l.Waited()
	}
	l.awaiting = false
}

// Measure has the limit add up how long the database takes for its answers, from the last
// Start on. Without Measure, no clock is read when an answer comes.
func (l *Limit) Measure() { l.measured, l.waited = true, 0 }

// Waited returns how long the database took for its answers since Measure. The time between
// Stop and the next Start does not count.
func (l *Limit) Waited() time.Duration {
	if !l.awaiting {
		return l.waited
	}
	return l.waited + l.timer.now() - l.since
}

// End stops the time and ends the context for the driver.
func (l *Limit) End() {
	l.Stop()
	l.cancel()
}

// forever is the time limit of an answer without a limit.
const forever = 100 * 365 * 24 * time.Hour

// Severed reports whether [Timer.Sever] ended a wait of this limit.
func (l *Limit) Severed() bool {
	l.timer.mu.Lock()
	defer l.timer.mu.Unlock()
	return l.severed
}

// Late reports whether the time limit, and not the caller, ended the wait.
func (l *Limit) Late() bool { return l.Context().Err() != nil && l.caller.Err() == nil }
