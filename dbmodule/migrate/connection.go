package migrate

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/uptrace/bun"
)

// connections is the limit of a run's connections: the working connection, the connection for
// records (see dialect.needsRecordConn), and one that holds a lock.
const connections = 3

// connect opens the working connection for the next revision. Each revision gets a new one, so
// that it does not inherit settings, roles, variables, temporary tables and locks from the
// revision before.
func (r *run) connect(ctx context.Context) error {
	if err := r.disconnect(ctx); err != nil {
		return err
	}
	conn, err := r.db.DB().Conn(ctx)
	if err != nil {
		return fmt.Errorf("migrate: connect: %w", err)
	}
	r.conn, r.connected = conn, true
	if err := r.dialect.setUpConn(ctx); err != nil {
		return fmt.Errorf("migrate: wait for the lock on revisions: %w", err)
	}
	return nil
}

// disconnect closes the working connection. The pool must not reuse it, because a revision may have
// changed its session.
func (r *run) disconnect(ctx context.Context) error {
	if !r.connected {
		return nil
	}
	r.connected = false
	r.dialect.releaseConn(ctx)
	err := r.conn.Raw(func(any) error { return driver.ErrBadConn })
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		err = nil
	}
	return errors.Join(err, giveBack(r.conn))
}

// openRecordConn opens the connection for records, if the dialect needs one.
func (r *run) openRecordConn(ctx context.Context) (release func() error, err error) {
	if !r.dialect.needsRecordConn() {
		return func() error { return nil }, nil
	}
	conn, err := r.db.DB().Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate: connect: %w", err)
	}
	r.records = &conn
	return func() error { return giveBack(conn) }, nil
}

// recordConn returns the connection on which the version table and the history are written.
func (r *run) recordConn() bun.Conn {
	if r.records != nil {
		return *r.records
	}
	return r.conn
}

// giveBack returns a connection to the pool. If its context has ended, database/sql has closed
// it already.
func giveBack(conn bun.Conn) error {
	if err := conn.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) {
		return fmt.Errorf("migrate: give connection back: %w", err)
	}
	return nil
}
