package autogen

import (
	"slices"
	"strings"

	"ariga.io/atlas/sql/mysql"
	"ariga.io/atlas/sql/schema"

	"github.com/openhands-go/server/dbmodule"
)

// sameTypes gives inspected columns the models' spelling of a type where the server
// shows a size that the models leave out: char is char(1), and year is year(4).
func sameTypes(live, want *schema.Table) {
	for _, column := range live.Columns {
		wanted, ok := want.Column(column.Name)
		if ok && bareType(column.Type.Type) && bareType(wanted.Type.Type) && typeWord(column) == typeWord(wanted) {
			column.Type.Type = cloneOne(wanted.Type.Type)
		}
	}
}

// bareType reports whether the type has its default size.
func bareType(t schema.Type) bool {
	switch t := t.(type) {
	case *schema.StringType:
		return t.T == mysql.TypeChar && t.Size <= 1
	case *schema.TimeType:
		return t.T == mysql.TypeYear && (t.Precision == nil || *t.Precision == 4)
	}
	return false
}

// typeWord returns the name of a type without its size, for some kinds of types.
func typeWord(c *schema.Column) string {
	switch t := c.Type.Type.(type) {
	case *schema.StringType:
		return t.T
	case *schema.TimeType:
		return t.T
	case *schema.BinaryType:
		return t.T
	case *schema.FloatType:
		return t.T
	}
	return ""
}

// sameIndexKinds removes the kind HASH from an index for which the models name no
// kind. MariaDB uses a hash for a unique index whose columns are too long for a tree.
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

// mysqlNamesakes are MySQL's types whose names mean a wider type in a model's tag.
var mysqlNamesakes = map[string][]string{
	"text":      {mysql.TypeText, mysql.TypeMediumText},
	"clob":      {mysql.TypeText, mysql.TypeMediumText},
	"blob":      {mysql.TypeBlob, mysql.TypeMediumBlob},
	"timestamp": {mysql.TypeTimestamp},
	"float":     {mysql.TypeFloat},
	"float4":    {mysql.TypeFloat},
}

// settleTypes accepts, on MySQL, an existing column whose type has the name in the model's tag:
// type:text creates a LONGTEXT, but an existing TEXT is accepted, too.
func settleTypes(e engine, live *schema.Realm, references []*schema.Realm) {
	if e.name() != dbmodule.MySQL {
		return
	}
	for _, table := range tablesOf(live) {
		for _, reference := range references {
			like, ok := tableAt(reference, nameOfTable(table))
			if !ok {
				continue
			}
			for _, column := range table.Columns {
				if wanted, ok := like.Column(column.Name); ok && slices.Contains(mysqlNamesakes[strings.ToLower(wanted.Type.Raw)], typeWord(column)) {
					column.Type.Type = cloneOne(wanted.Type.Type)
					settleNow(column, wanted)
				}
			}
		}
	}
}

// settleNow gives a default of the current time the precision of the wanted type.
func settleNow(live, wanted *schema.Column) {
	d, ok := parseDefault(exprText(live.Default))
	w, wantedOK := parseDefault(exprText(wanted.Default))
	if ok && wantedOK && d.kind == defaultNow && w.kind == defaultNow {
		live.Default = cloneOne(wanted.Default)
	}
}
