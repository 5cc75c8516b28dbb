package engine

import (
	"context"
	"database/sql/driver"
	"fmt"
)

// DriverConn is the part of a Conn that is the same for every driver: it passes
// statements on. An engine embeds it and adds the rest.
type DriverConn struct {
	inner    driver.Conn
	execer   driver.ExecerContext
	queryer  driver.QueryerContext
	preparer driver.ConnPrepareContext
}

// NewDriverConn refuses a connection whose driver can't run statements with
// contexts. All drivers of ours can.
func NewDriverConn(inner driver.Conn) (DriverConn, error) {
	c := DriverConn{inner: inner}
	var execs, queries, prepares bool
	c.execer, execs = inner.(driver.ExecerContext)
	c.queryer, queries = inner.(driver.QueryerContext)
	c.preparer, prepares = inner.(driver.ConnPrepareContext)
	if !execs || !queries || !prepares {
		return DriverConn{}, fmt.Errorf("dbmodule: connect: the driver's %T takes no contexts", inner)
	}
	return c, nil
}

// Exec implements Conn.
func (c *DriverConn) Exec(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.execer.ExecContext(ctx, query, args)
}

// Query implements Conn.
func (c *DriverConn) Query(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.queryer.QueryContext(ctx, query, args)
}

// Prepare implements Conn.
func (c *DriverConn) Prepare(ctx context.Context, query string) (Stmt, error) {
	inner, err := c.preparer.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return NewDriverStmt(inner)
}

// PrepareOwn implements Conn.
func (c *DriverConn) PrepareOwn(ctx context.Context, query string) (Stmt, []uint32, error) {
	st, err := c.Prepare(ctx, query)
	return st, nil, err
}

// ClosesLate implements Conn.
func (c *DriverConn) ClosesLate() bool { return false }

// QueryAnySettings implements Conn.
func (c *DriverConn) QueryAnySettings(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.Query(ctx, query, args)
}

// SettingsChanged implements Conn.
func (c *DriverConn) SettingsChanged() bool { return false }

// KeepsStatements implements Conn.
func (c *DriverConn) KeepsStatements(context.Context) (bool, error) { return true, nil }

// DiscardsRows implements Conn.
func (c *DriverConn) DiscardsRows() bool { return false }

// OneResult implements Conn.
func (c *DriverConn) OneResult() bool { return true }

// AbortsOnError implements Conn.
func (c *DriverConn) AbortsOnError() bool { return false }

// Restart implements Conn for an engine that has no need of it.
func (c *DriverConn) Restart(context.Context) error { return nil }

// Control implements Conn.
func (c *DriverConn) Control(ctx context.Context, statement string) error {
	_, err := c.Exec(ctx, statement, nil)
	return err
}

// CommitFails implements Conn for an engine where no COMMIT is shared.
func (c *DriverConn) CommitFails() error { return nil }

// SchemaUndoes implements Conn for an engine where no COMMIT is shared.
func (c *DriverConn) SchemaUndoes(context.Context) bool { return true }

// Ping implements Conn.
func (c *DriverConn) Ping(ctx context.Context) error {
	if pinger, ok := c.inner.(driver.Pinger); ok {
		return pinger.Ping(ctx)
	}
	return nil
}

// Reset implements Conn.
func (c *DriverConn) Reset(ctx context.Context) error {
	if resetter, ok := c.inner.(driver.SessionResetter); ok {
		return resetter.ResetSession(ctx)
	}
	return nil
}

// Forget implements Conn for an engine whose functions leave nothing.
func (c *DriverConn) Forget(context.Context) error { return nil }

// Valid implements Conn.
func (c *DriverConn) Valid() bool {
	if validator, ok := c.inner.(driver.Validator); ok {
		return validator.IsValid()
	}
	return true
}

// CheckValue implements Conn.
func (c *DriverConn) CheckValue(value *driver.NamedValue) error {
	if checker, ok := c.inner.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(value)
	}
	return driver.ErrSkip
}

// Abandon implements Conn for an engine whose server notices by itself.
func (c *DriverConn) Abandon(context.Context) {}

// Driver implements Conn.
func (c *DriverConn) Driver() driver.Conn { return c.inner }

// Native implements Conn for a driver whose users have its driver.Conn.
func (c *DriverConn) Native(context.Context) (any, error) { return c.inner, nil }

// Close implements Conn.
func (c *DriverConn) Close() error { return c.inner.Close() }

// DriverStmt is a Stmt of a driver that has nothing special.
type DriverStmt struct {
	inner   driver.Stmt
	execer  driver.StmtExecContext
	queryer driver.StmtQueryContext
}

// NewDriverStmt closes and refuses a statement whose driver takes no contexts.
func NewDriverStmt(inner driver.Stmt) (*DriverStmt, error) {
	execer, execs := inner.(driver.StmtExecContext)
	queryer, queries := inner.(driver.StmtQueryContext)
	if !execs || !queries {
		_ = inner.Close()
		return nil, fmt.Errorf("dbmodule: prepare: the driver's %T takes no contexts", inner)
	}
	return &DriverStmt{inner: inner, execer: execer, queryer: queryer}, nil
}

// Exec implements Stmt.
func (s *DriverStmt) Exec(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.execer.ExecContext(ctx, args)
}

// Query implements Stmt.
func (s *DriverStmt) Query(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.queryer.QueryContext(ctx, args)
}

// NumInput implements Stmt.
func (s *DriverStmt) NumInput() int { return s.inner.NumInput() }

// Close implements Stmt.
func (s *DriverStmt) Close() error { return s.inner.Close() }
