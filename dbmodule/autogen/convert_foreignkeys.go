package autogen

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"ariga.io/atlas/sql/schema"
	bunschema "github.com/uptrace/bun/schema"

	"github.com/openhands-go/server/dbmodule"
)

// foreignKeys adds a foreign key for each relation that is one. Relations over the same columns
// share a key.
func (c *converter) foreignKeys(m *model) error {
	var keys []*schema.ForeignKey
	for _, name := range slices.Sorted(maps.Keys(m.bun.Relations)) {
		relation := m.bun.Relations[name]
		key, err := c.foreignKey(m, relation)
		if err != nil {
			return fmt.Errorf("relation %s: %w", name, err)
		}
		if key == nil {
			continue
		}
		same := slices.IndexFunc(keys, func(other *schema.ForeignKey) bool { return sameColumns(key, other) })
		if same < 0 {
			keys = append(keys, key)
			continue
		}
		if err := mergeActions(keys[same], key); err != nil {
			return fmt.Errorf("relation %s: %w", name, err)
		}
	}
	// The names of the keys depend on their order, so the order must not depend on the
	// names of Go's fields.
	slices.SortFunc(keys, func(a, b *schema.ForeignKey) int {
		if order := slices.Compare(columnNames(a.Columns), columnNames(b.Columns)); order != 0 {
			return order
		}
		return strings.Compare(a.RefTable.Name, b.RefTable.Name)
	})
	chosen, err := chosenKeyNames(m, keys)
	if err != nil {
		return err
	}
	for _, key := range keys {
		key.Symbol = chosen[keyColumns(key)]
		// The name of a second key over the same columns also has the table that it
		// refers to.
		for _, what := range []string{"", key.RefTable.Name, key.RefTable.Name + "(" + strings.Join(columnNames(key.RefColumns), ", ") + ")"} {
			if _, taken := m.table.ForeignKey(key.Symbol); key.Symbol != "" && !taken {
				break
			}
			key.Symbol = c.names.build("fk", m.name, columnNames(key.Columns), what)
		}
		for _, column := range key.Columns {
			column.ForeignKeys = append(column.ForeignKeys, key)
		}
		m.table.AddForeignKeys(key)
	}
	return nil
}

// chosenKeyNames returns the names of foreign keys that the model's author chose, by
// their columns.
func chosenKeyNames(m *model, keys []*schema.ForeignKey) (map[string]string, error) {
	namer, ok := m.bun.ZeroIface.(dbmodule.ForeignKeyNamer)
	if !ok {
		return nil, nil
	}
	chosen := namer.ForeignKeyNames()
	for _, columns := range slices.Sorted(maps.Keys(chosen)) {
		if !slices.ContainsFunc(keys, func(key *schema.ForeignKey) bool { return keyColumns(key) == columns }) {
			return nil, fmt.Errorf("ForeignKeyNames names %q, but no relation makes a foreign key of these columns", columns)
		}
	}
	return chosen, nil
}

func keyColumns(key *schema.ForeignKey) string { return strings.Join(columnNames(key.Columns), ",") }

// foreignKey converts a relation. It returns nil for a relation that is no foreign
// key.
func (c *converter) foreignKey(m *model, relation *bunschema.Relation) (*schema.ForeignKey, error) {
	switch {
	case len(relation.Condition) > 0 || len(relation.BasePKs) == 0:
		return nil, nil
	case relation.Type == bunschema.BelongsToRelation:
	case relation.Type == bunschema.HasOneRelation:
		// Usually the other table refers to this one, with a relation of its own. This
		// table refers to the other only if the columns are not its own primary key.
		for _, field := range relation.BasePKs {
			if field.IsPK {
				return nil, nil
			}
		}
	default:
		return nil, nil
	}
	columns, refColumns := fieldNames(relation.BasePKs), fieldNames(relation.JoinPKs)
	target := c.target(relation.JoinTable)
	if target == nil {
		return nil, fmt.Errorf("it refers to the table %s of the model %s, which is not among the models",
			relation.JoinTable.Name, relation.JoinTable.Type)
	}
	if target.unmanaged {
		return nil, nil
	}
	if !identifies(target.unique, refColumns) {
		if relation.Type == bunschema.HasOneRelation {
			return nil, nil
		}
		return nil, fmt.Errorf("it refers to %s(%s), which is neither a primary key nor unique",
			target.name, strings.Join(refColumns, ", "))
	}

	key := schema.NewForeignKey("").SetTable(m.table).SetRefTable(target.table)
	for i := range columns {
		column, err := m.column(columns[i])
		if err != nil {
			return nil, err
		}
		refColumn, err := target.column(refColumns[i])
		if err != nil {
			return nil, err
		}
		key.Columns = append(key.Columns, column)
		key.RefColumns = append(key.RefColumns, refColumn)
	}
	var err error
	if key.OnUpdate, err = c.action("on_update", relation.OnUpdate, key); err != nil {
		return nil, err
	}
	key.OnDelete, err = c.action("on_delete", relation.OnDelete, key)
	return key, err
}

// target returns the model that a relation refers to. A model that extends another
// model has the same table.
func (c *converter) target(table *bunschema.Table) *model {
	for other, m := range c.byModel {
		if other.Type == table.Type {
			return m
		}
	}
	name, err := nameOf(c.engine, table)
	if err != nil {
		return nil
	}
	return c.byName[name]
}

// action parses the action in Bun's clause, such as "ON DELETE CASCADE". It returns "" for NO
// ACTION, which is the default.
func (c *converter) action(option, clause string, key *schema.ForeignKey) (schema.ReferenceOption, error) {
	_, rule, _ := strings.Cut(strings.TrimPrefix(clause, "ON "), " ")
	switch action := schema.ReferenceOption(strings.ToUpper(strings.TrimSpace(rule))); action {
	case "", schema.NoAction:
		return "", nil
	case schema.Cascade, schema.Restrict:
		return action, nil
	case schema.SetDefault:
		if c.engine.name() == dbmodule.MySQL {
			return "", fmt.Errorf("%s:SET DEFAULT: MySQL does not support it", option)
		}
		return action, nil
	case schema.SetNull:
		for _, column := range key.Columns {
			if !column.Type.Null {
				return "", fmt.Errorf("%s:SET NULL: column %s is not null", option, column.Name)
			}
		}
		return action, nil
	default:
		return "", fmt.Errorf("%s:%s: want CASCADE, RESTRICT, SET NULL, SET DEFAULT or NO ACTION", option, rule)
	}
}

// mergeActions adds the actions of other to key, which has the same columns. It returns an error if
// the two have different actions.
func mergeActions(key, other *schema.ForeignKey) error {
	for _, pair := range []struct {
		option string
		to     *schema.ReferenceOption
		from   schema.ReferenceOption
	}{{"on_update", &key.OnUpdate, other.OnUpdate}, {"on_delete", &key.OnDelete, other.OnDelete}} {
		switch {
		case *pair.to == "":
			*pair.to = pair.from
		case pair.from != "" && pair.from != *pair.to:
			return fmt.Errorf("%s:%s: another relation over the same columns has %s", pair.option, pair.from, *pair.to)
		}
	}
	return nil
}

// sameColumns reports whether two keys of one table have the same columns and refer to the same
// columns.
func sameColumns(a, b *schema.ForeignKey) bool {
	return a.RefTable == b.RefTable &&
		slices.Equal(columnNames(a.Columns), columnNames(b.Columns)) &&
		slices.Equal(columnNames(a.RefColumns), columnNames(b.RefColumns))
}

// identifies reports whether the columns, in any order, are one of the sets.
func identifies(sets [][]string, columns []string) bool {
	columns = slices.Sorted(slices.Values(columns))
	return slices.ContainsFunc(sets, func(set []string) bool {
		return slices.Equal(slices.Sorted(slices.Values(set)), columns)
	})
}
