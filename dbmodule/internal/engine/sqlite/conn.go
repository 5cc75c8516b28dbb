package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"io/fs"

	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// conn is a connection to a SQLite database.
type conn struct {
	engine.DriverConn
	// begin is the statement that begins a transaction that may write.
	begin string
	// control are prepared statements about transactions: SQLite compiles BEGIN and COMMIT
	// like any other statement.
	control map[string]engine.Stmt
	// open are the prepared statements that are not closed.
	open map[*stmt]struct{}
	// undoes is the last answer of SchemaUndoes.
	undoes schemaUndoes
	// waits is set if COMMIT may wait for readers, as it does in memory, without a
	// write-ahead log.
	waits bool
	// file is the database's file, nil in memory. opened is the file that was at its path
	// when the connection was made, and log the write-ahead log of that one.
	file   *file
	opened fs.FileInfo
	log    *log
	writes bool
}

var _ engine.Conn = (*conn)(nil)

// newConn wraps a driver's connection. A writer takes the write lock at BEGIN.
func newConn(inner driver.Conn, writer bool, s Settings) (*conn, error) {
	base, err := engine.NewDriverConn(inner)
	if err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	c := &conn{
		DriverConn: base, begin: begin, control: make(map[string]engine.Stmt), open: make(map[*stmt]struct{}), waits: s.Memory,
		file: s.file, writes: writer,
	}
	if writer {
		c.begin = beginImmediate
	}
	return c, nil
}

const (
	begin = "BEGIN"
	// beginImmediate takes the write lock at once. A transaction that reads first and writes
	// later would fail if another one wrote in between.
	beginImmediate = "BEGIN IMMEDIATE"
	commit         = "COMMIT"
	rollback       = "ROLLBACK"
)

// DiscardsRows implements engine.Conn.
func (c *conn) DiscardsRows() bool { return true }

// OneResult implements engine.Conn: SQLite runs statements while rows are open.
func (c *conn) OneResult() bool { return false }

// Begin implements engine.Conn. SQLite has one isolation level, serializable.
func (c *conn) Begin(ctx context.Context, opts engine.TxOptions) error {
	statement := c.begin
	if opts.ReadOnly {
		statement = begin
	}
	err := c.Control(ctx, statement)
	if err != nil && ctx.Err() != nil {
		// The driver may return the context's error although the transaction has begun.
		_ = c.Control(context.WithoutCancel(ctx), rollback) // fails if it has not
	}
	return err
}

// Commit implements engine.Conn. With a write-ahead log it does not obey ctx: COMMIT waits
// only for the disk, which can't be interrupted, and the driver might return the context's
// error for a transaction that is stored. If SQLite refuses COMMIT, it keeps the transaction
// open, so Commit rolls it back.
//
// If the file is gone, Commit rolls back and returns an error.
func (c *conn) Commit(ctx context.Context) error {
	if !c.waits {
		ctx = context.WithoutCancel(ctx)
	}
	var err error
	if c.writes {
		err = c.file.check(c.opened, true)
	}
	if err == nil {
		err = c.Control(ctx, commit)
	}
	if err != nil {
		// SQLite returns "no transaction is active" if it has rolled back itself.
		_ = c.Control(context.WithoutCancel(ctx), rollback)
	}
	return err
}

// Reset implements engine.Conn. It returns an error if the file is gone.
func (c *conn) Reset(ctx context.Context) error {
	if err := c.file.check(c.opened, c.writes); err != nil {
		return err
	}
	return c.DriverConn.Reset(ctx)
}

// Rollback implements engine.Conn. If SQLite has rolled back by itself, it returns that no
// transaction is active; this is no error here.
func (c *conn) Rollback(ctx context.Context) error {
	err := c.Control(context.WithoutCancel(ctx), rollback)
	if lite := driverError(nil); errors.As(err, &lite) && losesTransaction(lite) {
		return nil
	}
	return err
}

// Prepare implements engine.Conn.
func (c *conn) Prepare(ctx context.Context, query string) (engine.Stmt, error) {
	inner, err := c.DriverConn.Prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	st := &stmt{Stmt: inner, conn: c}
	c.open[st] = struct{}{}
	return st, nil
}

// PrepareOwn implements engine.Conn.
func (c *conn) PrepareOwn(ctx context.Context, query string) (engine.Stmt, []uint32, error) {
	st, err := c.Prepare(ctx, query)
	return st, nil, err
}

// Control implements engine.Conn: it keeps the statement prepared.
func (c *conn) Control(ctx context.Context, statement string) error {
	st := c.control[statement]
	if st == nil {
		made, err := c.Prepare(ctx, statement)
		if err != nil {
			return err
		}
		st, c.control[statement] = made, made
	}
	_, err := st.Exec(ctx, nil)
	return err
}

// Close implements engine.Conn. It closes the statements first, because SQLite keeps a
// connection with open statements. If the write-ahead log is lost, the file may keep the last
// connection open; see file.leave.
func (c *conn) Close() error {
	for st := range c.open {
		_ = st.Close() // the connection's own error is what counts
	}
	clear(c.control)
	if c.file.leave(c) {
		return nil
	}
	return c.DriverConn.Close()
}
