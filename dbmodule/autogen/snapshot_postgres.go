package autogen

import (
	"fmt"
	"regexp"

	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
)

var reWholeSeconds = regexp.MustCompile(`(?m)^(\s+type\s+= )sql\("(time(?:stamp)?(?:tz)?\(0\))"\)$`)

// marshalPostgres writes the types of times without fractions, from which
// atlas leaves the 0 out, as if they had 6 digits of them, although it reads
// it. realm is changed.
func marshalPostgres(v any) ([]byte, error) {
	realm, ok := v.(*schema.Realm)
	if !ok {
		return nil, fmt.Errorf("no realm but a %T", v)
	}
	for _, table := range tablesOf(realm) {
		for _, column := range table.Columns {
			t, ok := column.Type.Type.(*schema.TimeType)
			if !ok || t.Precision == nil || *t.Precision != 0 {
				continue
			}
			spelled, err := postgres.FormatType(t)
			if err != nil {
				return nil, err
			}
			column.Type.Type = &postgres.UserDefinedType{T: spelled}
		}
	}
	text, err := postgres.MarshalHCL.MarshalSpec(realm)
	return reWholeSeconds.ReplaceAll(text, []byte("$1$2")), err
}
