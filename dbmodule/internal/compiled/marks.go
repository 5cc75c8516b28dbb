package compiled

import (
	"database/sql"
	"reflect"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// mark stands before and after a parameter's name in a rendered query. No valid SQL text
// contains it.
const mark = "\x00"

func appendMark(b []byte, name string) []byte {
	return append(append(append(b, mark...), name...), mark...)
}

// marking is the database's dialect with copies of its tables, whose fields write marks
// instead of values.
type marking struct {
	schema.Dialect
	tables *schema.Tables
}

func newMarking(live schema.Dialect) *marking {
	d := &marking{Dialect: live}
	d.tables = schema.NewTables(d)
	return d
}

// Init does nothing: it is called on the database's dialect itself.
func (*marking) Init(*sql.DB) {}

// Tables returns the copies.
func (d *marking) Tables() *schema.Tables { return d.tables }

// writer has Bun write queries over one model with marks. It is not safe for concurrent
// use.
type writer struct {
	db     *bun.DB
	table  *schema.Table
	fields []*schema.Field
	// zeros has the names of the fields that count as zero.
	zeros map[string]bool
	// parameters are the fields that the query may name.
	parameters *Parameters
	unknown    []string
}

func newWriter(live schema.Dialect, model reflect.Type, parameters *Parameters) *writer {
	dialect := newMarking(live)
	w := &writer{db: bun.NewDB(nil, dialect), table: dialect.tables.Get(model), zeros: make(map[string]bool), parameters: parameters}
	seen := make(map[*schema.Field]bool)
	for _, f := range w.table.FieldMap {
		if seen[f] {
			continue
		}
		seen[f] = true
		w.fields = append(w.fields, f)
		f.Append = func(_ schema.QueryGen, b []byte, _ reflect.Value) []byte { return appendMark(b, f.Name) }
		f.IsZero = func(reflect.Value) bool { return w.zeros[f.Name] }
	}
	return w
}

// sample makes a struct of the model. Its pointers are nil if their fields count as zero.
func (w *writer) sample() reflect.Value {
	made := reflect.New(w.table.Type)
	for _, f := range w.fields {
		value := f.Value(made.Elem())
		if f.IsPtr && !w.zeros[f.Name] {
			value.Set(reflect.New(value.Type().Elem()))
		}
	}
	return made
}

// samples makes a slice of n structs of the model.
func (w *writer) samples(n int) reflect.Value {
	made := reflect.New(reflect.SliceOf(w.table.Type))
	for range n {
		made.Elem().Set(reflect.Append(made.Elem(), w.sample().Elem()))
	}
	return made
}

// AppendNamedArg writes the mark of a parameter that the query names. If the query's model
// has a field of the name, Bun asks the model first, which writes the same mark.
func (w *writer) AppendNamedArg(_ schema.QueryGen, b []byte, name string) ([]byte, bool) {
	if w.parameters.field(name) == nil {
		w.unknown = append(w.unknown, name)
		return b, false
	}
	return appendMark(b, name), true
}

// write returns the query's text with marks.
func (w *writer) write(query bun.Query) (string, error) {
	w.unknown = nil
	text, err := query.AppendQuery(schema.NewQueryGen(w.db.Dialect()).WithArg(w), nil)
	if err != nil {
		return "", err
	}
	if len(w.unknown) > 0 {
		return "", w.parameters.missing(w.unknown[0])
	}
	return string(text), nil
}

// template reads a text with marks.
func (w *writer) template(text string) (template, error) {
	pieces := strings.Split(text, mark)
	made := template{parts: make([]string, 0, len(pieces)/2+1)}
	for i, piece := range pieces {
		if i%2 == 0 {
			made.parts = append(made.parts, piece)
			continue
		}
		field := w.parameters.field(piece)
		if field == nil {
			return template{}, w.parameters.missing(piece)
		}
		made.fields = append(made.fields, field)
	}
	return made, nil
}
