package dbmodule

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Between database/sql and each engine's driver stands a connection of ours.
// It is the one place that sees every statement of every path (sessions,
// bun.DB, bun.Tx, rows), so it is where
//
//   - errors get their type,
//   - a statement that reached the driver is never repeated behind the
//     caller's back (database/sql repeats on driver.ErrBadConn, and pgx
//     answers that for statements the server may have run),
//   - a transaction that lost statements can't be committed,
//   - a commit whose outcome is unknown is told apart from a failed one,
//   - connections to a server that is gone or turned read-only are dropped.

type connector struct {
	engine  Engine
	open    openerFunc
	prePing bool
	rowLog  rowLogFunc
}

func newConnector(cfg Config, rows rowLogFunc, open openerFunc) *connector {
	return &connector{engine: cfg.URL.Engine(), open: open, prePing: cfg.PoolPrePing, rowLog: rows}
}

func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.open(ctx)
	if err != nil {
		return nil, classify(c.engine, err)
	}
	return &conn{Conn: inner, connector: c}, nil
}

// Driver satisfies driver.Connector; connections are made by Connect alone.
func (c *connector) Driver() driver.Driver { return refusingDriver{} }

type refusingDriver struct{}

func (refusingDriver) Open(string) (driver.Conn, error) {
	return nil, errors.New("dbmodule: connections are opened by their connector")
}

// errConnLost stands in for driver.ErrBadConn once a statement was handed to
// the driver: with the original, database/sql would send it again.
var errConnLost = errors.New("the connection was lost")

// unrenderable starts what Bun puts into a statement in place of a value that
// it can't write there, such as a string with a NUL for PostgreSQL.
const unrenderable = "?!("

// conn is one connection. database/sql serialises its use.
type conn struct {
	driver.Conn
	connector *connector

	// reused is set once the connection came out of the pool a second time:
	// it may have gone stale there, which a new one can't have.
	reused bool
	// broken connections are not given back to the pool.
	broken bool
	txState
}

func (c *conn) engine() Engine { return c.connector.engine }

// sent gives an error that a driver returned for a statement its type, and
// remembers what it means for the connection and its transaction.
func (c *conn) sent(query string, err error) error {
	if err == nil {
		c.succeeded(query)
		return nil
	}
	if errors.Is(err, driver.ErrSkip) {
		return err
	}
	err = c.typed(err)
	if strings.Contains(query, unrenderable) {
		err = &Error{Kind: ErrValue, Engine: c.engine(), cause: err}
	}
	c.failed(err, endsTransaction(c.engine(), err) || c.broken)
	return err
}

func (c *conn) typed(err error) error {
	if errors.Is(err, driver.ErrBadConn) {
		c.broken = true
		return &Error{Kind: ErrUnavailable, Engine: c.engine(), cause: errConnLost}
	}
	err = classify(c.engine(), err)
	if discardsConn(c.engine(), err) && (!c.readOnly || !errors.Is(err, ErrReadOnly)) {
		c.broken = true
	}
	return err
}

// Close closes the connection. A server is told so as a courtesy: that it
// could not be told, since it was gone already, is not worth an error.
func (c *conn) Close() error {
	err := c.Conn.Close()
	if err == nil || c.engine() != SQLite {
		return nil
	}
	return classify(c.engine(), err)
}

func (c *conn) Prepare(query string) (driver.Stmt, error) {
	if err := c.admits(query); err != nil {
		return nil, err
	}
	inner, err := c.Conn.Prepare(query)
	if err != nil {
		return nil, c.sent(query, err)
	}
	return &stmt{Stmt: inner, conn: c, query: query}, nil
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	preparer, ok := c.Conn.(driver.ConnPrepareContext)
	if !ok {
		return c.Prepare(query)
	}
	if err := c.admits(query); err != nil {
		return nil, err
	}
	inner, err := preparer.PrepareContext(ctx, query)
	if err != nil {
		return nil, c.sent(query, err)
	}
	return &stmt{Stmt: inner, conn: c, query: query}, nil
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	execer, ok := c.Conn.(driver.ExecerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	if err := c.admits(query); err != nil {
		return nil, err
	}
	result, err := execer.ExecContext(ctx, query, args)
	return result, c.sent(query, err)
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	queryer, ok := c.Conn.(driver.QueryerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	if err := c.admits(query); err != nil {
		return nil, err
	}
	inner, err := queryer.QueryContext(ctx, query, args)
	if err = c.sent(query, err); err != nil {
		return nil, err
	}
	return &rows{Rows: inner, conn: c}, nil
}

func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	beginner, ok := c.Conn.(driver.ConnBeginTx)
	if !ok {
		return nil, fmt.Errorf("dbmodule: begin: the %s driver has no transactions", c.engine())
	}
	c.readOnly = opts.ReadOnly
	if c.engine() == SQLite {
		opts.Isolation = 0 // SQLite has one level, serializable
	}
	inner, err := beginner.BeginTx(ctx, opts)
	if err != nil {
		if errors.Is(err, driver.ErrBadConn) {
			c.broken = true
			return nil, err // nothing has begun: database/sql may take another
		}
		return nil, c.typed(err)
	}
	c.begin()
	return &tx{Tx: inner, conn: c, ctx: ctx}, nil
}

func (c *conn) Ping(ctx context.Context) error {
	pinger, ok := c.Conn.(driver.Pinger)
	if !ok {
		return nil
	}
	err := pinger.Ping(ctx)
	if err == nil {
		return nil
	}
	if errors.Is(err, driver.ErrBadConn) {
		c.broken = true
		return err // a ping may be repeated on another connection
	}
	return c.typed(err)
}

// ResetSession runs when the connection is taken from the pool again.
func (c *conn) ResetSession(ctx context.Context) error {
	if c.broken {
		return driver.ErrBadConn
	}
	c.reused = true
	c.txState = txState{}
	if resetter, ok := c.Conn.(driver.SessionResetter); ok {
		if err := resetter.ResetSession(ctx); err != nil {
			return err
		}
	}
	if c.connector.prePing && c.Ping(ctx) != nil {
		return driver.ErrBadConn
	}
	return nil
}

// IsValid keeps broken connections out of the pool.
func (c *conn) IsValid() bool {
	if c.broken {
		return false
	}
	if validator, ok := c.Conn.(driver.Validator); ok {
		return validator.IsValid()
	}
	return true
}

func (c *conn) CheckNamedValue(value *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(value)
	}
	return driver.ErrSkip // database/sql's default conversion
}

// stmt is a prepared statement of a conn.
type stmt struct {
	driver.Stmt
	conn  *conn
	query string
}

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	execer, ok := s.Stmt.(driver.StmtExecContext)
	if !ok {
		return nil, fmt.Errorf("dbmodule: exec: the %s driver takes no context", s.conn.engine())
	}
	if err := s.conn.admits(s.query); err != nil {
		return nil, err
	}
	result, err := execer.ExecContext(ctx, args)
	return result, s.conn.sent(s.query, err)
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	queryer, ok := s.Stmt.(driver.StmtQueryContext)
	if !ok {
		return nil, fmt.Errorf("dbmodule: query: the %s driver takes no context", s.conn.engine())
	}
	if err := s.conn.admits(s.query); err != nil {
		return nil, err
	}
	inner, err := queryer.QueryContext(ctx, args)
	if err = s.conn.sent(s.query, err); err != nil {
		return nil, err
	}
	return &rows{Rows: inner, conn: s.conn}, nil
}

// rows types the errors that a driver reports while a result is read, and
// logs each row for DATABASE_ECHO=debug.
type rows struct {
	driver.Rows
	conn *conn
}

func (r *rows) Next(dest []driver.Value) error {
	err := r.Rows.Next(dest)
	if err == io.EOF { //nolint:errorlint // the protocol of driver.Rows is io.EOF itself; a wrapped one is a broken connection
		return err
	}
	if err != nil {
		return r.conn.sent("", err)
	}
	if r.conn.connector.rowLog != nil {
		r.conn.connector.rowLog(r.Columns(), dest)
	}
	return nil
}

func (r *rows) HasNextResultSet() bool {
	if sets, ok := r.Rows.(driver.RowsNextResultSet); ok {
		return sets.HasNextResultSet()
	}
	return false
}

func (r *rows) NextResultSet() error {
	if sets, ok := r.Rows.(driver.RowsNextResultSet); ok {
		err := sets.NextResultSet()
		if err == io.EOF { //nolint:errorlint // as in Next
			return err
		}
		return r.conn.sent("", err)
	}
	return io.EOF
}

func (r *rows) ColumnTypeScanType(index int) reflect.Type {
	if typed, ok := r.Rows.(driver.RowsColumnTypeScanType); ok {
		return typed.ColumnTypeScanType(index)
	}
	return reflect.TypeFor[any]()
}

func (r *rows) ColumnTypeDatabaseTypeName(index int) string {
	if typed, ok := r.Rows.(driver.RowsColumnTypeDatabaseTypeName); ok {
		return typed.ColumnTypeDatabaseTypeName(index)
	}
	return ""
}

func (r *rows) ColumnTypeLength(index int) (int64, bool) {
	if typed, ok := r.Rows.(driver.RowsColumnTypeLength); ok {
		return typed.ColumnTypeLength(index)
	}
	return 0, false
}

func (r *rows) ColumnTypeNullable(index int) (nullable, ok bool) {
	if typed, ok := r.Rows.(driver.RowsColumnTypeNullable); ok {
		return typed.ColumnTypeNullable(index)
	}
	return false, false
}

func (r *rows) ColumnTypePrecisionScale(index int) (precision, scale int64, ok bool) {
	if typed, ok := r.Rows.(driver.RowsColumnTypePrecisionScale); ok {
		return typed.ColumnTypePrecisionScale(index)
	}
	return 0, 0, false
}
