package dbmodule

import (
	"context"
	"database/sql"
	"database/sql/driver"
)

// failedRow makes an *sql.Row whose Scan returns err. database/sql offers no
// other way to make one than a query that fails.
func failedRow(ctx context.Context, err error) *sql.Row {
	db := sql.OpenDB(failingConnector{err})
	row := db.QueryRowContext(ctx, "")
	_ = db.Close() // nothing was opened
	return row
}

type failingConnector struct{ err error }

func (c failingConnector) Connect(context.Context) (driver.Conn, error) { return nil, c.err }
func (failingConnector) Driver() driver.Driver                          { return refusingDriver{} }
