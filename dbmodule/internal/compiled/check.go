package compiled

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"github.com/openhands-go/server/dbmodule/internal/prepared"
)

// refuses returns an error for a query that can't be compiled: a hook of the model may change
// it each time, or it is more than one statement.
func refuses(table *schema.Table, query bun.Query) error {
	hook := ""
	switch model := table.ZeroIface; q := query.(type) {
	case *bun.SelectQuery:
		hook = hookOf[bun.BeforeSelectHook, bun.AfterSelectHook](model, "BeforeSelect", "AfterSelect")
	case *bun.InsertQuery:
		hook = hookOf[bun.BeforeInsertHook, bun.AfterInsertHook](model, "BeforeInsert", "AfterInsert")
	case *bun.UpdateQuery:
		hook = hookOf[bun.BeforeUpdateHook, bun.AfterUpdateHook](model, "BeforeUpdate", "AfterUpdate")
	case *bun.DeleteQuery:
		hook = hookOf[bun.BeforeDeleteHook, bun.AfterDeleteHook](model, "BeforeDelete", "AfterDelete")
		if table.SoftDeleteField != nil && !strings.HasPrefix(textOf(q), "DELETE") {
			return fmt.Errorf("the query soft-deletes a %s, and Bun writes the time into it: compile an update of %q to a parameter, or add ForceDelete", table.TypeName, table.SoftDeleteField.Name)
		}
	}
	if hook != "" {
		return fmt.Errorf("%s has the hook %s, which may change the query each time it runs, but a compiled query can't change: run the query without compiling it", table.TypeName, hook)
	}
	if joins := reflect.Indirect(reflect.ValueOf(query.GetModel())).FieldByName("joins"); joins.IsValid() && joins.Len() > 0 {
		return fmt.Errorf("the query has a Relation, which Bun reads by other statements or into other structs: write a join, and its columns as fields of the model")
	}
	return nil
}

func textOf(query bun.Query) string {
	text, _ := query.AppendQuery(schema.NewNopQueryGen(), nil)
	return string(text)
}

func hookOf[Before, After any](model any, before, after string) string {
	if _, ok := model.(Before); ok {
		return before
	}
	if _, ok := model.(After); ok {
		return after
	}
	return ""
}

// check returns an error if the query names a column or parameter that does not exist.
func (q *Query) check(t *template) error {
	if err := unsupported(t.fields); err != nil {
		return err
	}
	if !q.modelIsParameters {
		if err := q.writer.parameters.unused(t.fields); err != nil {
			return err
		}
	}
	names, ok := prepared.NamesIn(q.dialect, t.sample())
	if !ok || names.Tables != 1 {
		return nil // the database reports wrong names
	}
	for _, name := range names.Columns {
		if !q.knows(name) && !slices.ContainsFunc(names.Given, func(given string) bool { return strings.EqualFold(given, name) }) {
			columns := make([]string, 0, len(q.table.Fields))
			for _, f := range q.table.Fields {
				columns = append(columns, f.Name)
			}
			return fmt.Errorf("%s has no column %q: its columns are %s", q.table.TypeName, name, strings.Join(columns, ", "))
		}
	}
	return nil
}

// builtIn are columns that each table has.
var builtIn = []string{"rowid", "oid", "_rowid_", "ctid", "xmin", "xmax", "tableoid"}

// knows reports whether the table has a column of that name: in the model, in another model
// of the same table, or built in. Case does not matter.
func (q *Query) knows(name string) bool {
	for _, table := range q.live.Dialect().Tables().All() {
		if table.Name == q.table.Name && has(table, name) {
			return true
		}
	}
	return slices.ContainsFunc(builtIn, func(known string) bool { return strings.EqualFold(known, name) })
}

func has(table *schema.Table, name string) bool {
	if table.FieldMap[name] != nil {
		return true
	}
	for known := range table.FieldMap {
		if strings.EqualFold(known, name) {
			return true
		}
	}
	return false
}

// sample returns the text with some value for each parameter.
func (t *template) sample() string {
	var b strings.Builder
	for i, f := range t.fields {
		b.WriteString(t.parts[i])
		b.WriteString(sampleOf(f.IndirectType))
	}
	b.WriteString(t.parts[len(t.fields)])
	return b.String()
}

func sampleOf(typ reflect.Type) string {
	switch typ.Kind() {
	case reflect.Bool:
		return "TRUE"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "1"
	case reflect.Float32, reflect.Float64:
		return "1"
	}
	if typ == reflect.TypeFor[time.Time]() {
		return "'2000-01-01 00:00:00+00:00'"
	}
	return "'x'"
}
