package dbmodule

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/groupcommit"
	"github.com/openhands-go/server/dbmodule/internal/sqlconn"
)

// lateRollback limits a ROLLBACK after the context of the last statement has ended: a caller
// past its deadline should not wait long.
const lateRollback = 100 * time.Millisecond

// Session is a unit of work over Bun, with the semantics of SQLAlchemy's
// Session. It is a bun.IDB: every function that takes a bun.IDB takes a session.
//
// A session does nothing until its first statement, which acquires a connection
// from the pool and begins a transaction. On PostgreSQL BEGIN is sent together with
// that statement if the statement is prepared (see DATABASE_STATEMENT_CACHE_SIZE), and
// costs no extra round trip. The session keeps both until Commit, Rollback or
// Close, and can be used again afterwards. The caller that made a session closes it;
// Close rolls back what was not committed, and closes results that are still open.
// [ReadOnly] and [Autocommit] say which statements need no
// transaction and keep no connection.
//
// A statement that fails outside a savepoint ends the transaction: until
// Rollback or Close every use returns [ErrPendingRollback] with the first
// error, and Commit stores nothing. A missing row ([ErrNotFound])
// is no failure.
//
// A session belongs to one goroutine at a time. Two that use it at once get
// [ErrConcurrentUse], not a data race.
//
// A connection serves one result at a time. While rows are open, or a row is not
// scanned, the session refuses its next statement or savepoint with [ErrRowsOpen], on
// every engine. It accepts statements again once the rows are closed or read to their
// end. In a transaction the refused statement counts as a failed one. Commit, Rollback,
// Close and the end of a savepoint close rows that are open then; a caller that still
// reads them gets no more rows. Only the queries of Bun's builders in a [ReadOnly] session
// have a connection each, and may be open at the same time.
//
// A time is stored as a moment, whatever zone it is in: it is sent in UTC and truncated to
// microseconds, the most that columns keep. The struct that was inserted keeps its own
// time. If the two have to be equal, read the row back, or truncate the time before by
// t.Truncate(time.Microsecond).
//
// Only Commit, Rollback and Close end the transaction. COMMIT, ROLLBACK and the like are refused as
// statements.
//
// The transaction does not end with the context of the statement that began
// it; each statement, Commit and Rollback obey their own context.
type Session struct {
	factory *SessionFactory
	options sessionOptions
	id      uint64
	attempt int
	unit    observedUnit

	// mu is taken only by TryLock, to detect use by two goroutines.
	mu sync.Mutex
	// sealed is set for good by Seal, also while somebody uses the session.
	sealed atomic.Pointer[sealing]

	held *heldConn // the connection, nil until the first statement
	inTx bool
	// adopted is the transaction as a bun.Tx, zero until a savepoint needs it.
	adopted bun.Tx
	last    context.Context // the context of the transaction's last statement
	hooks   afterCommit
	commits int
	// unanswered is the last COMMIT that got no answer, nil for none.
	unanswered *unansweredCommit
	results    openResults
	// fromPrimary is set when a replica could not answer a query: the rest of the unit of
	// work reads from the primary.
	fromPrimary bool
}

// unansweredCommit is a COMMIT that got no answer. hooks run if it turns out to be stored.
type unansweredCommit struct {
	err   error
	hooks []hook
}

var _ bun.IDB = (*Session)(nil)

// ID is the session's number within its Database, from 1. The log shows it as
// session.
func (s *Session) ID() uint64 { return s.id }

// ReadOnly reports whether the session refuses to write.
func (s *Session) ReadOnly() bool { return s.options.readOnly }

// Commit stores the session's changes, releases its connection and runs the
// after-commit hooks. Without a transaction it only runs the hooks.
//
// Any error means that the hooks did not run. [ErrCommitUnknown] means that the
// outcome is unknown; after every other error nothing is stored. If ctx ends
// before COMMIT is sent, the transaction is rolled back.
func (s *Session) Commit(ctx context.Context) error {
	hooks, err := s.commit(ctx)
	runHooks(ctx, hooks)
	return err
}

func (s *Session) commit(ctx context.Context) ([]hook, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()

	hooks := s.hooks.take(s.keeps)
	s.fromPrimary = false
	if !s.inTx {
		return hooks, s.release()
	}
	if err := ctx.Err(); err != nil {
		s.last = ctx
		return nil, errors.Join(fmt.Errorf("dbmodule: commit: %w", err), s.rollback())
	}

	s.closeForEnd()
	commit := &sqlconn.Call{Caller: ctx, On: s.held.raw, Does: sqlconn.Commits, Shares: true}
	err := s.control(commit)
	var seen *groupcommit.Acknowledgement
	switch {
	case err == nil && commit.Acknowledged != nil:
		err = s.awaitCommit(ctx, commit.Acknowledged)
	default:
		s.unit.setOutcome(err)
		seen = commit.Acknowledged
	}
	if err != nil {
		if s.unanswered = nil; errors.Is(err, ErrCommitUnknown) {
			s.unanswered = &unansweredCommit{err, hooks}
		}
		return nil, errors.Join(fmt.Errorf("dbmodule: commit: %w", err), s.release(), awaitSeen(ctx, seen))
	}
	s.commits++
	s.noteWrite(ctx)
	_ = s.release() // the transaction is stored; the pool drops a connection that fails
	return hooks, nil
}

// Rollback undoes the session's changes since the transaction began and releases
// its connection. Without a transaction it does nothing. ctx only limits the
// wait: if the rollback can't be sent, the connection is dropped, which has the
// same effect.
//
// On SQLite the session may have seen changes of others that share its transaction and
// are not stored yet ([Config.GroupCommit]). Rollback and Close then wait until they
// are. If those changes fail, the error is [ErrConflict]: nothing that was read can be
// relied on.
func (s *Session) Rollback(ctx context.Context) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	seen, err := s.undo(ctx)
	return errors.Join(err, awaitSeen(ctx, seen))
}

// InNested runs fn inside a savepoint: SQLAlchemy's begin_nested. On nil the
// savepoint is released; on an error or a panic the work since then is undone
// while the transaction goes on. Rows that fn left open are closed. An error of fn
// is returned as it is.
func (s *Session) InNested(ctx context.Context, fn func(ctx context.Context) error) error {
	return s.RunInTx(ctx, nil, func(ctx context.Context, _ bun.Tx) error { return fn(ctx) })
}

// RunInTx is InNested for code written against bun.IDB; the tx given to fn and
// the session itself both work inside the savepoint. Options are ignored: a
// savepoint has none.
func (s *Session) RunInTx(
	ctx context.Context, _ *sql.TxOptions, fn func(ctx context.Context, tx bun.Tx) error,
) (err error) {
	savepoint, err := s.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	done := false
	defer func() {
		if done {
			return
		}
		if undo := savepoint.Rollback(); undo != nil {
			err = errors.Join(err, fmt.Errorf("dbmodule: roll back to savepoint: %w", undo))
		}
	}()
	if err := fn(ctx, savepoint); err != nil {
		return err
	}
	if err := savepoint.Commit(); err != nil {
		return fmt.Errorf("dbmodule: release savepoint: %w", err)
	}
	done = true
	return nil
}

// BeginTx begins a savepoint, which the returned tx commits or rolls back by
// itself. Options are ignored. [Session.InNested] is harder to get wrong.
func (s *Session) BeginTx(ctx context.Context, _ *sql.TxOptions) (bun.Tx, error) {
	if err := s.enter(); err != nil {
		return bun.Tx{}, err
	}
	defer s.leave()
	if s.options.autocommits() {
		return bun.Tx{}, fmt.Errorf("dbmodule: begin savepoint: %w", errAutocommit)
	}
	if err := s.begin(ctx); err != nil {
		return bun.Tx{}, err
	}
	adopted, err := s.adopt(ctx)
	if err != nil {
		return bun.Tx{}, err
	}
	// The savepoint keeps ctx for its own RELEASE: one that may end earlier
	// than the transaction must not take that along.
	return adopted.BeginTx(context.WithoutCancel(ctx), nil)
}

// begin begins a transaction, unless one is open. If the connection had lost its server while
// it was idle in the pool, begin uses another one.
func (s *Session) begin(ctx context.Context) error {
	if s.inTx {
		s.last = ctx
		return nil
	}
	for {
		if err := s.ensureConn(ctx); err != nil {
			return err
		}
		err := s.control(&sqlconn.Call{
			Caller: ctx, On: s.held.raw, Does: sqlconn.Begins,
			Options: engine.TxOptions{Isolation: s.options.isolation, ReadOnly: s.options.readOnly, MayWait: true},
		})
		if err == nil {
			s.inTx, s.last = true, ctx
			return nil
		}
		if errors.Is(err, ErrRowsOpen) { // the caller still reads them: the session keeps its connection
			return fmt.Errorf("dbmodule: begin: %w", err)
		}
		reused := s.held.lease.Reused()
		again := isUnavailable(err) && s.retriesOnPrimary(ctx, s.held.pool, reused, err) || isStale(ctx, reused, err)
		s.unit.err = err
		err = errors.Join(fmt.Errorf("dbmodule: begin: %w", err), s.release())
		if !again {
			return err
		}
	}
}

// whenDone is context.AfterFunc. It costs nothing for a context that can't end.
func whenDone(ctx context.Context, f func()) (stop func() bool) {
	if ctx.Done() == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(ctx, f)
}

// rollback is Rollback for a caller without a context: it waits until the context of the
// session's last statement ends.
func (s *Session) rollback() error {
	last := s.last
	seen, err := s.undo()
	if seen == nil {
		return err
	}
	unstored := awaitSeen(last, seen)
	if last.Err() == nil { // otherwise the caller has left
		err = errors.Join(err, unstored)
	}
	return err
}

// undo rolls back. If one of the contexts ends first, the connection is closed instead. If
// the session shared a transaction with others, undo returns the acknowledgement for
// awaitSeen.
func (s *Session) undo(within ...context.Context) (*groupcommit.Acknowledgement, error) {
	s.hooks.take(s.keeps)
	s.fromPrimary = false
	if !s.inTx {
		return nil, s.release()
	}
	s.closeForEnd()
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.last))
	defer cancel()
	timer := time.AfterFunc(sqlconn.RollbackTimeout, cancel)
	defer timer.Stop()
	stop := whenDone(s.last, func() { timer.Reset(lateRollback) })
	defer stop()
	for _, other := range within {
		stop := whenDone(other, cancel)
		defer stop()
	}
	rollback := &sqlconn.Call{Caller: ctx, On: s.held.raw, Does: sqlconn.RollsBack}
	err := s.control(rollback)
	s.unit.outcome = OutcomeRollback
	if errors.Is(err, sql.ErrTxDone) || errors.Is(err, sql.ErrConnDone) {
		err = nil // without its connection the transaction is rolled back
	}
	return rollback.Acknowledged, errors.Join(err, s.release())
}

// sealing is why a session is closed for good.
type sealing struct{ reason error }

// Active reports whether the session holds a connection: whether a statement
// ran since it was made, committed or rolled back, or for SELECTs that run by
// themselves (see [ReadOnly]), whether rows are open.
func (s *Session) Active() bool {
	if !s.mu.TryLock() {
		return true // in use at this moment
	}
	defer s.leave()
	return s.held != nil || s.results.open()
}

// Close rolls back what was not committed and releases the connection. It
// may be called any number of times; a closed session can be used again.
func (s *Session) Close() error {
	if !s.mu.TryLock() {
		return fmt.Errorf("dbmodule: close: %w", ErrConcurrentUse)
	}
	defer s.leave()
	return s.rollback()
}

// Seal closes the session for good: every later use returns reason. It is for
// owners whose unit of work has ended while others may still hold the
// session, such as an HTTP response that has begun.
//
// If another goroutine is inside a call of the session, Seal returns
// [ErrConcurrentUse]. The session is closed when that call returns.
func (s *Session) Seal(reason error) error {
	if reason == nil {
		reason = ErrSessionClosed
	}
	s.sealed.Store(&sealing{reason})
	if !s.mu.TryLock() {
		return fmt.Errorf("dbmodule: seal: %w", ErrConcurrentUse)
	}
	defer s.mu.Unlock()
	return s.rollback()
}

// enter admits one goroutine, which calls leave.
func (s *Session) enter() error {
	if !s.mu.TryLock() {
		return fmt.Errorf("dbmodule: session: %w", ErrConcurrentUse)
	}
	if sealed := s.sealed.Load(); sealed != nil {
		s.leave()
		return sealed.reason
	}
	s.noteStep()
	return nil
}

// leave lets others use the session. One that was sealed meanwhile is closed: nobody else
// is going to do that.
func (s *Session) leave() {
	s.mu.Unlock()
	if s.sealed.Load() == nil || !s.mu.TryLock() { // who has it leaves it too
		return
	}
	defer s.mu.Unlock()
	_ = s.rollback() // whoever sealed it was told that it was in use
}
