package compiled

import (
	"reflect"

	"github.com/uptrace/bun/schema"

	"github.com/openhands-go/server/dbmodule/internal/prepared"
)

// template is a query's text without its values: fields[i] is written between parts[i]
// and parts[i+1].
type template struct {
	parts  []string
	fields []*schema.Field
	// returns and plain are those of Text.
	returns, plain bool
}

// appendTo appends the text with the values of a struct, and appends their places to places.
func (t *template) appendTo(b []byte, gen schema.QueryGen, values reflect.Value, places *[]prepared.Span) []byte {
	for i, f := range t.fields {
		b = append(b, t.parts[i]...)
		from := len(b)
		b = f.AppendValue(gen, b, values)
		*places = append(*places, prepared.Span{From: from, To: len(b)})
	}
	return append(b, t.parts[len(t.fields)]...)
}
