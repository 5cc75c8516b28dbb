package sqlconn

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"sync"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// severable is an engine's connection that can be closed while somebody uses it, as
// [Database.Close] does at its time limit. An engine's connection takes one call at a
// time; mu makes sever wait for the call that runs.
type severable struct {
	engine.Conn

	mu      sync.Mutex
	severed bool
	// open are the results that are not closed.
	open []driver.Rows
}

// errSevered is the error of every use after sever.
var errSevered = fmt.Errorf("dbmodule: use connection: %w", dberr.ErrDatabaseClosed)

// sever closes the connection and its results. The server, or SQLite, rolls back what is not
// committed.
func (s *severable) sever() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.severed {
		return
	}
	s.severed = true
	for _, rows := range s.open {
		_ = rows.Close() // nobody reads the rest
	}
	s.open = nil
	_ = s.Conn.Close() // a server that could not be told notices by itself
}

// enter admits one call, after which the caller unlocks mu.
func (s *severable) enter() error {
	s.mu.Lock()
	if s.severed {
		s.mu.Unlock()
		return errSevered
	}
	return nil
}

// call calls f unless the connection is severed.
func (s *severable) call(f func() error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	return f()
}

// get is call for a function with a result. If the connection is severed, the result is the
// zero value.
func get[T any](s *severable, f func() (T, error)) (result T, err error) {
	if err := s.enter(); err != nil {
		return result, err
	}
	defer s.mu.Unlock()
	return f()
}

func (s *severable) Begin(ctx context.Context, opts engine.TxOptions) error {
	return s.call(func() error { return s.Conn.Begin(ctx, opts) })
}

func (s *severable) Commit(ctx context.Context) error {
	return s.call(func() error { return s.Conn.Commit(ctx) })
}

// Rollback does nothing on a severed connection, which is rolled back.
func (s *severable) Rollback(ctx context.Context) error {
	if s.enter() != nil {
		return nil
	}
	defer s.mu.Unlock()
	return s.Conn.Rollback(ctx)
}

func (s *severable) Exec(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return get(s, func() (driver.Result, error) { return s.Conn.Exec(ctx, query, args) })
}

// Query adds the result to open, until closeRows.
func (s *severable) Query(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return get(s, func() (driver.Rows, error) { return s.opened(s.Conn.Query(ctx, query, args)) })
}

func (s *severable) QueryAnySettings(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return get(s, func() (driver.Rows, error) { return s.opened(s.Conn.QueryAnySettings(ctx, query, args)) })
}

func (s *severable) opened(rows driver.Rows, err error) (driver.Rows, error) {
	if err == nil {
		s.open = append(s.open, rows)
	}
	return rows, err
}

func (s *severable) next(rows driver.Rows, dest []driver.Value) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	return rows.Next(dest)
}

// closeRows closes a result of the connection.
func (s *severable) closeRows(rows driver.Rows) error {
	if s.enter() != nil {
		return nil
	}
	defer s.mu.Unlock()
	if i := slices.Index(s.open, rows); i >= 0 {
		s.open = slices.Delete(s.open, i, i+1)
	}
	return rows.Close()
}

func (s *severable) Prepare(ctx context.Context, query string) (engine.Stmt, error) {
	return get(s, func() (engine.Stmt, error) { return s.prepared(s.Conn.Prepare(ctx, query)) })
}

func (s *severable) PrepareOwn(ctx context.Context, query string) (st engine.Stmt, parameters []uint32, err error) {
	st, err = get(s, func() (engine.Stmt, error) {
		inner, types, err := s.Conn.PrepareOwn(ctx, query)
		parameters = types
		return s.prepared(inner, err)
	})
	return st, parameters, err
}

func (s *severable) prepared(st engine.Stmt, err error) (engine.Stmt, error) {
	if err != nil {
		return nil, err
	}
	return &severableStmt{Stmt: st, on: s}, nil
}

func (s *severable) SettingsChanged() bool {
	changed, _ := get(s, func() (bool, error) { return s.Conn.SettingsChanged(), nil }) // false for a severed one
	return changed
}

func (s *severable) KeepsStatements(ctx context.Context) (bool, error) {
	return get(s, func() (bool, error) { return s.Conn.KeepsStatements(ctx) })
}

func (s *severable) Restart(ctx context.Context) error {
	return s.call(func() error { return s.Conn.Restart(ctx) })
}

func (s *severable) Forget(ctx context.Context) error {
	return s.call(func() error { return s.Conn.Forget(ctx) })
}

func (s *severable) Native(ctx context.Context) (any, error) {
	return get(s, func() (any, error) { return s.Conn.Native(ctx) })
}

func (s *severable) Control(ctx context.Context, statement string) error {
	return s.call(func() error { return s.Conn.Control(ctx, statement) })
}

func (s *severable) Ping(ctx context.Context) error {
	if s.enter() != nil {
		return driver.ErrBadConn
	}
	defer s.mu.Unlock()
	return s.Conn.Ping(ctx)
}

func (s *severable) Reset(ctx context.Context) error {
	if s.enter() != nil {
		return driver.ErrBadConn
	}
	defer s.mu.Unlock()
	return s.Conn.Reset(ctx)
}

func (s *severable) Valid() bool {
	valid, _ := get(s, func() (bool, error) { return s.Conn.Valid(), nil }) // false for a severed one
	return valid
}

// Close closes the connection, unless it is severed.
func (s *severable) Close() error {
	if s.enter() != nil {
		return nil
	}
	defer s.mu.Unlock()
	s.severed = true
	return s.Conn.Close()
}

func (s *severable) CommitFails() error { return s.call(s.Conn.CommitFails) }

func (s *severable) SchemaUndoes(ctx context.Context) bool {
	undoes, err := get(s, func() (bool, error) { return s.Conn.SchemaUndoes(ctx), nil })
	return undoes || err != nil
}

// severableStmt is a prepared statement of a severable connection.
type severableStmt struct {
	engine.Stmt
	on *severable
}

func (st *severableStmt) Exec(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return get(st.on, func() (driver.Result, error) { return st.Stmt.Exec(ctx, args) })
}

func (st *severableStmt) Query(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return get(st.on, func() (driver.Rows, error) { return st.on.opened(st.Stmt.Query(ctx, args)) })
}

// Close does nothing on a severed connection.
func (st *severableStmt) Close() error {
	if st.on.enter() != nil {
		return nil
	}
	defer st.on.mu.Unlock()
	return st.Stmt.Close()
}
