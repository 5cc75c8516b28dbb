package compiled

import (
	"database/sql"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// plan says how the columns of a result are read into a struct. It is made once for each
// list of columns.
type plan struct {
	typ     reflect.Type
	names   []string
	columns []column
	readers sync.Pool // of *reader
}

// column is where one column goes.
type column struct {
	// field is nil for a column that is left out.
	field *schema.Field
	// as says how the column is stored without reflection, which works if the driver gives a
	// value of that type. offset is the field's place in the struct.
	as     stored
	offset uintptr
}

type stored uint8

const (
	byBun stored = iota
	asString
	asInt64
	asInt
	asFloat64
	asBool
	asTime
)

// Rows knows how to read rows into structs of a model. It is safe for concurrent use.
type Rows struct {
	table *schema.Table
	// hooks is set if Bun's hooks of the model are called with each row.
	hooks bool
	// plans are the newest plans, the newest last.
	plans atomic.Pointer[[]*plan]
}

// mostPlans limits the plans that are kept for one model.
const mostPlans = 16

func newRows(table *schema.Table) *Rows {
	model := reflect.PointerTo(table.Type)
	hooks := model.Implements(reflect.TypeFor[schema.BeforeScanRowHook]()) || model.Implements(reflect.TypeFor[schema.AfterScanRowHook]())
	return &Rows{table: table, hooks: hooks}
}

// HasHooks reports whether the model has hooks that are called with each row. They may use a
// session.
func (r *Rows) HasHooks() bool { return r.hooks }

// NewRows makes Rows for a model, which is a struct.
func NewRows(db *bun.DB, model reflect.Type) (r *Rows, err error) {
	defer func() {
		if cause := recover(); cause != nil { // Bun panics on a model that it can't map
			r, err = nil, fmt.Errorf("the model can't be mapped by Bun: %v", cause)
		}
	}()
	if model.Kind() != reflect.Struct {
		return nil, fmt.Errorf("the model is %s: want a struct", model)
	}
	return newRows(db.Table(model)), nil
}

// planOf returns the plan for the columns of a result.
func (r *Rows) planOf(names []string) (*plan, error) {
	var known []*plan
	if plans := r.plans.Load(); plans != nil {
		known = *plans
	}
	for _, p := range slices.Backward(known) {
		if slices.Equal(p.names, names) {
			return p, nil
		}
	}
	p, err := newPlan(r.table, names)
	if err != nil {
		return nil, err
	}
	kept := append(slices.Clone(known[max(len(known)-mostPlans+1, 0):]), p)
	r.plans.Store(&kept) // a plan that another goroutine stores at the same time may be lost, and is then made again
	return p, nil
}

func newPlan(table *schema.Table, names []string) (*plan, error) {
	p := &plan{typ: table.Type, names: names, columns: make([]column, len(names))}
	for i, name := range names {
		if len(name) > 1 && name[0] == '"' && name[len(name)-1] == '"' {
			name = name[1 : len(name)-1] // as Bun does for SQLite
		}
		field := table.LookupField(name)
		if field == nil {
			if name == "" || name[0] == '_' {
				continue
			}
			return nil, fmt.Errorf("bun: %s does not have column %q", table.TypeName, name)
		}
		p.columns[i] = columnOf(p.typ, field)
	}
	p.readers.New = func() any {
		r := &reader{plan: p, dest: make([]any, len(names))}
		for i := range r.dest {
			r.dest[i] = r
		}
		return r
	}
	return p, nil
}

var scanner = reflect.TypeFor[sql.Scanner]()

// columnOf decides how a field is stored. Bun stores fields with a Scan method or a special
// format.
func columnOf(typ reflect.Type, field *schema.Field) column {
	made := column{field: field}
	for i, index := range field.Index {
		if i > 0 && typ.Kind() == reflect.Pointer {
			return column{field: field}
		}
		at := typ.Field(index)
		made.offset += at.Offset
		typ = at.Type
	}
	if reflect.PointerTo(typ).Implements(scanner) || field.Tag.HasOption("msgpack") || field.Tag.HasOption("json_use_number") {
		return made
	}
	switch typ.Kind() {
	case reflect.String:
		made.as = asString
	case reflect.Int64:
		made.as = asInt64
	case reflect.Int:
		made.as = asInt
	case reflect.Float64:
		made.as = asFloat64
	case reflect.Bool:
		made.as = asBool
	case reflect.Struct:
		if typ == reflect.TypeFor[time.Time]() {
			made.as = asTime
		}
	}
	return made
}
