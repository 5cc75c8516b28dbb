package compiled

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/uptrace/bun/schema"
)

// Parameters are the parameters of a query: the fields of a struct, by their names in Bun.
type Parameters struct {
	typ reflect.Type
	// table is nil for a struct without fields.
	table *schema.Table
}

func newParameters(live schema.Dialect, typ reflect.Type) (*Parameters, error) {
	if typ.Kind() != reflect.Struct {
		return nil, fmt.Errorf("the parameters are %s: want a struct, whose fields are the parameters", typ)
	}
	p := &Parameters{typ: typ}
	if typ.NumField() == 0 {
		return p, nil
	}
	p.table = live.Tables().Get(typ)
	return p, nil
}

// field returns a parameter, nil for none of that name.
func (p *Parameters) field(name string) *schema.Field {
	if p.table == nil {
		return nil
	}
	return p.table.FieldMap[name]
}

func (p *Parameters) names() []string {
	if p.table == nil {
		return nil
	}
	names := make([]string, 0, len(p.table.FieldMap))
	for name := range p.table.FieldMap {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// missing returns the error for a name that is no parameter.
func (p *Parameters) missing(name string) error {
	has := "it has no fields"
	if names := p.names(); len(names) > 0 {
		has = "its fields are " + strings.Join(names, ", ")
	}
	return fmt.Errorf("the query needs the parameter %q, which %s does not have: %s", name, p.typ, has)
}

// unsupported returns an error if Bun can't write one of the fields.
func unsupported(fields []*schema.Field) error {
	for _, f := range fields {
		if f.Append == nil {
			return fmt.Errorf("the parameter %q is %s, which Bun can't write into a query", f.Name, f.StructField.Type)
		}
	}
	return nil
}

// unused returns an error if the query does not use one of the parameters.
func (p *Parameters) unused(used []*schema.Field) error {
	if p.table == nil {
		return nil
	}
	for _, f := range p.table.Fields {
		if !slices.Contains(used, f) {
			return fmt.Errorf("the query does not use the parameter %q of %s", f.Name, p.typ)
		}
	}
	return nil
}
