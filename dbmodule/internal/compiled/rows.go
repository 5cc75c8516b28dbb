package compiled

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"reflect"
	"time"
	"unsafe"

	"github.com/uptrace/bun/schema"
)

// reader reads rows one after the other. It is the sql.Scanner of all columns: dest has it
// once for each column.
type reader struct {
	*plan
	dest []any
	// next is the column that Scan stores next, and to the struct that it stores it in.
	next int
	to   unsafe.Pointer
}

// Scan stores the value of a column. It is called for each column of a row, in their order.
func (r *reader) Scan(value any) error {
	c := &r.columns[r.next]
	r.next++
	if c.field == nil {
		return nil
	}
	at := unsafe.Add(r.to, c.offset) // inside the struct: columnOf added up offsets of fields
	switch c.as {
	case asString:
		switch value := value.(type) {
		case string:
			*(*string)(at) = value
			return nil
		case []byte:
			*(*string)(at) = string(value)
			return nil
		}
	case asInt64:
		if value, ok := value.(int64); ok {
			*(*int64)(at) = value
			return nil
		}
	case asInt:
		if value, ok := value.(int64); ok {
			*(*int)(at) = int(value)
			return nil
		}
	case asFloat64:
		if value, ok := value.(float64); ok {
			*(*float64)(at) = value
			return nil
		}
	case asBool:
		switch value := value.(type) {
		case bool:
			*(*bool)(at) = value
			return nil
		case int64:
			*(*bool)(at) = value != 0
			return nil
		}
	case asTime:
		if value, ok := value.(time.Time); ok {
			*(*time.Time)(at) = value
			return nil
		}
	}
	return c.field.ScanValue(reflect.NewAt(r.typ, r.to).Elem(), value)
}

// Source is what rows are read from, once: see [FromSQL] and [FromDriver].
type Source interface {
	Columns() ([]string, error)
	Next() bool
	Err() error
	// read gives the values of the current row to r.
	read(r *reader) error
}

// FromSQL reads the rows of database/sql.
func FromSQL(rows *sql.Rows) Source { return sqlSource{rows} }

type sqlSource struct{ *sql.Rows }

func (s sqlSource) read(r *reader) error { return s.Scan(r.dest...) }

// FromDriver reads the rows of a driver. The caller closes them.
func FromDriver(rows driver.Rows) Source {
	names := rows.Columns()
	return &driverSource{rows: rows, names: names, values: make([]driver.Value, len(names))}
}

type driverSource struct {
	rows   driver.Rows
	names  []string
	values []driver.Value
	err    error
}

func (s *driverSource) Columns() ([]string, error) { return s.names, nil }

func (s *driverSource) Next() bool {
	s.err = s.rows.Next(s.values)
	return s.err == nil
}

// read returns the same errors as database/sql.
func (s *driverSource) read(r *reader) error {
	for i, value := range s.values {
		if err := r.Scan(value); err != nil {
			return fmt.Errorf("sql: Scan error on column index %d, name %q: %w", i, s.names[i], err)
		}
	}
	return nil
}

func (s *driverSource) Err() error {
	if s.err == io.EOF { //nolint:errorlint // the protocol of driver.Rows is io.EOF itself
		return nil
	}
	return s.err
}

// Into is a place for the rows of a result: [One], [Many] or [Each].
type Into interface {
	// Value is what Bun's query hooks see as the value of the model.
	Value() any
	// HasHooks is that of Rows.
	HasHooks() bool
	// Scan reads the rows, and returns how many it read.
	Scan(ctx context.Context, rows Source) (n int, err error)
}

// readRow reads a row into a struct of the model.
func readRow[T any](ctx context.Context, r *reader, rows Source, to *T) error {
	if hook, ok := any(to).(schema.BeforeScanRowHook); ok {
		if err := hook.BeforeScanRow(ctx); err != nil {
			return err
		}
	}
	r.next, r.to = 0, unsafe.Pointer(to)
	if err := rows.read(r); err != nil {
		return err
	}
	if hook, ok := any(to).(schema.AfterScanRowHook); ok {
		return hook.AfterScanRow(ctx)
	}
	return nil
}

// One reads one row into a struct.
type One[T any] struct {
	*Rows
	Row *T
	// Whole reads the result to its end, because an error may come after the first row.
	Whole bool
}

// Value is the struct.
func (o *One[T]) Value() any { return o.Row }

// Scan returns how many rows there were; without Whole, whether there was one.
func (o *One[T]) Scan(ctx context.Context, rows Source) (n int, err error) {
	if !rows.Next() {
		return 0, rows.Err()
	}
	if err := o.scan(rows, func(r *reader) error { return readRow(ctx, r, rows, o.Row) }); err != nil {
		return 0, err
	}
	n = 1
	if !o.Whole {
		return n, nil
	}
	for rows.Next() {
		n++
	}
	return n, rows.Err()
}

// Many reads all rows into a slice. It overwrites the structs that the slice has.
type Many[T any] struct {
	*Rows
	All []T
}

// Value is the slice.
func (m *Many[T]) Value() any { return &m.All }

// Scan returns how many rows there were.
func (m *Many[T]) Scan(ctx context.Context, rows Source) (n int, err error) {
	m.All = m.All[:0]
	err = m.scan(rows, func(r *reader) error {
		for rows.Next() {
			if len(m.All) < cap(m.All) {
				m.All = m.All[:len(m.All)+1]
			} else {
				m.All = append(m.All, *new(T))
			}
			if err := readRow(ctx, r, rows, &m.All[len(m.All)-1]); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	if err != nil {
		return 0, err
	}
	return len(m.All), nil
}

// Each calls Do with each row, until Do returns false. All rows come in the same struct.
type Each[T any] struct {
	*Rows
	Do func(row *T) (more bool)
}

// Value is an empty struct.
func (*Each[T]) Value() any { return new(T) }

// Scan returns how many rows Do got.
func (e *Each[T]) Scan(ctx context.Context, rows Source) (n int, err error) {
	row := new(T)
	err = e.scan(rows, func(r *reader) error {
		for rows.Next() {
			*row = *new(T)
			if err := readRow(ctx, r, rows, row); err != nil {
				return err
			}
			if n++; !e.Do(row) {
				return nil
			}
		}
		return rows.Err()
	})
	return n, err
}

// scan calls read with a reader for the columns of the rows.
func (r *Rows) scan(rows Source, read func(*reader) error) error {
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	p, err := r.planOf(names)
	if err != nil {
		return err
	}
	one, _ := p.readers.Get().(*reader)
	defer p.readers.Put(one)
	err = read(one)
	one.to = nil
	return err
}
