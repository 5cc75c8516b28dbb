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
	// begin is what begins a transaction that may write.
	begin string
	// control are the statements about transactions, prepared: SQLite compiles
	// BEGIN and COMMIT like any other statement.
	control map[string]engine.Stmt
	// open are the statements that were prepared and not closed so far.
	open map[*stmt]struct{}
	// undoes is what is known of the schema.
	undoes schemaUndoes
	// waits is set where COMMIT may have to wait for readers: without a write-ahead
	// log, in memory.
	waits bool
	// file is the database's, opened what stood at its path when the connection was made,
	// and log that one's.
	file   *file
	opened fs.FileInfo
	log    *log
	writes bool
}

var _ engine.Conn = (*conn)(nil)

// newConn wraps a driver's connection. One that takes the write lock when it
// begins is a writer.
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
	// beginImmediate takes the write lock at once. A transaction that reads first
	// and writes later could not be upgraded once another wrote in between.
	beginImmediate = "BEGIN IMMEDIATE"
	commit         = "COMMIT"
	rollback       = "ROLLBACK"
)

// DiscardsRows implements engine.Conn.
func (c *conn) DiscardsRows() bool { return true }

// OneResult implements engine.Conn: SQLite reads and writes in turn.
func (c *conn) OneResult() bool { return false }

// Begin implements engine.Conn. SQLite has one isolation level, serializable.
func (c *conn) Begin(ctx context.Context, opts engine.TxOptions) error {
	statement := c.begin
	if opts.ReadOnly {
		statement = begin
	}
	err := c.Control(ctx, statement)
	if err != nil && ctx.Err() != nil {
		// The driver may say that the context ended of a transaction that began.
		_ = c.Control(context.WithoutCancel(ctx), rollback) // there may be none
	}
	return err
}

// Commit implements engine.Conn. With a write-ahead log no context's end
// interrupts it: COMMIT then waits for the disk alone, which can't be interrupted,
// and the driver would say of a transaction that was stored meanwhile that it was
// cancelled. SQLite keeps a transaction open whose COMMIT it refused, so that is
// rolled back.
//
// What would be stored in a file that is gone is not stored.
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
		// SQLite says "no transaction is active" where it did not keep it.
		_ = c.Control(context.WithoutCancel(ctx), rollback)
	}
	return err
}

// Reset implements engine.Conn. A connection whose file is gone has no next user.
func (c *conn) Reset(ctx context.Context) error {
	if err := c.file.check(c.opened, c.writes); err != nil {
		return err
	}
	return c.DriverConn.Reset(ctx)
}

// Rollback implements engine.Conn. SQLite may have rolled back by itself, and says
// then that no transaction is active: that is what was wanted.
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

// stmt is a prepared statement.
type stmt struct {
	engine.Stmt
	conn *conn
}

func (s *stmt) Close() error {
	delete(s.conn.open, s)
	return s.Stmt.Close()
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

// Close implements engine.Conn. Without the statements' end SQLite would keep the
// connection open. The file keeps one that alone can store what a lost log holds.
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
