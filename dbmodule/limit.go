package dbmodule

import (
	"context"
	"time"

	"github.com/openhands-go/server/dbmodule/internal/sqlconn"
)

// WithStatementTimeout returns a context whose statements have a time limit of
// their own instead of DATABASE_STATEMENT_TIMEOUT: a longer one for a report,
// 0 for none. The context's own deadline holds beside it.
func WithStatementTimeout(ctx context.Context, limit time.Duration) context.Context {
	return sqlconn.WithStatementTimeout(ctx, limit)
}
