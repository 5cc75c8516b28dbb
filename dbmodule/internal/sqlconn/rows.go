package sqlconn

import (
	"database/sql/driver"
	"errors"
	"io"
	"reflect"

	"github.com/openhands-go/server/dbmodule/internal/deadline"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// opened makes the answer of the rows of a query, and of the statement of ours that gives them, if
// there is one. The error is that of the query.
func (r *rows) opened(inner driver.Rows, err error, from *entry) (driver.Rows, error) {
	if err = r.conn.answered(&r.limit, r.measured.query, err); err != nil {
		r.conn.freed(from)
		r.limit.End()
		return nil, r.measured.done(err)
	}
	if !r.straight() {
		r.limit.Stop()
	}
	r.Rows, r.statement = inner, from
	if r.call != nil && r.call.Result != nil {
		r.call.Result.open.Store(true)
	}
	r.conn.reading = r
	return r, nil
}

// rows types the errors that a driver reports while a result is read, and
// logs each row for DATABASE_ECHO=debug.
type rows struct {
	driver.Rows
	conn     *Conn
	limit    deadline.Limit
	measured measured
	// statement, if not nil, is free again once the rows are closed.
	statement *entry
	// call is the session's, nil for others.
	call *Call
	// over is set once they are closed: it is what whoever reads on is told.
	over error
}

// errRowsClosed is for who reads rows that database/sql has closed.
var errRowsClosed = errors.New("dbmodule: read row: the rows are closed")

func (r *rows) Next(dest []driver.Value) error {
	if r.over != nil {
		return r.over
	}
	straight := r.straight()
	if !straight || r.measured.rows%glance == glance-1 {
		if r.obeys() {
			if err := r.limit.Caller().Err(); err != nil && !r.stored() {
				return r.measured.failed(err)
			}
		}
		r.limit.Start(0)
	}
	err := r.conn.inner.next(r.Rows, dest)
	if !straight {
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

// glance is how many rows that are read straight away share one look at the clock.
const glance = 16

// straight is set when the wait goes on from the first row to the last.
func (r *rows) straight() bool { return r.call != nil && r.call.Straight }

// obeys is set when database/sql does not look at the caller's context.
func (r *rows) obeys() bool { return r.call != nil && r.call.Result != nil }

// stored reports whether the rows may tell what a statement by itself has stored. They are read
// to their end then, whatever becomes of the caller's context.
func (r *rows) stored() bool {
	d := r.conn.connector.Dialect
	return r.call.Alone && (!sqltext.PlainSelect(d, r.measured.query) || sqltext.EffectsOf(d, r.measured.query) != 0)
}

// failed gives an error of the driver its type.
func (r *rows) failed(err error) error {
	return r.conn.told(r.call, r.conn.answered(&r.limit, "", err))
}

// Close reads what is left of the result, if the driver has to. It may be called
// again.
func (r *rows) Close() error {
	if r.over != nil {
		return nil
	}
	r.over = errRowsClosed
	if r.conn.reading == r {
		r.conn.reading = nil
	}
	if !r.straight() {
		r.limit.Start(0)
	}
	r.measured.counted = r.measured.rows > 0 || r.measured.to != nil && len(r.Rows.Columns()) > 0
	err := r.conn.inner.closeRows(r.Rows)
	r.conn.freed(r.statement)
	r.conn.abandoned(&r.limit)
	if err != nil {
		err = r.failed(err)
	}
	r.limit.End()
	err = r.measured.done(err)
	if r.call != nil && r.call.Result != nil {
		r.call.Result.ended() // after which the connection may be another's
	}
	return err
}

func (r *rows) HasNextResultSet() bool {
	if sets, ok := r.Rows.(driver.RowsNextResultSet); ok && r.over == nil {
		return sets.HasNextResultSet()
	}
	return false
}

func (r *rows) NextResultSet() error {
	if r.over != nil {
		return r.over
	}
	if sets, ok := r.Rows.(driver.RowsNextResultSet); ok {
		r.limit.Start(0)
		err := r.conn.inner.call(sets.NextResultSet)
		r.limit.Stop()
		if err == io.EOF { //nolint:errorlint // as in Next
			return err
		}
		return r.conn.answered(&r.limit, "", err)
	}
	return io.EOF
}

func (r *rows) ColumnTypeScanType(index int) reflect.Type {
	if typed, ok := r.Rows.(driver.RowsColumnTypeScanType); ok && r.over == nil {
		return typed.ColumnTypeScanType(index)
	}
	return reflect.TypeFor[any]()
}

func (r *rows) ColumnTypeDatabaseTypeName(index int) string {
	if typed, ok := r.Rows.(driver.RowsColumnTypeDatabaseTypeName); ok && r.over == nil {
		return typed.ColumnTypeDatabaseTypeName(index)
	}
	return ""
}

func (r *rows) ColumnTypeLength(index int) (int64, bool) {
	if typed, ok := r.Rows.(driver.RowsColumnTypeLength); ok && r.over == nil {
		return typed.ColumnTypeLength(index)
	}
	return 0, false
}

func (r *rows) ColumnTypeNullable(index int) (nullable, ok bool) {
	if typed, ok := r.Rows.(driver.RowsColumnTypeNullable); ok && r.over == nil {
		return typed.ColumnTypeNullable(index)
	}
	return false, false
}

func (r *rows) ColumnTypePrecisionScale(index int) (precision, scale int64, ok bool) {
	if typed, ok := r.Rows.(driver.RowsColumnTypePrecisionScale); ok && r.over == nil {
		return typed.ColumnTypePrecisionScale(index)
	}
	return 0, 0, false
}
