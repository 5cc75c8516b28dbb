package dbmodule

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule/internal/prepared"
	"github.com/openhands-go/server/dbmodule/internal/sqlconn"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// ExecContext runs a statement with Bun's placeholders.
func (s *Session) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return s.exec(ctx, query, prepared.Origin{}, false, func(ctx context.Context, conn bun.Conn) (sql.Result, error) {
		return conn.ExecContext(ctx, query, args...)
	})
}

// QueryContext runs a query with Bun's placeholders. The caller closes the
// rows before the session's next statement.
func (s *Session) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return s.query(ctx, query, false, func(ctx context.Context, conn bun.Conn) (*sql.Rows, error) {
		return conn.QueryContext(ctx, query, args...)
	})
}

// QueryRowContext runs a query with Bun's placeholders that gives at most one
// row. Errors, the session's own too, come from the row's Scan.
func (s *Session) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return s.queryRow(ctx, query, false, func(ctx context.Context, conn bun.Conn) *sql.Row { return conn.QueryRowContext(ctx, query, args...) })
}

// exec runs a statement: it calls run with the context and the connection to use. complete is
// set if query is the final text, without arguments and after Bun's query hooks. Without a
// transaction such a statement runs on a connection of its own.
func (s *Session) exec(
	ctx context.Context, query string, origin prepared.Origin, complete bool, run func(context.Context, bun.Conn) (sql.Result, error),
) (sql.Result, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	switch {
	case !s.options.autocommits():
		if err := s.begin(ctx); err != nil {
			return nil, err
		}
		if origin.Pattern != nil {
			ctx = &sqlconn.Call{Caller: ctx, On: s.held.raw, Origin: origin}
		}
		return run(ctx, s.held.conn)
	case complete && s.held == nil:
		return s.execAlone(ctx, query, origin)
	default:
		return s.execHeld(ctx, query, run)
	}
}

// query is exec for a query.
func (s *Session) query(ctx context.Context, query string, complete bool, run func(context.Context, bun.Conn) (*sql.Rows, error)) (*sql.Rows, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	switch {
	case !s.runsWithoutTx(query):
		if err := s.begin(ctx); err != nil {
			return nil, err
		}
		return s.queryHeld(ctx, run)
	case complete && s.held == nil:
		return s.queryAlone(ctx, query)
	default:
		return s.readRows(ctx, query, run)
	}
}

// queryRow is exec for a query of one row.
func (s *Session) queryRow(ctx context.Context, query string, complete bool, run func(context.Context, bun.Conn) *sql.Row) *sql.Row {
	if err := s.enter(); err != nil {
		return failedRow(ctx, err)
	}
	defer s.leave()
	switch {
	case !s.runsWithoutTx(query):
		if err := s.begin(ctx); err != nil {
			return failedRow(ctx, err)
		}
		return s.queryRowHeld(ctx, run)
	case complete && s.held == nil:
		return s.queryRowAlone(ctx, query)
	default:
		return s.readRow(ctx, query, run)
	}
}

// runsWithoutTx reports whether a query runs without a transaction: each query of a session
// with Autocommit, and in a read-only session a SELECT that takes no locks. Any other query
// of a read-only session runs in a read-only transaction, in which the database refuses
// writes.
func (s *Session) runsWithoutTx(query string) bool {
	return s.options.autocommits() || s.readsWithoutTx() && sqltext.PlainSelect(s.factory.dialect, query)
}

// readsWithoutTx reports whether a SELECT that takes no locks runs without a transaction now.
func (s *Session) readsWithoutTx() bool {
	return s.options.readOnly && !s.options.snapshot && !s.inTx
}

// read runs a query outside a transaction, on a connection that the session keeps. In a
// read-only session it runs the query again on another connection if the first had lost its
// server while it was idle in the pool.
func (s *Session) read(ctx context.Context, text string, query func() error) error {
	if s.options.autocommits() {
		return s.readAutocommit(ctx, text, query)
	}
	for {
		if err := s.ensureConn(ctx); err != nil {
			return err
		}
		err := query()
		reused := s.held.lease.Reused()
		onPrimary := err != nil && s.retriesOnPrimary(ctx, s.held.pool, reused, err)
		if err == nil || !s.held.raw.Broken() && !onPrimary {
			return err
		}
		again := onPrimary || isStale(ctx, reused, err)
		if err = errors.Join(err, s.release()); !again {
			return err
		}
	}
}

// isStale reports whether a statement failed because its connection, which was reused, had
// lost its server while it was idle in the pool.
func isStale(ctx context.Context, reused bool, err error) bool {
	return reused && isUnavailable(err) && ctx.Err() == nil
}

func (s *Session) readRows(ctx context.Context, text string, run func(context.Context, bun.Conn) (*sql.Rows, error)) (rows *sql.Rows, err error) {
	err = s.read(ctx, text, func() (err error) {
		rows, err = s.queryHeld(ctx, run)
		return err
	})
	return rows, err
}

func (s *Session) readRow(ctx context.Context, text string, run func(context.Context, bun.Conn) *sql.Row) (row *sql.Row) {
	if err := s.read(ctx, text, func() error {
		row = s.queryRowHeld(ctx, run)
		return row.Err()
	}); err != nil {
		return failedRow(ctx, err) // row may be the row of an earlier attempt
	}
	return row
}

// followed is a query whose result the session follows: it closes the result if it is still
// open when the session ends.
type followed struct {
	openRows
	call sqlconn.Call
}

// follows makes the call of a query on the session's connection.
func (s *Session) follows(ctx context.Context, f *followed) *sqlconn.Call {
	f.call = sqlconn.Call{Caller: ctx, On: s.held.raw, Autocommit: s.options.autocommits(), Result: &f.Result}
	return &f.call
}

// queryHeld runs a query on the session's connection.
func (s *Session) queryHeld(ctx context.Context, run func(context.Context, bun.Conn) (*sql.Rows, error)) (*sql.Rows, error) {
	f := new(followed)
	rows, err := run(s.follows(ctx, f), s.held.conn)
	if err != nil {
		return nil, err
	}
	f.rows = rows
	s.results.follow(&f.openRows)
	return rows, nil
}

// queryRowHeld runs a query for one row on the session's connection.
func (s *Session) queryRowHeld(ctx context.Context, run func(context.Context, bun.Conn) *sql.Row) *sql.Row {
	f := new(followed)
	f.ForRow()
	row := run(s.follows(ctx, f), s.held.conn)
	s.results.follow(&f.openRows)
	return row
}

// openRows is a result that its session follows.
type openRows struct {
	sqlconn.Result
	rows *sql.Rows // nil for one row
}

// close closes the result if it is open. It may be called again.
func (o *openRows) close() {
	switch {
	case !o.IsOpen():
	case o.IsRow():
		o.Stop()
	default:
		_ = o.rows.Close() // a caller that reads on gets an error
	}
}

// openResults are the results of a session that may be open. Most often there is one; first
// is memory for it.
type openResults struct {
	all   []*openRows
	first [1]*openRows
}

// follow adds a result, and drops those that are closed.
func (r *openResults) follow(result *openRows) {
	kept := r.all[:0]
	for _, one := range r.all {
		if one.IsOpen() {
			kept = append(kept, one)
		}
	}
	clear(r.all[len(kept):])
	if kept == nil {
		kept = r.first[:0]
	}
	r.all = append(kept, result)
}

// open reports whether a result is open.
func (r *openResults) open() bool {
	for _, one := range r.all {
		if one.IsOpen() {
			return true
		}
	}
	return false
}

// close closes the results that are still open. If another goroutine reads from one, it
// waits for that.
func (r *openResults) close() {
	for i, one := range r.all {
		one.close()
		r.all[i] = nil
	}
	r.all = r.all[:0]
}

// Raw passes the session's connection to fn as the driver's own type, for features that
// only the driver has:
//
//   - PostgreSQL: a *pgx.Conn, with COPY, batches, LISTEN and large objects.
//   - SQLite: modernc's connection, by an interface with the methods that you need:
//     C is an interface such as interface{ Serialize() ([]byte, error) }.
//   - MySQL: go-sql-driver's connection, by the interfaces of database/sql/driver.
//
// On an engine whose connection is no C, fn does not run, and Raw returns an error.
//
// fn works in the session's transaction, which it must not begin, commit or roll back. In
// a session made with [Autocommit] it works without one, which LISTEN and VACUUM need. Its
// error is treated like a statement's: it ends the transaction, is returned with its type
// as far as the driver's errors have one, and what fn wrote is undone.
//
// fn has the time limit of one statement, DATABASE_STATEMENT_TIMEOUT; a context of
// [WithStatementTimeout] sets another limit, or none. fn must obey its ctx, which
// ends with that limit, and must not use conn after it returns.
//
// The log shows fn as one statement, RAW. The session can't know which settings,
// listeners or temporary tables fn leaves behind. So the connection is closed when the
// session releases it, and until then the session's statements are sent as text.
func Raw[C any](ctx context.Context, s *Session, fn func(ctx context.Context, conn C) error) error {
	return s.raw(ctx, func(ctx context.Context, conn any) error {
		wanted, ok := conn.(C)
		if !ok {
			return fmt.Errorf("dbmodule: raw: the connection of %s is a %T, not a %s", s.factory.engine, conn, reflect.TypeFor[C]())
		}
		return fn(ctx, wanted)
	})
}

func (s *Session) raw(ctx context.Context, fn func(ctx context.Context, conn any) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	if !s.options.autocommits() {
		if err := s.begin(ctx); err != nil {
			return err
		}
		return s.held.raw.Raw(ctx, nil, fn)
	}
	return s.autocommitHeld(ctx, "", func(call *sqlconn.Call) error { return s.held.raw.Raw(ctx, call, fn) })
}
