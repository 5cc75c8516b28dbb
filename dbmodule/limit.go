package dbmodule

import (
	"context"
	"errors"
	"fmt"
	"time"
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
	timer  *time.Timer
	after  time.Duration
}

// newLimit starts the time for the first answer; fallback is the limit of
// contexts that bring none, 0 for none. derive, if not nil, makes the context
// for the driver, which end gives up.
func newLimit(ctx context.Context, derive func(context.Context) (context.Context, context.CancelFunc), fallback time.Duration) *limit {
	after, ok := ctx.Value(statementTimeoutKey{}).(time.Duration)
	if !ok {
		after = fallback
	}
	l := &limit{caller: ctx, ctx: ctx, after: after}
	if derive != nil {
		l.ctx, l.cancel = derive(ctx)
	}
	if after <= 0 {
		return l
	}
	if derive == nil {
		l.ctx, l.cancel = context.WithCancel(ctx)
	}
	l.timer = time.AfterFunc(after, l.cancel)
	return l
}

// start begins the time for another answer, of at most d when d is above 0.
func (l *limit) start(d time.Duration) {
	if l.timer == nil {
		return
	}
	if d <= 0 || d > l.after {
		d = l.after
	}
	l.timer.Reset(d)
}

// stop says that an answer came.
func (l *limit) stop() {
	if l.timer != nil {
		l.timer.Stop()
	}
}

// end gives up the limit and its context.
func (l *limit) end() {
	l.stop()
	if l.cancel != nil {
		l.cancel()
	}
}

// late reports whether the time, and not the caller, ended the wait.
func (l *limit) late() bool { return l.ctx.Err() != nil && l.caller.Err() == nil }

// explain says so in the error, which the driver made of a cancelled context.
func (l *limit) explain(engine Engine, err error) error {
	if err == nil || !l.late() {
		return err
	}
	return &Error{Kind: ErrTimeout, Engine: engine, cause: errors.Join(
		fmt.Errorf("no answer within DATABASE_STATEMENT_TIMEOUT=%s", l.after), withoutBadConn(withoutContext(err)))}
}
