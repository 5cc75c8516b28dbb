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

// WithStatementTimeout returns a context whose statements have this time limit instead of
// DATABASE_STATEMENT_TIMEOUT; 0 is no limit. The context's deadline still applies.
func WithStatementTimeout(ctx context.Context, limit time.Duration) context.Context {
	return context.WithValue(ctx, statementTimeoutKey{}, limit)
}

// statementTimeout is the time limit of a statement with that context: the one of
// WithStatementTimeout, or else the connection's.
func (c *Conn) statementTimeout(ctx context.Context) time.Duration {
	if after, ok := ctx.Value(statementTimeoutKey{}).(time.Duration); ok {
		return after
	}
	return c.connector.StatementTimeout
}

// newLimit starts the limit of a statement.
func (c *Conn) newLimit(ctx context.Context) *deadline.Limit {
	l := new(deadline.Limit)
	c.startLimit(ctx, l)
	return l
}

// startLimit is newLimit for a limit that the caller has allocated. In a transaction that
// others share, a statement may go on a moment after its caller has left.
func (c *Conn) startLimit(ctx context.Context, l *deadline.Limit) {
	derive := groupcommit.WithGrace
	if !c.group.IsOpen() || ctx.Done() == nil {
		derive = nil
	}
	l.Begin(ctx, derive, c.statementTimeout(ctx), &c.timer)
}

// endLimit returns a limit for COMMIT or ROLLBACK, which starts when one of them is sent.
func (c *Conn) endLimit(ctx context.Context) *deadline.Limit {
	l := deadline.New(ctx, nil, c.statementTimeout(ctx), &c.timer)
	l.Stop()
	return l
}

// explain replaces the error that a driver returned because the limit's context ended, by
// the reason: the time limit was over, the caller's context ended, or Close ended the
// connection. Some drivers say only that the connection is closed.
func explain(l *deadline.Limit, connector *Connector, err error) error {
	switch {
	case err == nil || l.Context().Err() == nil || errors.Is(err, dberr.ErrDatabaseClosed):
		return err
	case l.Severed():
		return errSevered
	case l.Late():
		return connector.failure(dberr.ErrTimeout, errors.Join(
			fmt.Errorf("no answer within DATABASE_STATEMENT_TIMEOUT=%s", l.After()), engine.WithoutBadConn(engine.WithoutContext(err))))
	case errors.Is(err, driver.ErrBadConn):
		return l.Caller().Err()
	}
	return err
}
