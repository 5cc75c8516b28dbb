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

// keys adds the indexes of Bun's unique tags and of the model's method Indexes.
func (c *converter) keys(m *model) error {
	var indexes []*schema.Index
	for _, group := range slices.Sorted(maps.Keys(m.bun.Unique)) {
		fields := m.bun.Unique[group]
		sets := [][]*bunschema.Field{fields}
		if group == "" {
			sets = sets[:0]
			for _, field := range fields {
				sets = append(sets, []*bunschema.Field{field})
			}
		}
		for _, set := range sets {
			parts := make([]string, len(set))
			for i, field := range set {
				parts[i] = field.Name
			}
			index, err := c.index(m, dbmodule.Index{Columns: parts, Unique: true})
			if err != nil {
				return fmt.Errorf("unique tag on %s: %w", strings.Join(parts, ", "), err)
			}
			indexes = append(indexes, index)
		}
	}
	if indexer, ok := m.bun.ZeroIface.(dbmodule.Indexer); ok {
		for _, asked := range indexer.Indexes() {
			index, err := c.index(m, asked)
			if err != nil {
				return fmt.Errorf("index on %s: %w", strings.Join(asked.Columns, ", "), err)
			}
			indexes = append(indexes, index)
		}
	}
	slices.SortFunc(indexes, func(a, b *schema.Index) int { return strings.Compare(a.Name, b.Name) })
	for i, index := range indexes {
		if i > 0 && indexes[i-1].Name == index.Name {
			return fmt.Errorf("index %s: it is defined twice", index.Name)
		}
	}
	m.table.AddIndexes(indexes...)
	return nil
}

// index converts an index that the model asks for.
func (c *converter) index(m *model, asked dbmodule.Index) (*schema.Index, error) {
	if len(asked.Columns) == 0 {
		return nil, errors.New("it has no columns")
	}
	index := schema.NewIndex(asked.Name).SetUnique(asked.Unique)
	var columns, parts []string
	for _, text := range asked.Columns {
		name, desc := direction(text)
		column, err := m.column(name)
		if err != nil {
			return nil, err
		}
		if slices.Contains(columns, name) {
			return nil, fmt.Errorf("column %s is in it twice", name)
		}
		index.AddParts(schema.NewColumnPart(column).SetDesc(desc))
		columns = append(columns, name)
		if desc {
			name += "_desc"
		}
		parts = append(parts, name)
	}
	where := strings.TrimSpace(asked.Where)
	if where != "" {
		if err := errors.Join(noLineComment(c.engine.name(), where), c.engine.index(index, where)); err != nil {
			return nil, err
		}
	}
	if index.Name == "" {
		prefix := "ix"
		if asked.Unique {
			prefix = "uq"
		}
		index.Name = c.names.build(prefix, m.name, parts, where)
	}
	if asked.Unique && where == "" {
		m.unique = append(m.unique, columns)
	}
	return index, nil
}

// direction splits a column of an index from the ASC or DESC behind it.
func direction(text string) (column string, desc bool) {
	text = strings.TrimSpace(text)
	if i := strings.LastIndexByte(text, ' '); i > 0 {
		switch strings.ToUpper(text[i+1:]) {
		case "DESC":
			return strings.TrimSpace(text[:i]), true
		case "ASC":
			return strings.TrimSpace(text[:i]), false
		}
	}
	return text, false
}
