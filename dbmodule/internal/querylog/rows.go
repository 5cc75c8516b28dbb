package querylog

import (
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// longestValue bounds each value of a logged row, in bytes.
const longestValue = 256

// RowFunc logs one row of a result. It must not keep its arguments.
type RowFunc = func(columns []string, row []driver.Value)

// Rows returns the function that logs rows, at Info. With hide a line shows only how many
// columns the row has.
func Rows(log *zap.Logger, hide bool) RowFunc {
	return func(columns []string, row []driver.Value) {
		if entry := log.Check(zapcore.InfoLevel, "row"); entry != nil {
			entry.Write(zap.Object("row", loggedRow{columns: columns, values: row, hide: hide}))
		}
	}
}

type loggedRow struct {
	columns []string
	values  []driver.Value
	hide    bool
}

// MarshalLogObject writes each column with its value. A row that must not show
// values shows no names of columns either: a column without an alias is named after
// its expression, and SELECT 'ann@example.org' is a column too.
func (r loggedRow) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	if r.hide {
		enc.AddInt("columns", len(r.values))
		return nil
	}
	for i, value := range r.values {
		name := ""
		if i < len(r.columns) {
			name = r.columns[i]
		}
		switch value := value.(type) {
		case nil:
			if err := enc.AddReflected(name, nil); err != nil {
				return err
			}
		case int64:
			enc.AddInt64(name, value)
		case float64:
			enc.AddFloat64(name, value)
		case bool:
			enc.AddBool(name, value)
		case time.Time:
			enc.AddString(name, value.Format(time.RFC3339Nano))
		case string:
			enc.AddString(name, sqltext.Shortened(value, longestValue))
		case []byte:
			enc.AddString(name, shortenedBytes(value))
		default:
			enc.AddString(name, sqltext.Shortened(fmt.Sprint(value), longestValue))
		}
	}
	return nil
}

// shortenedBytes shows text as text, which MySQL sends as bytes, and
// everything else in hexadecimal.
func shortenedBytes(value []byte) string {
	if utf8.Valid(value) {
		return sqltext.Shortened(string(value), longestValue)
	}
	return sqltext.Shortened("0x"+hex.EncodeToString(value[:min(len(value), longestValue)]), longestValue)
}
