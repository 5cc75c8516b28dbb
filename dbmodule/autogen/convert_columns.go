package autogen

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ariga.io/atlas/sql/schema"
	bunschema "github.com/uptrace/bun/schema"

	"github.com/openhands-go/server/dbmodule"
)

// columns adds the columns and the primary key.
func (c *converter) columns(m *model) error {
	if len(m.bun.Fields) == 0 {
		return errors.New("it has no columns")
	}
	own, err := ownTypes(c.engine, m)
	if err != nil {
		return err
	}
	var primary []*schema.Column
	for _, field := range m.bun.Fields {
		if _, twice := m.table.Column(field.Name); twice {
			return fmt.Errorf("column %s: two fields have this column", field.Name)
		}
		column, err := c.column(field, own[field.Name])
		if err != nil {
			return fmt.Errorf("column %s: %w", field.Name, err)
		}
		m.table.AddColumns(column)
		if field.IsPK {
			primary = append(primary, column)
		}
	}
	if len(primary) > 0 {
		m.table.SetPrimaryKey(schema.NewPrimaryKey(primary...))
		m.unique = append(m.unique, columnNames(primary))
	}
	for _, field := range m.bun.Fields {
		if !field.Identity && !field.AutoIncrement {
			continue
		}
		column, err := m.column(field.Name)
		if err == nil {
			err = c.engine.identify(m.table, column)
		}
		if err != nil {
			return fmt.Errorf("column %s: %w", field.Name, err)
		}
	}
	return nil
}

// ownTypes returns the types that the model's ColumnTypes gives for this engine, by
// column.
func ownTypes(e engine, m *model) (map[string]string, error) {
	typer, ok := m.bun.ZeroIface.(dbmodule.ColumnTyper)
	if !ok {
		return nil, nil
	}
	own := typer.ColumnTypes(e.name())
	for _, name := range slices.Sorted(maps.Keys(own)) {
		if !slices.ContainsFunc(m.bun.Fields, func(f *bunschema.Field) bool { return f.Name == name }) {
			return nil, fmt.Errorf("column types: no column %q", name)
		}
		if strings.TrimSpace(own[name]) == "" {
			return nil, fmt.Errorf("column types: column %s: the type is empty", name)
		}
	}
	return own, nil
}

// columnType returns the type of a column, and the collation from its tag.
func (c *converter) columnType(field *bunschema.Field, own string) (t schema.Type, declared, collation string, err error) {
	if own == "" {
		declared, collation, err = declaredType(field)
	} else {
		declared, collation, err = splitCollation(own)
	}
	switch {
	case err != nil:
	case own == "":
		t, err = c.engine.parseType(declared)
	default:
		t, err = c.engine.ownType(declared)
	}
	return t, declared, collation, err
}

// column converts a field. own is the type that ColumnTypes returns for it, or empty.
func (c *converter) column(field *bunschema.Field, own string) (*schema.Column, error) {
	if err := checkName(c.engine, field.Name); err != nil {
		return nil, err
	}
	t, declared, collation, err := c.columnType(field, own)
	if err != nil {
		return nil, err
	}
	numbered := field.Identity || field.AutoIncrement
	column := schema.NewColumn(field.Name).SetType(t).SetNull(!field.NotNull && !field.IsPK && !numbered)
	if own == "" {
		column.Type.Raw = declared
	}
	if collation != "" {
		c.engine.collate(column, collation)
	}
	if strings.Count(field.SQLDefault, "'")%2 != 0 {
		return nil, fmt.Errorf(`default %s: a quote is not closed; write a value with a comma as default:\"…\" in the tag`, field.SQLDefault)
	}
	if _, tag, ok := strings.Cut(field.StructField.Tag.Get("bun"), "default:"); ok && !strings.HasPrefix(tag, `"`) && !strings.HasPrefix(tag, field.SQLDefault) {
		// Bun reads only the text between the quotes.
		return nil, fmt.Errorf(`default %s: write a value with double quotes as default:\"…\" in the tag, and each double quote in it as \\\"`, field.SQLDefault)
	}
	if err := noLineComment(c.engine.name(), field.SQLDefault); err != nil {
		return nil, fmt.Errorf("default: %w", err)
	}
	if d, ok := parseDefault(field.SQLDefault); ok {
		if numbered {
			return nil, errors.New("it has a default, but the database numbers it: remove one of the two")
		}
		if d, err = fit(d, t); err != nil {
			return nil, err
		}
		column.SetDefault(c.engine.defaultOf(t, d))
	}
	return column, nil
}

// fit gives a literal the kind of the column's type. It returns an error if the type has no such
// value.
func fit(d defaultValue, t schema.Type) (defaultValue, error) {
	_, isBool := t.(*schema.BoolType)
	switch {
	case d.kind > defaultBool:
		return d, nil
	case isBool:
		value, ok := d.truth()
		if !ok {
			return d, fmt.Errorf("default %q is not true or false", d.text)
		}
		d = defaultValue{defaultBool, "false"}
		if value {
			d.text = "true"
		}
	case isNumber(t):
		if d.kind == defaultBool || !reNumber.MatchString(d.text) {
			return d, fmt.Errorf("default %q is not a number", d.text)
		}
		d.kind = defaultNumber
	default:
		d.kind = defaultString
	}
	return d, nil
}
