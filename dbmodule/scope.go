package dbmodule

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule/internal/sqlconn"
)

// Scope is the request, the job or the like in whose contexts statements run, as
// far as it concerns the database. [WithLogFields] and [WithSessionsUsed] make
// such contexts; one that has a type of its own returns itself or another Scope
// for [ScopeKey], which costs nothing for each statement. Its methods are safe for
// concurrent use.
type Scope interface {
	// LogFields returns what each line about a statement should have. It is called
	// when there is a line to write, and the result is not changed.
	LogFields() []zap.Field
	// SessionUsed is told which session, by its [Session.ID], takes a connection
	// in the scope, by the goroutine that uses the session.
	SessionUsed(session uint64)
}

// ScopeKey is a context's key for its innermost [Scope].
type ScopeKey struct{}

// ScopeOf returns the innermost scope of a context, nil for none. A scope that is
// made inside another hands on to that what it is asked and told.
func ScopeOf(ctx context.Context) Scope {
	scope, _ := ctx.Value(ScopeKey{}).(Scope)
	return scope
}

// WithLogFields returns a context whose statements are logged with these
// fields, such as a request's id, after those that ctx has already.
func WithLogFields(ctx context.Context, fields ...zap.Field) context.Context {
	if len(fields) == 0 {
		return ctx
	}
	return context.WithValue(ctx, ScopeKey{}, fieldScope{outer: ScopeOf(ctx), fields: slices.Clone(fields)})
}

// WithSessionsUsed returns a context that tells used which sessions took a
// connection with it, by their [Session.ID], each time one does: what a request
// did can be found in the log by that. used is called by the goroutine that uses
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
// 0 for none. The context's own deadline holds beside it.
func WithStatementTimeout(ctx context.Context, limit time.Duration) context.Context {
	return sqlconn.WithStatementTimeout(ctx, limit)
}
