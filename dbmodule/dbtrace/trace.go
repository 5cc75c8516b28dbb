// Package dbtrace makes OpenTelemetry spans for a dbmodule.Database. Each unit of work gets a span,
// a child of the span in its context. Each statement gets a span, a child of its unit of work's. No
// span contains the values of a statement.
//
// Without fx: dbmodule.WithObserver(dbtrace.New(provider)).
package dbtrace

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"

	"github.com/openhands-go/server/dbmodule"
)

// Scope is the instrumentation scope of the spans.
const Scope = "github.com/openhands-go/server/dbmodule/dbtrace"

// longestText is how many bytes of a statement a span contains at most.
const longestText = 4 << 10

// Tracer is a [dbmodule.Observer] that makes spans. It is safe for concurrent
// use. Make one with [New].
type Tracer struct {
	tracer trace.Tracer
	// database is the name of the database, or "" for an application's main database.
	database string
}

var _ dbmodule.Observer = (*Tracer)(nil)

// New makes a Tracer whose spans go to provider. The caller shuts the provider down.
func New(provider trace.TracerProvider) *Tracer {
	return &Tracer{tracer: provider.Tracer(Scope)}
}

// Module traces the graph's databases with the graph's trace.TracerProvider, which it
// needs. Spans of a database of dbmodule.Named have its name as db.session.database.
var Module = fx.Module("dbtrace", dbmodule.AsObserverOfEach(func(provider trace.TracerProvider) dbmodule.ObserverOf {
	return func(database string) (dbmodule.Observer, error) {
		t := New(provider)
		t.database = database
		return t, nil
	}
}))

// UnitBegan begins the span of a unit of work. [Tracer.UnitEnded] ends it.
func (t *Tracer) UnitBegan(ctx context.Context, unit dbmodule.UnitOfWork) context.Context {
	ctx, span := t.tracer.Start(ctx, "unit of work", trace.WithAttributes(
		system(unit.Engine),
		attribute.String("db.client.connection.pool.name", string(unit.Pool)),
		attribute.Int64("db.session.id", int64(unit.Session)), //nolint:gosec // a count
		attribute.Int("db.session.attempt", unit.Attempt),
		attribute.Bool("db.session.read_only", unit.ReadOnly),
	))
	t.name(span)
	return ctx
}

// Acquired adds an event to the unit of work's span, with the time that it waited for a connection.
func (t *Tracer) Acquired(ctx context.Context, wait dbmodule.Acquisition) {
	span := trace.SpanFromContext(ctx)
	if wait.Err == nil && span.IsRecording() {
		span.AddEvent("connection acquired",
			trace.WithAttributes(attribute.Float64("db.client.connection.wait_time", wait.Took.Seconds())))
	}
}

// Statement makes the span of a statement, which has ended already.
func (t *Tracer) Statement(ctx context.Context, statement dbmodule.Statement) {
	operation := statement.Operation()
	_, span := t.tracer.Start(ctx, operation, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(statement.Began))
	defer span.End(trace.WithTimestamp(statement.Began.Add(statement.Took)))
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(
		system(statement.Engine),
		attribute.String("db.operation.name", operation),
		attribute.String("db.query.text", statement.Text(longestText)),
		attribute.Int64("db.session.id", int64(statement.Session)), //nolint:gosec // a count
	)
	t.name(span)
	fail(span, statement.Err, statement.ErrorText())
}

// UnitEnded ends the unit of work's span.
func (t *Tracer) UnitEnded(ctx context.Context, end dbmodule.UnitEnd) {
	span := trace.SpanFromContext(ctx)
	defer span.End()
	span.SetAttributes(attribute.String("db.session.outcome", string(end.Outcome)))
	fail(span, end.Err, dbmodule.ErrorKind(end.Err))
}

// Retrying adds an event to the caller's span: a unit of work runs again.
func (t *Tracer) Retrying(ctx context.Context, retry dbmodule.Retry) {
	trace.SpanFromContext(ctx).AddEvent("unit of work runs again", trace.WithTimestamp(time.Now()), trace.WithAttributes(
		attribute.Int("db.session.attempt", retry.Attempt),
		attribute.String("error.type", dbmodule.ErrorKind(retry.Err)),
	))
}

// name sets the name of the database in a span, if it has one.
func (t *Tracer) name(span trace.Span) {
	if t.database != "" {
		span.SetAttributes(attribute.String("db.session.database", t.database))
	}
}

// fail marks a span as failed if err is not nil. text describes err without values.
func fail(span trace.Span, err error, text string) {
	if err == nil {
		return
	}
	span.SetAttributes(attribute.String("error.type", dbmodule.ErrorKind(err)))
	span.SetStatus(codes.Error, text)
}

// system returns the attribute db.system.name. OpenTelemetry's names of the engines are those of
// this module.
func system(engine dbmodule.Engine) attribute.KeyValue {
	return attribute.String("db.system.name", string(engine))
}
