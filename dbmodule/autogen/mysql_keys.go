package autogen

import (
	"slices"

	"ariga.io/atlas/sql/schema"
)

// orderKeys sorts the columns of foreign keys into the order of the key that they refer
// to, which InnoDB requires. The order does not change the meaning.
func orderKeys(t *schema.Table) {
	for _, key := range t.ForeignKeys {
		var indexes []*schema.Index
		if key.RefTable.PrimaryKey != nil {
			indexes = append(indexes, key.RefTable.PrimaryKey)
		}
		indexes = append(indexes, key.RefTable.Indexes...)
		refColumns := columnNames(key.RefColumns)
		if slices.ContainsFunc(indexes, func(i *schema.Index) bool { return startsWith(i, refColumns) }) {
			continue
		}
		for _, index := range indexes {
			if parts := partNames(index); len(parts) == len(refColumns) && identifies([][]string{parts}, refColumns) {
				orderLike(key, parts)
				break
			}
		}
	}
}

func startsWith(index *schema.Index, columns []string) bool {
	parts := partNames(index)
	return len(parts) == len(index.Parts) && len(parts) >= len(columns) && slices.Equal(parts[:len(columns)], columns)
}

// orderLike sorts the pairs of a foreign key's columns: names has the order of the
// referenced columns.
func orderLike(key *schema.ForeignKey, names []string) {
	columns, refColumns := key.Columns, key.RefColumns
	key.Columns, key.RefColumns = nil, nil
	for _, name := range names {
		i := slices.IndexFunc(refColumns, func(c *schema.Column) bool { return c.Name == name })
		key.Columns = append(key.Columns, columns[i])
		key.RefColumns = append(key.RefColumns, refColumns[i])
	}
}
