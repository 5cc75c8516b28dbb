package autogen

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	bunschema "github.com/uptrace/bun/schema"
)

// structTypes checks the models and returns their types, each once.
func structTypes(models []any) ([]reflect.Type, error) {
	var types []reflect.Type
	for _, model := range models {
		t := reflect.TypeOf(model)
		if t == nil || t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct {
			return nil, fmt.Errorf("autogen: model %T: want a pointer to a struct, for example (*Book)(nil)", model)
		}
		if t = t.Elem(); !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	return types, nil
}

// bunTables returns Bun's tables of the types. After an invalid model, or a join
// table's model that comes too late, the dialect can't be used any more.
func bunTables(d bunschema.Dialect, types []reflect.Type) ([]*bunschema.Table, error) {
	// Bun needs the model of a join table before the models that use it.
	ordered := slices.Clone(types)
	slices.SortStableFunc(ordered, func(a, b reflect.Type) int {
		return boolRank(hasM2M(a, nil)) - boolRank(hasM2M(b, nil))
	})
	tables := make([]*bunschema.Table, 0, len(ordered))
	for _, t := range ordered {
		table, err := recovered(t, d.Tables().Get)
		if err != nil {
			return nil, err
		}
		tables = append(tables, table)
	}
	return tables, nil
}

// recovered returns an error for an invalid model, for which Bun panics.
func recovered(t reflect.Type, get func(reflect.Type) *bunschema.Table) (table *bunschema.Table, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("autogen: model %s: %v", t, cause)
		}
	}()
	return get(t), nil
}

func boolRank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// hasM2M reports whether a struct, or one embedded in it, has a many-to-many relation. outer are
// the structs around it, so that a struct that embeds itself ends the search.
func hasM2M(t reflect.Type, outer []reflect.Type) bool {
	if slices.Contains(outer, t) {
		return false
	}
	for i := range t.NumField() {
		field := t.Field(i)
		tag := field.Tag.Get("bun")
		if strings.HasPrefix(tag, "m2m:") || strings.Contains(tag, ",m2m:") {
			return true
		}
		inner := field.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		embedded := field.Anonymous || strings.Contains(tag, "embed:")
		if embedded && inner.Kind() == reflect.Struct && hasM2M(inner, append(outer, t)) {
			return true
		}
	}
	return false
}

// nameOf splits the name of a model's table as Bun does.
func nameOf(e engine, table *bunschema.Table) (tableName, error) {
	name := tableName{name: table.Name}
	if schemaName, rest, ok := strings.Cut(table.Name, "."); ok && !strings.Contains(rest, ".") {
		schemaName, err := e.schemaName(schemaName)
		if err != nil {
			return tableName{}, fmt.Errorf("autogen: model %s: table %s: %w", table.Type, table.Name, err)
		}
		name = tableName{schema: schemaName, name: rest}
	}
	for _, part := range []string{name.schema, name.name} {
		if err := checkName(e, part); err != nil {
			return tableName{}, fmt.Errorf("autogen: model %s: table %s: %w", table.Type, table.Name, err)
		}
	}
	return name, nil
}

// tableNames returns the sorted names of the models' tables, without unmanaged tables. The dialect
// may be a connection's, which has most models already.
func tableNames(e engine, d bunschema.Dialect, models []any) ([]tableName, error) {
	types, err := structTypes(models)
	if err != nil {
		return nil, err
	}
	tables, err := bunTables(d, types)
	if err != nil {
		return nil, err
	}
	names := make([]tableName, 0, len(tables))
	for _, table := range tables {
		if isUnmanaged(table.Type) {
			continue
		}
		name, err := nameOf(e, table)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	slices.SortFunc(names, compareNames)
	return slices.Compact(names), nil
}

func compareNames(a, b tableName) int {
	if c := strings.Compare(a.schema, b.schema); c != 0 {
		return c
	}
	return strings.Compare(a.name, b.name)
}
