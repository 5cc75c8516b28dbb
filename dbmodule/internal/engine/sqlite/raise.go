package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// raised is the error of a trigger's RAISE after which the transaction is still open. SQLite
// has one code for RAISE(ABORT), RAISE(FAIL) and RAISE(ROLLBACK), but only the last one rolls
// the transaction back.
type raised struct{ driverError }

// Unwrap returns the driver's error.
func (r raised) Unwrap() error { return r.driverError }

// explained returns the error of a statement. If a trigger raised it, explained asks SQLite
// whether the transaction is still open.
func (c *conn) explained(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var lite driverError
	if !errors.As(err, &lite) || lite.Code() != sqlite3.SQLITE_CONSTRAINT_TRIGGER || !c.hasTransaction(context.WithoutCancel(ctx)) {
		return err
	}
	return raised{lite}
}

// hasTransaction tries to begin a transaction, which SQLite refuses inside another one. The
// driver does not tell it otherwise.
func (c *conn) hasTransaction(ctx context.Context) bool {
	err := c.Control(ctx, begin)
	if err == nil {
		_ = c.Control(ctx, rollback) // of a transaction without a statement
		return false
	}
	return strings.Contains(err.Error(), "within a transaction")
}

// Exec implements engine.Conn.
func (c *conn) Exec(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	result, err := c.DriverConn.Exec(ctx, query, args)
	return result, c.explained(ctx, err)
}

// Query implements engine.Conn.
func (c *conn) Query(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := c.DriverConn.Query(ctx, query, args)
	return rows, c.explained(ctx, err)
}

// QueryAnySettings implements engine.Conn.
func (c *conn) QueryAnySettings(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.Query(ctx, query, args)
}

// stmt is a prepared statement.
type stmt struct {
	engine.Stmt
	conn *conn
}

// Exec implements engine.Stmt.
func (s *stmt) Exec(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	result, err := s.Stmt.Exec(ctx, args)
	return result, s.conn.explained(ctx, err)
}

// Query implements engine.Stmt.
func (s *stmt) Query(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := s.Stmt.Query(ctx, args)
	return rows, s.conn.explained(ctx, err)
}

// Close implements engine.Stmt.
func (s *stmt) Close() error {
	delete(s.conn.open, s)
	return s.Stmt.Close()
}
