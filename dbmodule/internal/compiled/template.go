package compiled

import (
	"reflect"

	"github.com/uptrace/bun/schema"
)

// template is a query's text without its values: fields[i] is written between parts[i]
// and parts[i+1].
type template struct {
	parts  []string
	fields []*schema.Field
	// returns is set for a query with a result.
	returns bool
}

// appendTo writes the text with the values of a struct.
func (t *template) appendTo(b []byte, gen schema.QueryGen, values reflect.Value) []byte {
	for i, f := range t.fields {
		b = append(b, t.parts[i]...)
		b = f.AppendValue(gen, b, values)
	}
	return append(b, t.parts[len(t.fields)]...)
}
