package dbmodule

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule/internal/sqlconn"
)

// Scope is what the database needs to know of the request or the job in whose
// contexts statements run. [WithLogFields] and [WithSessionsUsed] make such
// contexts. A context type of your own can return a Scope for [ScopeKey] instead,
// which costs nothing for each statement. A Scope's methods are safe for
// concurrent use.
type Scope interface {
	// LogFields returns fields for each log line about a statement. It is called
	// when there is a line to write, and the caller does not change the result.
	LogFields() []zap.Field
	// SessionUsed is called with the [Session.ID] of a session that acquires a
	// connection in the scope, by the goroutine that uses the session.
	SessionUsed(session uint64)
}

// ScopeKey is a context's key for its innermost [Scope].
type ScopeKey struct{}

// ScopeOf returns the innermost scope of a context, nil for none. A scope inside
// another one forwards its calls to the outer one.
func ScopeOf(ctx context.Context) Scope {
	scope, _ := ctx.Value(ScopeKey{}).(Scope)
	return scope
}

// WithLogFields returns a context whose statements are logged with these
// fields, such as a request's id, after the fields that ctx already has.
func WithLogFields(ctx context.Context, fields ...zap.Field) context.Context {
	if len(fields) == 0 {
		return ctx
	}
	return context.WithValue(ctx, ScopeKey{}, fieldScope{outer: ScopeOf(ctx), fields: slices.Clone(fields)})
}

// WithSessionsUsed returns a context that calls used, with the [Session.ID], each
// time a session acquires a connection with this context. By this number you find a
// request's statements in the log. used is called by the goroutine that uses
// the session.
func WithSessionsUsed(ctx context.Context, used func(session uint64)) context.Context {
	return context.WithValue(ctx, ScopeKey{}, usedScope{outer: ScopeOf(ctx), used: used})
}

type fieldScope struct {
	outer  Scope
	fields []zap.Field
}

func (s fieldScope) LogFields() []zap.Field {
	if s.outer == nil {
		return s.fields
	}
	return slices.Concat(s.outer.LogFields(), s.fields)
}

func (s fieldScope) SessionUsed(session uint64) {
	if s.outer != nil {
		s.outer.SessionUsed(session)
	}
}

type usedScope struct {
	outer Scope
	used  func(session uint64)
}

func (s usedScope) LogFields() []zap.Field {
	if s.outer == nil {
		return nil
	}
	return s.outer.LogFields()
}

func (s usedScope) SessionUsed(session uint64) {
	s.used(session)
	if s.outer != nil {
		s.outer.SessionUsed(session)
	}
}

func logFields(ctx context.Context) []zap.Field {
	if scope := ScopeOf(ctx); scope != nil {
		return scope.LogFields()
	}
	return nil
}

func tellSessionUsed(ctx context.Context, session uint64) {
	if scope := ScopeOf(ctx); scope != nil {
		scope.SessionUsed(session)
	}
}

// WithStatementTimeout returns a context whose statements have a time limit of
// their own instead of DATABASE_STATEMENT_TIMEOUT: a longer one for a report,
// 0 for none. The context's own deadline still applies.
func WithStatementTimeout(ctx context.Context, limit time.Duration) context.Context {
	return sqlconn.WithStatementTimeout(ctx, limit)
}
