package autogen

import (
	"fmt"

	"ariga.io/atlas/sql/mysql"
	"ariga.io/atlas/sql/schema"
)

// marshalMySQL writes the collations of columns. atlas writes only those that differ
// from the collation of the table or schema. So it gives tables and schemas a collation
// without a name. It changes realm.
func marshalMySQL(v any) ([]byte, error) {
	realm, ok := v.(*schema.Realm)
	if !ok {
		return nil, fmt.Errorf("no realm but a %T", v)
	}
	charset, collation := &schema.Charset{}, &schema.Collation{}
	realm.Attrs = append(realm.Attrs, charset, collation)
	for _, s := range realm.Schemas {
		s.AddAttrs(charset, collation)
	}
	for _, table := range tablesOf(realm) {
		if collationOf(table.Attrs) == "" {
			table.AddAttrs(collation)
		}
	}
	return mysql.MarshalHCL.MarshalSpec(realm)
}
