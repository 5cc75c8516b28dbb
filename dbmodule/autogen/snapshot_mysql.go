package autogen

import (
	"fmt"

	"ariga.io/atlas/sql/mysql"
	"ariga.io/atlas/sql/schema"
)

// marshalMySQL writes the collations of columns. atlas does so only below a
// table that says its own, and writes what differs from what stands above it:
// so above stand ones without a name. realm is changed.
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
