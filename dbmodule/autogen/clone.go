package autogen

import (
	"reflect"

	"ariga.io/atlas/sql/schema"
)

// cloneRealm returns a deep copy of a realm. Renames in the copy, and what atlas's
// differ normalizes, don't change the original. References between tables, columns
// and keys of the copy lead to copies.
func cloneRealm(realm *schema.Realm) *schema.Realm {
	c := cloner{tables: map[*schema.Table]*schema.Table{}, columns: map[*schema.Column]*schema.Column{}}
	clone := schema.NewRealm()
	for _, s := range realm.Schemas {
		to := &schema.Schema{Name: s.Name, Attrs: cloneAll(s.Attrs)}
		clone.AddSchemas(to)
		for _, table := range s.Tables {
			to.AddTables(c.table(table))
		}
	}
	for from, to := range c.tables {
		c.keys(from, to)
	}
	return clone
}

type cloner struct {
	tables  map[*schema.Table]*schema.Table
	columns map[*schema.Column]*schema.Column
}

func (c cloner) table(from *schema.Table) *schema.Table {
	to := &schema.Table{Name: from.Name, Attrs: cloneAll(from.Attrs)}
	c.tables[from] = to
	for _, column := range from.Columns {
		copied := &schema.Column{
			Name:    column.Name,
			Type:    &schema.ColumnType{Type: cloneOne(column.Type.Type), Raw: column.Type.Raw, Null: column.Type.Null},
			Default: cloneOne(column.Default),
			Attrs:   cloneAll(column.Attrs),
		}
		c.columns[column] = copied
		to.Columns = append(to.Columns, copied)
	}
	return to
}

func (c cloner) keys(from, to *schema.Table) {
	if from.PrimaryKey != nil {
		to.PrimaryKey = c.index(from.PrimaryKey, to)
	}
	for _, index := range from.Indexes {
		to.Indexes = append(to.Indexes, c.index(index, to))
	}
	for _, key := range from.ForeignKeys {
		copied := *key
		copied.Table, copied.Attrs = to, cloneAll(key.Attrs)
		if parent, ok := c.tables[key.RefTable]; ok {
			copied.RefTable = parent
		}
		copied.Columns, copied.RefColumns = c.all(key.Columns), c.all(key.RefColumns)
		for _, column := range copied.Columns {
			column.ForeignKeys = append(column.ForeignKeys, &copied)
		}
		to.ForeignKeys = append(to.ForeignKeys, &copied)
	}
}

func (c cloner) index(from *schema.Index, table *schema.Table) *schema.Index {
	to := &schema.Index{Name: from.Name, Unique: from.Unique, Table: table, Attrs: cloneAll(from.Attrs)}
	for _, part := range from.Parts {
		copied := *part
		copied.Attrs = cloneAll(part.Attrs)
		if part.C != nil {
			copied.C = c.one(part.C)
		}
		to.Parts = append(to.Parts, &copied)
	}
	return to
}

// one returns the copy of a column, or the column itself if its table is not in the
// realm.
func (c cloner) one(column *schema.Column) *schema.Column {
	if copied, ok := c.columns[column]; ok {
		return copied
	}
	return column
}

func (c cloner) all(columns []*schema.Column) []*schema.Column {
	copies := make([]*schema.Column, len(columns))
	for i, column := range columns {
		copies[i] = c.one(column)
	}
	return copies
}

func cloneAll(attrs []schema.Attr) []schema.Attr {
	var copies []schema.Attr
	for _, attr := range attrs {
		copies = append(copies, cloneOne(attr))
	}
	return copies
}

// cloneOne copies the struct that an interface value of atlas points to.
func cloneOne[T any](value T) T {
	from := reflect.ValueOf(value)
	if from.Kind() != reflect.Pointer || from.IsNil() {
		return value
	}
	to := reflect.New(from.Type().Elem())
	to.Elem().Set(from.Elem())
	copied, ok := to.Interface().(T)
	if !ok {
		return value
	}
	return copied
}
