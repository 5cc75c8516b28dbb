// Package schema is what ent's code is generated from.
package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
)

// Event is the row.
type Event struct{ ent.Schema }

// Annotations name the table.
func (Event) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Annotation{Table: "events"}}
}

// Fields are the columns, and their JSON names.
func (Event) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("id").StructTag(`json:"id"`),
		field.String("conversation_id").StructTag(`json:"conversation_id"`),
		field.String("kind").StructTag(`json:"kind"`),
		field.String("source").StructTag(`json:"source"`),
		field.Text("body").StructTag(`json:"body"`),
		field.Float("cost").StructTag(`json:"cost"`),
		field.Bool("final").StructTag(`json:"final"`),
		field.Time("created_at").StructTag(`json:"created_at"`),
	}
}
