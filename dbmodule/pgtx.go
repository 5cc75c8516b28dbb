package dbmodule

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// pgTx is a transaction of a session on PostgreSQL. database/sql's gives COMMIT the
// context of BEGIN, and pgx's own sends BEGIN at once. While it is its connection's
// waiting one, the server has not heard of it.
type pgTx struct {
	on    *conn
	pg    *pgx.Conn
	begin string
}

// beginPg begins a transaction. Where the connection is seen to be well, BEGIN waits
// for the first statement; a connection that went stale in the pool is found out by
// sending it.
func (c *conn) beginPg(ctx context.Context, pg *stdlib.Conn, opts driver.TxOptions) (driver.Tx, error) {
	if pg.Conn().IsClosed() {
		return nil, driver.ErrBadConn
	}
	begin, err := beginText(sql.IsolationLevel(opts.Isolation), opts.ReadOnly)
	if err != nil {
		return nil, err
	}
	t := &pgTx{on: c, pg: pg.Conn(), begin: begin}
	if c.pipeline != nil && c.statements != nil && !opts.ReadOnly && c.pipeline.idle() {
		c.waiting = t
		return t, nil
	}
	if err := t.sendBegin(ctx); err != nil {
		return nil, err
	}
	return t, nil
}

// beginText is PostgreSQL's BEGIN.
func beginText(level sql.IsolationLevel, readOnly bool) (string, error) {
	begin := "begin"
	switch level {
	case sql.LevelDefault:
	case sql.LevelReadUncommitted:
		begin += " isolation level read uncommitted"
	case sql.LevelReadCommitted:
		begin += " isolation level read committed"
	case sql.LevelRepeatableRead, sql.LevelSnapshot: // by PostgreSQL's name
		begin += " isolation level repeatable read"
	case sql.LevelSerializable:
		begin += " isolation level serializable"
	default:
		return "", fmt.Errorf("dbmodule: begin: PostgreSQL has no isolation level %s", level)
	}
	if readOnly {
		begin += " read only"
	}
	return begin, nil
}

// sendBegin sends BEGIN by itself.
func (t *pgTx) sendBegin(ctx context.Context) error {
	_, err := t.pg.Exec(ctx, t.begin)
	return err
}

// beginAhead sends a BEGIN that waits: what follows is not prepared.
func (c *conn) beginAhead(ctx context.Context) error {
	t := c.waiting
	if t == nil {
		return nil
	}
	c.waiting = nil
	return t.sendBegin(ctx)
}

// withBegin runs a prepared statement, and has BEGIN sent with it if that waits.
func withBegin[T any](c *conn, run func() (T, error)) (result T, err error) {
	t := c.waiting
	if t == nil {
		return run()
	}
	if err := c.pipeline.put(t.begin); err != nil {
		return result, fmt.Errorf("dbmodule: begin: %w", err)
	}
	result, err = run()
	if c.pipeline.took() {
		c.waiting = nil
	}
	return result, err
}

// Commit and Rollback make it a driver.Tx; see tx.send for how it ends.
func (t *pgTx) Commit() error   { return errNoContext }
func (t *pgTx) Rollback() error { return errNoContext }

var errNoContext = errors.New("dbmodule: end transaction: there is no context")

// end ends the transaction. One of which the server never heard has nothing to end.
func (t *pgTx) end(ctx context.Context, statement string) error {
	if t.on.waiting == t {
		t.on.waiting = nil
		return nil
	}
	tag, err := t.pg.Exec(ctx, statement)
	if err == nil && statement == commitControl.text() && tag.String() == rollbackControl.text() {
		return pgx.ErrTxCommitRollback // of one that had failed
	}
	return err
}
