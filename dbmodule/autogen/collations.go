package autogen

import (
	"ariga.io/atlas/sql/schema"

	"github.com/openhands-go/server/dbmodule"
)

// settleCollations removes, on PostgreSQL, the collation of a column if no reference has a
// collation for it. So a comparison ignores the collation that the type name always has, and
// collations that somebody set by hand.
func settleCollations(e engine, live *schema.Realm, references []*schema.Realm) {
	if e.name() != dbmodule.PostgreSQL {
		return
	}
	for _, table := range tablesOf(live) {
		for _, column := range table.Columns {
			if !hasCollation(nameOfTable(table), column.Name, references) {
				column.Attrs = schema.RemoveAttr[*schema.Collation](column.Attrs)
			}
		}
	}
}

// hasCollation reports whether a reference has a collation for the column.
func hasCollation(table tableName, column string, references []*schema.Realm) bool {
	for _, reference := range references {
		known, ok := tableAt(reference, table)
		if !ok {
			continue
		}
		if c, ok := known.Column(column); ok && collationOf(c.Attrs) != "" {
			return true
		}
	}
	return false
}
