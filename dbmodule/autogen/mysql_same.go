package autogen

import (
	"ariga.io/atlas/sql/mysql"
	"ariga.io/atlas/sql/schema"
)

// sameTypes spells the types of inspected columns as the models do, where
// MySQL or MariaDB says what was left out: char is char(1), and year is
// year(4).
func sameTypes(live, want *schema.Table) {
	for _, column := range live.Columns {
		wanted, ok := want.Column(column.Name)
		if ok && bareType(column.Type.Type) && bareType(wanted.Type.Type) && typeWord(column) == typeWord(wanted) {
			column.Type.Type = cloneOne(wanted.Type.Type)
		}
	}
}

// bareType says that the type has the size that it has if none is said.
func bareType(t schema.Type) bool {
	switch t := t.(type) {
	case *schema.StringType:
		return t.T == mysql.TypeChar && t.Size <= 1
	case *schema.TimeType:
		return t.T == mysql.TypeYear && (t.Precision == nil || *t.Precision == 4)
	}
	return false
}

func typeWord(c *schema.Column) string {
	switch t := c.Type.Type.(type) {
	case *schema.StringType:
		return t.T
	case *schema.TimeType:
		return t.T
	}
	return ""
}

// sameIndexKinds takes away that an index is a hash, where the models say
// nothing of that. MariaDB makes one of a unique index whose columns are too
// long for a tree.
func sameIndexKinds(live, want *schema.Table) {
	for _, index := range live.Indexes {
		wanted, ok := want.Index(index.Name)
		if !ok {
			continue
		}
		if _, said := attrOf[*mysql.IndexType](wanted.Attrs); !said {
			if kind, ok := attrOf[*mysql.IndexType](index.Attrs); ok && kind.T == mysql.IndexTypeHash {
				index.Attrs = schema.RemoveAttr[*mysql.IndexType](index.Attrs)
			}
		}
	}
}
