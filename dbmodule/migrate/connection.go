package migrate

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/uptrace/bun"
)

// connections is how many a run may have: one works, one keeps the books where
// the first can't, one holds a lock.
const connections = 3

// connect opens the connection for the next revision. Each has one of its own,
// in the settings that connections come with: what the revision before made of
// its session (settings, roles, variables, temporary tables, locks) is gone.
func (r *run) connect(ctx context.Context) error {
	if err := r.disconnect(ctx); err != nil {
		return err
	}
	conn, err := r.db.DB().Conn(ctx)
	if err != nil {
		return fmt.Errorf("migrate: connect: %w", err)
	}
	r.conn, r.connected = conn, true
	if err := r.dialect.enter(ctx); err != nil {
		return fmt.Errorf("migrate: wait for the lock on revisions: %w", err)
	}
	return nil
}

// disconnect ends the working connection for good: no pool gets it back as a
// revision left it.
func (r *run) disconnect(ctx context.Context) error {
	if !r.connected {
		return nil
	}
	r.connected = false
	r.dialect.leave(ctx)
	err := r.conn.Raw(func(any) error { return driver.ErrBadConn })
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		err = nil
	}
	return errors.Join(err, giveBack(r.conn))
}

// keepBooks opens the connection for records where the working one does not
// do for them.
func (r *run) keepBooks(ctx context.Context) (release func() error, err error) {
	if !r.dialect.separateBooks() {
		return func() error { return nil }, nil
	}
	conn, err := r.db.DB().Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate: connect: %w", err)
	}
	r.books = &conn
	return func() error { return giveBack(conn) }, nil
}

// bookConn is what records are written on.
func (r *run) bookConn() bun.Conn {
	if r.books != nil {
		return *r.books
	}
	return r.conn
}

// giveBack returns a connection. database/sql closed it already when its
// context ended.
func giveBack(conn bun.Conn) error {
	if err := conn.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) {
		return fmt.Errorf("migrate: give connection back: %w", err)
	}
	return nil
}
