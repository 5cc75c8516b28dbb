package dbmodule

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/openhands-go/server/dbmodule/internal/retry"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// SessionFactory makes sessions of one database: SQLAlchemy's sessionmaker.
// It is safe for concurrent use. Give it to handlers and stores.
type SessionFactory struct {
	engine  Engine
	dialect sqltext.Dialect
	writer  *connPool
	reader  *connPool
	// replicas serve read-only sessions; nil where there are none.
	replicas *replicas
	// failover is set when the URL names several hosts of which one is the
	// primary: another than it was may be found.
	failover bool
	// ids counts the sessions of the database.
	ids *atomic.Uint64
	// defaults are what sessions begin with.
	defaults sessionOptions
}

// With returns a factory on the same database whose sessions have these options,
// for handlers that take a factory. Options that New and InTx get are added to
// them. Make such a factory once: a request has one session for each factory.
func (f *SessionFactory) With(opts ...SessionOption) *SessionFactory {
	with := *f
	with.defaults = f.defaults.with(opts)
	return &with
}

// Engine names the engine behind the sessions.
func (f *SessionFactory) Engine() Engine { return f.engine }

// New makes a session. It does no I/O; the caller closes the session.
func (f *SessionFactory) New(opts ...SessionOption) *Session {
	s := &Session{factory: f, id: f.ids.Add(1), attempt: 1, options: f.defaults}
	for _, opt := range opts {
		opt(&s.options)
	}
	return s
}

// InTx runs fn as one unit of work: it commits when fn returns nil and rolls
// back when fn returns an error or panics. fn's error is returned as it is,
// joined with a failing rollback's.
//
// When the database reports a conflict ([ErrConflict]) or the connection is
// lost ([ErrUnavailable]) before anything was committed, fn runs again with a
// new session, after a growing random pause, up to MaxAttempts times until ctx
// ends. So fn's other effects must be safe to repeat; put the rest into
// [Session.AfterCommit]. A commit whose outcome is unknown
// ([ErrCommitUnknown]) is never repeated without an [IdempotencyKey]. If fn has
// committed by itself, or had MySQL do so by DDL, nothing is repeated.
//
// s is closed for good when fn and its after-commit hooks have returned, also if fn left
// behind a goroutine that uses s: its later uses return [ErrSessionClosed].
//
// InTx inside fn, with fn's context and on the same database, returns [ErrNestedUnit]
// if both write: the two would not be stored together. Use s, or [Join]. If a unit of
// work must be stored even if the outer one fails, run it before or after the outer
// one. ReadOnly units of work may run inside others; they don't see the outer one's
// changes.
func (f *SessionFactory) InTx(
	ctx context.Context, fn func(ctx context.Context, s *Session) error, opts ...SessionOption,
) error {
	var doubtful *Session // the last attempt whose COMMIT got no answer
	if outer := f.outerUnit(ctx); outer != nil {
		o := f.defaults.with(opts)
		if o.join {
			return o.joins(ctx, outer, fn)
		}
		if err := o.refusesNested(outer); err != nil {
			return err
		}
	}
	for attempt := 1; ; attempt++ {
		s := f.New(opts...)
		if err := s.options.validInTx(); err != nil {
			return err
		}
		s.attempt = attempt
		began := time.Now()
		err := runInTx(ctx, s, fn)
		if errors.Is(err, errStored) {
			return doubtful.wasStored(ctx)
		}
		if s.unanswered != nil {
			doubtful = s
		}
		if err == nil || s.commits > 0 || !s.repeatable(err) {
			return doubtful.mayBeStored(err)
		}
		if attempt >= s.options.attempts() {
			return doubtful.mayBeStored(fmt.Errorf("dbmodule: gave up after %d attempts: %w", attempt, err))
		}
		f.writer.observers.Retrying(ctx, Retry{Attempt: attempt, Err: err})
		if !retry.Pause(ctx, attempt, time.Since(began)) {
			return doubtful.mayBeStored(errors.Join(err, ctx.Err()))
		}
	}
}

func runInTx(ctx context.Context, s *Session, fn func(ctx context.Context, s *Session) error) (err error) {
	// Runs on a panic too, which then goes on.
	defer func() { err = errors.Join(err, s.finish()) }()
	if err := s.claim(ctx); err != nil {
		return err
	}
	if err := s.within(ctx, fn); err != nil {
		return err
	}
	return s.Commit(ctx)
}

// repeatable tells errors after which the session's unit of work may run
// again. Its own COMMIT without an answer is one when a key tells whether the
// work is stored; somebody else's, which fn returned, is not.
func (s *Session) repeatable(err error) bool {
	if s.unanswered != nil {
		return s.options.key != nil
	}
	if s.factory.failover && !s.options.readOnly && errors.Is(err, ErrReadOnly) {
		return true // on the server that is the primary by now
	}
	return retry.Retryable(err)
}

func (f *SessionFactory) pool(readOnly bool) *connPool {
	if readOnly {
		return f.reader
	}
	return f.writer
}

// SessionOption changes what [SessionFactory.New] makes.
type SessionOption func(*sessionOptions)

type sessionOptions struct {
	readOnly    bool
	snapshot    bool
	isolation   sql.IsolationLevel
	maxAttempts int
	autocommit  bool
	// owner is who uses the session; nil for whoever made it.
	owner fmt.Stringer
	// ungated looks at the database while a migration keeps others out.
	ungated bool
	// key is the idempotency key, nil for none.
	key *string
	// join makes a unit of work inside another a part of that.
	join bool
}

// with returns the options with others besides.
func (o sessionOptions) with(opts []SessionOption) sessionOptions {
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

const defaultAttempts = 10

// validInTx is what is wrong with the options of a whole unit of work.
func (o sessionOptions) validInTx() error {
	if o.autocommits() {
		return errors.New("dbmodule: unit of work: InTx works in a transaction, so it can't be combined with Autocommit")
	}
	return o.validKey()
}

func (o sessionOptions) attempts() int {
	if o.maxAttempts > 0 {
		return o.maxAttempts
	}
	return defaultAttempts
}

// ReadOnly makes a session that refuses to write, with [ErrReadOnlySession]. On SQLite
// it uses the reader connections. If DATABASE_REPLICA_URLS names replicas, it
// uses one of those and may see the database as it was a moment ago, see
// [ReadYourWrites]. A SELECT that neither locks nor sets anything (set_config) runs by
// itself, without a transaction, and sees what is committed at that moment; use
// [Snapshot] for one consistent view over several. A query of Bun's builders holds a
// connection only until its rows are closed, so the next query may use another. On
// PostgreSQL and MySQL the session does not detect a SELECT that calls a function
// which writes.
func ReadOnly() SessionOption { return func(o *sessionOptions) { o.readOnly = true } }

// Snapshot makes a read-only session whose statements all see the database as
// it was at the first of them (REPEATABLE READ on PostgreSQL and MySQL).
func Snapshot() SessionOption {
	return func(o *sessionOptions) {
		o.readOnly, o.snapshot = true, true
		o.isolation = sql.LevelRepeatableRead
	}
}

// Isolation sets the level of the session's transactions. Without it the
// server's default holds: READ COMMITTED on PostgreSQL, REPEATABLE READ on
// MySQL. SQLite is always serializable and ignores it.
func Isolation(level sql.IsolationLevel) SessionOption {
	return func(o *sessionOptions) { o.isolation = level }
}

// Owner names the user of the session, such as a request, in the error about a full
// pool: "longest held for 3s by session 7 of …". Without an owner, the error names the
// statement of a session that reads without a transaction. For other sessions it names
// the function that made it acquire a connection; finding it costs two microseconds.
// owner.String is called when there is such an error, by any goroutine, and possibly
// when the session has just released its connection.
func Owner(owner fmt.Stringer) SessionOption { return func(o *sessionOptions) { o.owner = owner } }

// MaxAttempts limits how often [SessionFactory.InTx] runs a unit of work that
// meets conflicts; the default is 10, and 1 turns retries off.
func MaxAttempts(n int) SessionOption { return func(o *sessionOptions) { o.maxAttempts = max(n, 1) } }
