package autogen

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"ariga.io/atlas/sql/schema"
	"github.com/uptrace/bun"
)

// results are the rows of a query and its first error.
type results struct {
	rows  *sql.Rows
	first error
}

func query(ctx context.Context, db bun.IConn, text string, args ...any) *results {
	rows, err := db.QueryContext(ctx, text, args...)
	return &results{rows: rows, first: err}
}

// next scans the next row into dest. It returns false after the last row or an error.
func (r *results) next(dest ...any) bool {
	if r.first != nil || !r.rows.Next() {
		return false
	}
	r.first = r.rows.Scan(dest...)
	return r.first == nil
}

// err closes the rows and returns the first error. what names the work in its text.
func (r *results) err(what string) error {
	err := r.first
	if r.rows != nil {
		err = errors.Join(err, r.rows.Err(), r.rows.Close())
	}
	if err != nil {
		return fmt.Errorf("autogen: %s: %w", what, err)
	}
	return nil
}

// withoutForeignKeys turns the connection's enforcement of foreign keys off, runs fn and turns it
// on again. read, off and on are the engine's statements for that. If it can't be turned on again,
// the connection does not return to its pool.
func withoutForeignKeys(ctx context.Context, conn bun.Conn, read, off, on string, fn func() error) (err error) {
	var isOn bool
	if err := conn.QueryRowContext(ctx, read).Scan(&isOn); err != nil {
		return fmt.Errorf("autogen: read the enforcement of foreign keys: %w", err)
	}
	if !isOn {
		return fn()
	}
	if _, err := conn.ExecContext(ctx, off); err != nil {
		return fmt.Errorf("autogen: turn off the enforcement of foreign keys: %w", err)
	}
	defer func() {
		// It must be turned on again even if ctx has ended meanwhile.
		if _, onErr := conn.ExecContext(context.WithoutCancel(ctx), on); onErr != nil {
			err = errors.Join(err, fmt.Errorf("autogen: turn on the enforcement of foreign keys: %w", onErr), discard(conn))
		}
	}()
	return fn()
}

// discard removes the connection from its pool.
func discard(conn bun.Conn) error {
	err := conn.Raw(func(any) error { return driver.ErrBadConn })
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		return nil
	}
	return err
}

// quoteIdent quotes an identifier from the catalog, which may have any character.
func quoteIdent(name string, quote rune) string {
	q := string(quote)
	return q + strings.ReplaceAll(name, q, q+q) + q
}

func isInteger(c *schema.Column) bool {
	_, ok := c.Type.Type.(*schema.IntegerType)
	return ok
}

// bit renders a truth value for engines that have no literals true and false.
func bit(d defaultValue) string {
	if d.text == "true" {
		return "1"
	}
	return "0"
}
