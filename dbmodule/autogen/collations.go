package autogen

import (
	"ariga.io/atlas/sql/schema"

	"github.com/openhands-go/server/dbmodule"
)

// settleCollations removes the collations of PostgreSQL's columns that no reference
// names: the collation of the type name, and those that somebody set by hand. So a
// comparison leaves them alone.
func settleCollations(e engine, live *schema.Realm, references []*schema.Realm) {
	if e.name() != dbmodule.PostgreSQL {
		return
	}
	for _, table := range tablesOf(live) {
		for _, column := range table.Columns {
			if !saysCollation(nameOfTable(table), column.Name, references) {
				column.Attrs = schema.RemoveAttr[*schema.Collation](column.Attrs)
			}
		}
	}
}

func saysCollation(table tableName, column string, references []*schema.Realm) bool {
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
