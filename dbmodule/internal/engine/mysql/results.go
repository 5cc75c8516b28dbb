package mysql

import (
	"context"
	"database/sql/driver"
	"math"
	"strconv"

	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// PrepareOwn implements engine.Conn.
func (c *conn) PrepareOwn(ctx context.Context, query string) (engine.Stmt, []uint32, error) {
	st, err := c.Prepare(ctx, query)
	if err != nil {
		return nil, nil, err
	}
	return readAsText{st}, nil, nil
}

// readAsText is a prepared statement that returns the same values as its text does.
type readAsText struct{ engine.Stmt }

func (s readAsText) Query(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := s.Stmt.Query(ctx, args)
	if err != nil {
		return nil, err
	}
	inner, ok := rows.(driverRows)
	if !ok {
		return rows, nil
	}
	differ := differences(inner)
	if len(differ) == 0 {
		return rows, nil
	}
	return &textRows{inner, differ}, nil
}

// driverRows are the methods of the driver's rows.
type driverRows interface {
	driver.Rows
	driver.RowsNextResultSet
	driver.RowsColumnTypeDatabaseTypeName
	driver.RowsColumnTypeNullable
	driver.RowsColumnTypePrecisionScale
	driver.RowsColumnTypeScanType
}

// textRows converts the values of some columns.
type textRows struct {
	driverRows
	differ []asInText
}

func (r *textRows) Next(dest []driver.Value) error {
	if err := r.driverRows.Next(dest); err != nil {
		return err
	}
	for _, one := range r.differ {
		dest[one.column] = one.convert(dest[one.column])
	}
	return nil
}

// asInText converts a value of a prepared statement's result to the type and the digits that
// the value has in the result of a text.
type asInText struct {
	column int
	// decimals is the number of decimals in the definition of a FLOAT, anyDecimals if it has
	// none, and unsigned for an UNSIGNED BIGINT.
	decimals int
}

const (
	anyDecimals = -1
	unsigned    = -2
	// floatDigits is how many digits of a FLOAT MySQL writes.
	floatDigits = 6
)

// differences returns the columns of a prepared statement's result that need a conversion.
func differences(rows driverRows) (all []asInText) {
	for i := range rows.Columns() {
		switch rows.ColumnTypeDatabaseTypeName(i) {
		case "UNSIGNED BIGINT":
			all = append(all, asInText{i, unsigned})
		case "FLOAT":
			one := asInText{i, anyDecimals}
			if _, decimals, ok := rows.ColumnTypePrecisionScale(i); ok && decimals < math.MaxInt8 {
				one.decimals = int(decimals)
			}
			all = append(all, one)
		}
	}
	return all
}

func (a asInText) convert(value driver.Value) driver.Value {
	switch v := value.(type) {
	case int64:
		if a.decimals == unsigned {
			return uint64(v)
		}
	case []byte:
		if n, err := strconv.ParseUint(string(v), 10, 64); err == nil && a.decimals == unsigned {
			return n
		}
	case float32:
		text := strconv.FormatFloat(float64(v), 'g', floatDigits, 64)
		if a.decimals >= 0 {
			text = strconv.FormatFloat(float64(v), 'f', a.decimals, 64)
		}
		if rounded, err := strconv.ParseFloat(text, 32); err == nil {
			return float32(rounded)
		}
	}
	return value
}
