package sqlconn

import (
	"database/sql/driver"
	"errors"
	"io"
	"reflect"

	"github.com/openhands-go/server/dbmodule/internal/deadline"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// opened finishes r with what the query returned: the driver's rows or the query's error,
// and the prepared statement that gives the rows, nil for none.
func (r *rows) opened(inner driver.Rows, err error, statement *entry) (driver.Rows, error) {
	if err = r.conn.record(&r.limit, r.measured.query, err); err != nil {
		r.conn.freeStatement(statement)
		r.limit.End()
		return nil, r.measured.done(err)
	}
	if !r.readAtOnce() {
		r.limit.Stop()
	}
	r.Rows, r.statement = inner, statement
	if r.call != nil && r.call.Result != nil {
		r.call.Result.open.Store(true)
	}
	r.conn.reading = r
	return r, nil
}

// rows are the rows of a query. They give the errors that a driver reports during reading
// their type, limit the wait for each row, and log each row for DATABASE_ECHO=debug.
type rows struct {
	driver.Rows
	conn     *Conn
	limit    deadline.Limit
	measured measured
	// statement is the prepared statement that gives the rows, nil for none. It can run
	// again once the rows are closed.
	statement *entry
	// call is the session's call, nil for a query that no session sends.
	call *Call
	// closed is set once the rows are closed: it is the error of reading on.
	closed error
}

// errRowsClosed is the error of reading rows that database/sql has closed.
var errRowsClosed = errors.New("dbmodule: read row: the rows are closed")

func (r *rows) Next(dest []driver.Value) error {
	if r.closed != nil {
		return r.closed
	}
	atOnce := r.readAtOnce()
	if !atOnce || r.measured.rows%rowsPerCheck == rowsPerCheck-1 {
		if r.call != nil && r.call.Result != nil { // database/sql does not check the caller's context, see Call.Done
			if err := r.limit.Caller().Err(); err != nil && !r.mayBeStored() {
				return r.measured.failed(err)
			}
		}
		r.limit.Start(0)
	}
	err := r.conn.inner.next(r.Rows, dest)
	if !atOnce {
		r.limit.Stop()
	}
	if err == io.EOF { //nolint:errorlint // the protocol of driver.Rows is io.EOF itself; a wrapped one is a broken connection
		return err
	}
	if err != nil {
		return r.measured.failed(r.failed(err))
	}
	r.measured.rows++
	if r.conn.connector.Rows != nil {
		r.conn.connector.Rows(r.Columns(), dest)
	}
	return nil
}

// rowsPerCheck is how many rows of a result that is read at once share one look at the clock
// and at the caller's context.
const rowsPerCheck = 16

// readAtOnce reports whether one time limit covers the whole result, see Call.ReadAtOnce.
func (r *rows) readAtOnce() bool { return r.call != nil && r.call.ReadAtOnce }

// mayBeStored reports whether the query may have stored something and committed it, as
// INSERT … RETURNING with autocommit does. Such rows are read to their end even if the
// caller's context has ended: an error would look as if nothing was stored.
func (r *rows) mayBeStored() bool {
	d := r.conn.connector.Dialect
	return r.call.Autocommit && (!sqltext.PlainSelect(d, r.measured.query) || sqltext.EffectsOf(d, r.measured.query) != 0)
}

// failed gives an error of the driver its type.
func (r *rows) failed(err error) error {
	return r.conn.orCommitUnknown(r.call, r.conn.record(&r.limit, "", err))
}

// Close closes the rows; the driver may have to read the rest of the result for that. It
// may be called again.
func (r *rows) Close() error {
	if r.closed != nil {
		return nil
	}
	r.closed = errRowsClosed
	if r.conn.reading == r {
		r.conn.reading = nil
	}
	if !r.readAtOnce() {
		r.limit.Start(0)
	}
	r.measured.counted = r.measured.rows > 0 || r.measured.listeners != nil && len(r.Rows.Columns()) > 0
	err := r.conn.inner.closeRows(r.Rows)
	r.conn.freeStatement(r.statement)
	r.conn.abandon(&r.limit)
	if err != nil {
		err = r.failed(err)
	}
	r.limit.End()
	err = r.measured.done(err)
	if r.call != nil && r.call.Result != nil {
		r.call.Result.ended() // from here on the connection may have another user
	}
	return err
}

func (r *rows) HasNextResultSet() bool {
	if sets, ok := r.Rows.(driver.RowsNextResultSet); ok && r.closed == nil {
		return sets.HasNextResultSet()
	}
	return false
}

func (r *rows) NextResultSet() error {
	if r.closed != nil {
		return r.closed
	}
	if sets, ok := r.Rows.(driver.RowsNextResultSet); ok {
		r.limit.Start(0)
		err := r.conn.inner.call(sets.NextResultSet)
		r.limit.Stop()
		if err == io.EOF { //nolint:errorlint // as in Next
			return err
		}
		return r.conn.record(&r.limit, "", err)
	}
	return io.EOF
}

func (r *rows) ColumnTypeScanType(index int) reflect.Type {
	if typed, ok := r.Rows.(driver.RowsColumnTypeScanType); ok && r.closed == nil {
		return typed.ColumnTypeScanType(index)
	}
	return reflect.TypeFor[any]()
}

func (r *rows) ColumnTypeDatabaseTypeName(index int) string {
	if typed, ok := r.Rows.(driver.RowsColumnTypeDatabaseTypeName); ok && r.closed == nil {
		return typed.ColumnTypeDatabaseTypeName(index)
	}
	return ""
}

func (r *rows) ColumnTypeLength(index int) (int64, bool) {
	if typed, ok := r.Rows.(driver.RowsColumnTypeLength); ok && r.closed == nil {
		return typed.ColumnTypeLength(index)
	}
	return 0, false
}

func (r *rows) ColumnTypeNullable(index int) (nullable, ok bool) {
	if typed, ok := r.Rows.(driver.RowsColumnTypeNullable); ok && r.closed == nil {
		return typed.ColumnTypeNullable(index)
	}
	return false, false
}

func (r *rows) ColumnTypePrecisionScale(index int) (precision, scale int64, ok bool) {
	if typed, ok := r.Rows.(driver.RowsColumnTypePrecisionScale); ok && r.closed == nil {
		return typed.ColumnTypePrecisionScale(index)
	}
	return 0, 0, false
}
