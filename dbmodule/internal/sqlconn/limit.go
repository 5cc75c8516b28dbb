package sqlconn

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/internal/deadline"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/groupcommit"
)

// statementTimeoutKey is the context's key for WithStatementTimeout.
type statementTimeoutKey struct{}

// WithStatementTimeout returns a context whose statements have a time limit of
// their own instead of DATABASE_STATEMENT_TIMEOUT: a longer one for a report,
// 0 for none. The context's own deadline holds beside it.
func WithStatementTimeout(ctx context.Context, limit time.Duration) context.Context {
	return context.WithValue(ctx, statementTimeoutKey{}, limit)
}

// statementTimeout is how long an answer to a statement with that context may take: the
// context's own time, or else the connection's.
func (c *Conn) statementTimeout(ctx context.Context) time.Duration {
	if after, ok := ctx.Value(statementTimeoutKey{}).(time.Duration); ok {
		return after
	}
	return c.connector.StatementTimeout
}

// newLimit returns the limit of a statement with that context.
func (c *Conn) newLimit(ctx context.Context) *deadline.Limit {
	return deadline.New(ctx, nil, c.statementTimeout(ctx), &c.timer)
}

// limit is newLimit for a statement in a transaction that others may share.
func (c *Conn) limit(ctx context.Context) *deadline.Limit {
	l := new(deadline.Limit)
	c.begins(ctx, l)
	return l
}

// begins is limit for one that is a part of something else.
func (c *Conn) begins(ctx context.Context, l *deadline.Limit) {
	derive := groupcommit.WithGrace
	if !c.group.IsOpen() || ctx.Done() == nil {
		derive = nil
	}
	l.Begin(ctx, derive, c.statementTimeout(ctx), &c.timer)
}

// kept stops a limit whose transaction goes on, and returns it for COMMIT or
// ROLLBACK. A session's own transaction gives it up: the statement that ends it
// brings a context of its own.
func kept(l *deadline.Limit, own bool) *deadline.Limit {
	if own {
		l.End()
		return nil
	}
	l.Stop()
	return l
}

// explain gives the error that a driver made of an ended context its reason: the
// time is up, or the caller has gone. Of the latter, a driver that closed the
// connection for it says no more than that it is closed.
func explain(l *deadline.Limit, of *Connector, err error) error {
	switch {
	case err == nil || l.Context().Err() == nil || errors.Is(err, dberr.ErrDatabaseClosed):
		return err
	case l.Severed():
		return errSevered
	case l.Late():
		return of.failure(dberr.ErrTimeout, errors.Join(
			fmt.Errorf("no answer within DATABASE_STATEMENT_TIMEOUT=%s", l.After()), engine.WithoutBadConn(withoutContext(err))))
	case errors.Is(err, driver.ErrBadConn):
		return l.Caller().Err()
	}
	return err
}

// withoutContext drops an error that only repeats that a context ended.
func withoutContext(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
