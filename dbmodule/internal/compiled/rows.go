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

// reader reads rows one after the other. It is what database/sql scans each column into.
type reader struct {
	*plan
	dest []any
	// next is the column that comes next, to the struct that it goes to.
	next int
	to   unsafe.Pointer
}

// Scan stores a value. It is called for each column of a row, in their order.
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

// source is what rows are read from.
type source interface {
	Columns() ([]string, error)
	Next() bool
	// read gives a reader the values of the row.
	read(r *reader) error
	Err() error
}

// bySQL is a source of database/sql's.
type bySQL struct{ *sql.Rows }

func (s bySQL) read(r *reader) error { return s.Scan(r.dest...) }

// byDriver is a source of a driver's. It may be read once.
type byDriver struct {
	driver.Rows
	names  []string
	values []driver.Value
	err    error
}

func newByDriver(rows driver.Rows) *byDriver {
	names := rows.Columns()
	return &byDriver{Rows: rows, names: names, values: make([]driver.Value, len(names))}
}

func (s *byDriver) Columns() ([]string, error) { return s.names, nil }

func (s *byDriver) Next() bool {
	s.err = s.Rows.Next(s.values)
	return s.err == nil
}

// read fails in database/sql's words.
func (s *byDriver) read(r *reader) error {
	for i, value := range s.values {
		if err := r.Scan(value); err != nil {
			return fmt.Errorf("sql: Scan error on column index %d, name %q: %w", i, s.names[i], err)
		}
	}
	return nil
}

func (s *byDriver) Err() error {
	if s.err == io.EOF { //nolint:errorlint // the protocol of driver.Rows is io.EOF itself
		return nil
	}
	return s.err
}

// Reads is a model of Bun's that reads the rows of a driver, too.
type Reads interface {
	schema.Model
	// HasHooks reports whether the model has code of its own that is called with each
	// row, and may use a session.
	HasHooks() bool
	// ReadRows is ScanRows for rows of a driver. The caller closes them.
	ReadRows(ctx context.Context, rows driver.Rows) (n int, err error)
}

func hasHooks(model any) bool {
	_, before := model.(schema.BeforeScanRowHook)
	_, after := model.(schema.AfterScanRowHook)
	return before || after
}

// readRow reads a row into a struct of the model.
func readRow[T any](ctx context.Context, r *reader, rows source, to *T) error {
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

// One reads a row into a struct: it is a model of Bun's.
type One[T any] struct {
	From *Rows
	Row  *T
	// Whole reads the result to its end, where errors may come after the first row.
	Whole bool
}

// Value is the struct.
func (o *One[T]) Value() any { return o.Row }

// HasHooks implements Reads.
func (o *One[T]) HasHooks() bool { return hasHooks(o.Row) }

// ScanRows returns how many rows there were; without Whole, whether there was one.
func (o *One[T]) ScanRows(ctx context.Context, rows *sql.Rows) (n int, err error) {
	return o.scan(ctx, bySQL{rows})
}

// ReadRows implements Reads.
func (o *One[T]) ReadRows(ctx context.Context, rows driver.Rows) (n int, err error) {
	return o.scan(ctx, newByDriver(rows))
}

func (o *One[T]) scan(ctx context.Context, rows source) (n int, err error) {
	if !rows.Next() {
		return 0, rows.Err()
	}
	if err := readRows(rows, o.From, func(r *reader) error { return readRow(ctx, r, rows, o.Row) }); err != nil {
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

// Many reads all rows. Structs that are in the slice already are used again.
type Many[T any] struct {
	From *Rows
	Rows []T
}

// Value is the slice.
func (m *Many[T]) Value() any { return &m.Rows }

// HasHooks implements Reads.
func (m *Many[T]) HasHooks() bool { return hasHooks(new(T)) }

// ScanRows returns how many rows there were.
func (m *Many[T]) ScanRows(ctx context.Context, rows *sql.Rows) (n int, err error) {
	return m.scan(ctx, bySQL{rows})
}

// ReadRows implements Reads.
func (m *Many[T]) ReadRows(ctx context.Context, rows driver.Rows) (n int, err error) {
	return m.scan(ctx, newByDriver(rows))
}

func (m *Many[T]) scan(ctx context.Context, rows source) (n int, err error) {
	m.Rows = m.Rows[:0]
	err = readRows(rows, m.From, func(r *reader) error {
		for rows.Next() {
			if len(m.Rows) < cap(m.Rows) {
				m.Rows = m.Rows[:len(m.Rows)+1]
			} else {
				m.Rows = append(m.Rows, *new(T))
			}
			if err := readRow(ctx, r, rows, &m.Rows[len(m.Rows)-1]); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	if err != nil {
		return 0, err
	}
	return len(m.Rows), nil
}

// Each gives rows to Do one after the other, until that says false. They all come in one struct.
type Each[T any] struct {
	From *Rows
	Do   func(row *T) (more bool)
}

// Value is a struct as they come.
func (*Each[T]) Value() any { return new(T) }

// HasHooks implements Reads.
func (*Each[T]) HasHooks() bool { return hasHooks(new(T)) }

// ScanRows returns how many rows Do was given.
func (e *Each[T]) ScanRows(ctx context.Context, rows *sql.Rows) (n int, err error) {
	return e.scan(ctx, bySQL{rows})
}

// ReadRows implements Reads.
func (e *Each[T]) ReadRows(ctx context.Context, rows driver.Rows) (n int, err error) {
	return e.scan(ctx, newByDriver(rows))
}

func (e *Each[T]) scan(ctx context.Context, rows source) (n int, err error) {
	row := new(T)
	err = readRows(rows, e.From, func(r *reader) error {
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

// readRows lends a reader of the result's rows.
func readRows(rows source, from *Rows, read func(*reader) error) error {
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	p, err := from.planOf(names)
	if err != nil {
		return err
	}
	r, _ := p.readers.Get().(*reader)
	defer p.readers.Put(r)
	err = read(r)
	r.to = nil
	return err
}
