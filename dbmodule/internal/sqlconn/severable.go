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

// severable is an engine's connection that can be closed under the hands of whoever
// uses it, as the end of [Database.Close] does. An engine's connection takes one
// caller at a time; this makes whoever closes it wait for the call in progress.
type severable struct {
	engine.Conn

	mu      sync.Mutex
	severed bool
	// open are the results that are not closed.
	open []driver.Rows
}

// errSevered is the error of every use after sever.
var errSevered = fmt.Errorf("dbmodule: use connection: %w", dberr.ErrDatabaseClosed)

// sever closes the connection, and with it its results. Its server, or SQLite, rolls
// back what is not committed.
func (s *severable) sever() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.severed {
		return
	}
	s.severed = true
	for _, rows := range s.open {
		_ = rows.Close() // what is left of it nobody reads
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

func (s *severable) call(f func() error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	return f()
}

func (s *severable) Begin(ctx context.Context, opts engine.TxOptions) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	return s.Conn.Begin(ctx, opts)
}

func (s *severable) Commit(ctx context.Context) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	return s.Conn.Commit(ctx)
}

// Rollback of a severed connection is done.
func (s *severable) Rollback(ctx context.Context) error {
	if s.enter() != nil {
		return nil
	}
	defer s.mu.Unlock()
	return s.Conn.Rollback(ctx)
}

func (s *severable) Exec(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	return s.Conn.Exec(ctx, query, args)
}

// Query keeps the result in mind until closeRows.
func (s *severable) Query(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	return s.opened(s.Conn.Query(ctx, query, args))
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

// closeRows closes a result of the connection's.
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
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	return s.prepared(s.Conn.Prepare(ctx, query))
}

func (s *severable) PrepareOwn(ctx context.Context, query string) (st engine.Stmt, parameters []uint32, err error) {
	err = s.call(func() (err error) {
		st, parameters, err = s.Conn.PrepareOwn(ctx, query)
		return err
	})
	st, err = s.prepared(st, err)
	return st, parameters, err
}

func (s *severable) QueryAnySettings(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	return s.opened(s.Conn.QueryAnySettings(ctx, query, args))
}

func (s *severable) SettingsChanged() (changed bool) {
	_ = s.call(func() error {
		changed = s.Conn.SettingsChanged()
		return nil
	})
	return changed
}

func (s *severable) prepared(st engine.Stmt, err error) (engine.Stmt, error) {
	if err != nil {
		return nil, err
	}
	return &severableStmt{Stmt: st, on: s}, nil
}

func (s *severable) KeepsStatements(ctx context.Context) (keeps bool, err error) {
	err = s.call(func() (err error) {
		keeps, err = s.Conn.KeepsStatements(ctx)
		return err
	})
	return keeps, err
}

func (s *severable) Restart(ctx context.Context) error {
	return s.call(func() error { return s.Conn.Restart(ctx) })
}

func (s *severable) Forget(ctx context.Context) error {
	return s.call(func() error { return s.Conn.Forget(ctx) })
}

func (s *severable) Native(ctx context.Context) (conn any, err error) {
	err = s.call(func() (err error) {
		conn, err = s.Conn.Native(ctx)
		return err
	})
	return conn, err
}

func (s *severable) Control(ctx context.Context, statement string) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	return s.Conn.Control(ctx, statement)
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
	if s.enter() != nil {
		return false
	}
	defer s.mu.Unlock()
	return s.Conn.Valid()
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
	undoes := true
	_ = s.call(func() error {
		undoes = s.Conn.SchemaUndoes(ctx)
		return nil
	})
	return undoes
}

// severableStmt is a prepared statement of a severable connection.
type severableStmt struct {
	engine.Stmt
	on *severable
}

func (st *severableStmt) Exec(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := st.on.enter(); err != nil {
		return nil, err
	}
	defer st.on.mu.Unlock()
	return st.Stmt.Exec(ctx, args)
}

func (st *severableStmt) Query(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := st.on.enter(); err != nil {
		return nil, err
	}
	defer st.on.mu.Unlock()
	return st.on.opened(st.Stmt.Query(ctx, args))
}

// Close of a severed connection's statement is done.
func (st *severableStmt) Close() error {
	if st.on.enter() != nil {
		return nil
	}
	defer st.on.mu.Unlock()
	return st.Stmt.Close()
}
