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

// results are the rows of a query and the first error on the way.
type results struct {
	rows  *sql.Rows
	first error
}

func query(ctx context.Context, db bun.IConn, text string, args ...any) *results {
	rows, err := db.QueryContext(ctx, text, args...)
	return &results{rows: rows, first: err}
}

// next scans a row into dest; false means that there is none, or an error.
func (r *results) next(dest ...any) bool {
	if r.first != nil || !r.rows.Next() {
		return false
	}
	r.first = r.rows.Scan(dest...)
	return r.first == nil
}

// err closes the rows and returns what went wrong while doing what.
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

// switched runs fn with a setting of the connection off, and puts it back.
// A connection on which that is impossible does not return to its pool.
func switched(ctx context.Context, conn bun.Conn, read, off, on string, fn func() error) (err error) {
	var isOn bool
	if err := conn.QueryRowContext(ctx, read).Scan(&isOn); err != nil {
		return fmt.Errorf("autogen: read the enforcement of foreign keys: %w", err)
	}
	if !isOn {
		return fn()
	}
	if _, err := conn.ExecContext(ctx, off); err != nil {
		return fmt.Errorf("autogen: lift the enforcement of foreign keys: %w", err)
	}
	defer func() {
		// It must be put back even if ctx has ended meanwhile.
		if _, onErr := conn.ExecContext(context.WithoutCancel(ctx), on); onErr != nil {
			err = errors.Join(err, fmt.Errorf("autogen: restore the enforcement of foreign keys: %w", onErr), discard(conn))
		}
	}()
	return fn()
}

// discard keeps the connection from being used again.
func discard(conn bun.Conn) error {
	err := conn.Raw(func(any) error { return driver.ErrBadConn })
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		return nil
	}
	return err
}

// quoteIdent quotes an identifier that came from the catalog, where it may
// have any character.
func quoteIdent(name string, quote rune) string {
	q := string(quote)
	return q + strings.ReplaceAll(name, q, q+q) + q
}

func isInteger(c *schema.Column) bool {
	_, ok := c.Type.Type.(*schema.IntegerType)
	return ok
}

// bit renders a truth value where there is no literal for it.
func bit(d defaultValue) string {
	if d.text == "true" {
		return "1"
	}
	return "0"
}
