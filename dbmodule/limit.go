package dbmodule

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// statementTimeoutKey is the context's key for WithStatementTimeout.
type statementTimeoutKey struct{}

// WithStatementTimeout returns a context whose statements have a time limit of
// their own instead of DATABASE_STATEMENT_TIMEOUT: a longer one for a report,
// 0 for none. The context's own deadline holds beside it.
func WithStatementTimeout(ctx context.Context, limit time.Duration) context.Context {
	return context.WithValue(ctx, statementTimeoutKey{}, limit)
}

// limit bounds how long the database may take for one answer: to a statement,
// for one more row, to COMMIT. It stands in the driver, since what arrives
// there has often no deadline, such as a COMMIT through database/sql, and a
// server that hangs would hold it for ever.
type limit struct {
	caller context.Context
	// ctx ends with caller, and when an answer is late.
	ctx    context.Context
	cancel context.CancelFunc // nil without a time limit
	after  time.Duration
	watch  *stopwatch
}

// newLimit starts the time for the first answer; fallback is the limit of
// contexts that bring none, 0 for none. derive, if not nil, makes the context
// for the driver, which end gives up.
func newLimit(
	ctx context.Context, derive func(context.Context) (context.Context, context.CancelFunc),
	fallback time.Duration, watch *stopwatch,
) *limit {
	after, ok := ctx.Value(statementTimeoutKey{}).(time.Duration)
	if !ok {
		after = fallback
	}
	l := &limit{caller: ctx, ctx: ctx, after: after, watch: watch}
	if derive != nil {
		l.ctx, l.cancel = derive(ctx)
	}
	if after <= 0 {
		return l
	}
	if derive == nil {
		l.ctx, l.cancel = context.WithCancel(ctx)
	}
	l.start(0)
	return l
}

// start begins the time for another answer, of at most d when d is above 0.
func (l *limit) start(d time.Duration) {
	if l.after <= 0 {
		return
	}
	if d <= 0 || d > l.after {
		d = l.after
	}
	l.watch.start(d, l)
}

// stop says that an answer came.
func (l *limit) stop() {
	if l.after > 0 {
		l.watch.stop(l)
	}
}

// end gives up the limit and its context.
func (l *limit) end() {
	l.stop()
	if l.cancel != nil {
		l.cancel()
	}
}

// kept stops the limit for a transaction that has it until its end. One that gets
// the context of that later has none yet.
func (l *limit) kept(own bool) *limit {
	if own {
		l.end()
		return nil
	}
	l.stop()
	return l
}

// late reports whether the time, and not the caller, ended the wait.
func (l *limit) late() bool { return l.ctx.Err() != nil && l.caller.Err() == nil }

// explain gives an error that the driver made of an ended context its reason: that
// the time is up, or that the caller is gone where a driver that closed the
// connection for it says no more than that it is closed.
func (l *limit) explain(of *connector, err error) error {
	switch {
	case err == nil || l.ctx.Err() == nil:
		return err
	case l.late():
		return of.failure(ErrTimeout, errors.Join(
			fmt.Errorf("no answer within DATABASE_STATEMENT_TIMEOUT=%s", l.after), engine.WithoutBadConn(withoutContext(err))))
	case errors.Is(err, driver.ErrBadConn):
		return l.caller.Err()
	}
	return err
}

// stopwatch is the one timer of a connection, which waits for one answer at a
// time. Nearly all answers come in time, so it is not set for each: it goes off
// now and then, and looks whether the answer that is waited for by then is late.
type stopwatch struct {
	mu    sync.Mutex
	timer *time.Timer
	// fires is when the timer goes off, in time since born; 0 when it is not set.
	fires time.Duration
	born  time.Time
	// running is whose answer is waited for, at most until due; nil for none.
	running *limit
	due     time.Duration
}

func (w *stopwatch) start(d time.Duration, l *limit) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer == nil {
		w.born = time.Now()
		w.timer = time.AfterFunc(d, w.fire)
		w.fires = d
	}
	w.running, w.due = l, time.Since(w.born)+d
	if w.fires == 0 || w.due < w.fires {
		w.set(w.due, d)
	}
}

func (w *stopwatch) set(fires, in time.Duration) {
	w.fires = fires
	w.timer.Reset(in)
}

func (w *stopwatch) stop(l *limit) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running == l {
		w.running = nil
	}
}

// fire is the timer's function.
func (w *stopwatch) fire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fires = 0
	if w.running == nil {
		return
	}
	if left := w.due - time.Since(w.born); left > 0 {
		w.set(w.due, left)
		return
	}
	w.running.cancel()
	w.running = nil
}

// close gives the timer up.
func (w *stopwatch) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = nil
	if w.timer != nil {
		w.timer.Stop()
	}
}
