package autogen

import (
	"fmt"
	"regexp"
	"slices"

	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

var reWholeSeconds = regexp.MustCompile(`(?m)^(\s+type\s+= )sql\("(time(?:stamp)?(?:tz)?\(0\))"\)$`)

// marshalPostgres writes what atlas leaves out: the precision 0 of times, without which
// they would have 6 digits, and the collations of columns. It changes realm.
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
	if err != nil {
		return nil, err
	}
	return writeCollations(realm, reWholeSeconds.ReplaceAll(text, []byte("$1$2")))
}

// writeCollations adds the attribute collate to the columns of a snapshot's
// text that have one.
func writeCollations(realm *schema.Realm, text []byte) ([]byte, error) {
	if !slices.ContainsFunc(tablesOf(realm), func(t *schema.Table) bool {
		return slices.ContainsFunc(t.Columns, func(c *schema.Column) bool { return collationOf(c.Attrs) != "" })
	}) {
		return text, nil
	}
	file, diagnostics := hclwrite.ParseConfig(text, "snapshot", hcl.InitialPos)
	read, more := hclsyntax.ParseConfig(text, "snapshot", hcl.InitialPos)
	if diagnostics = append(diagnostics, more...); diagnostics.HasErrors() {
		return nil, diagnostics
	}
	body, ok := read.Body.(*hclsyntax.Body)
	if !ok {
		return nil, fmt.Errorf("no HCL but a %T", read.Body)
	}
	// Both have the same blocks. hclwrite has no label for a name with a % or a $.
	for i, block := range file.Body().Blocks() {
		known := body.Blocks[i]
		table, ok := labelled(realm, known.Type, known.Labels)
		if !ok {
			continue
		}
		for j, inner := range block.Body().Blocks() {
			if inner.Type() != "column" {
				continue
			}
			if column, ok := table.Column(known.Body.Blocks[j].Labels[0]); ok && collationOf(column.Attrs) != "" {
				inner.Body().SetAttributeValue("collate", cty.StringVal(collationOf(column.Attrs)))
			}
		}
	}
	return hclwrite.Format(file.Bytes()), nil
}

// readCollations reads what writeCollations wrote.
func readCollations(realm *schema.Realm, body *hclsyntax.Body) error {
	for _, block := range body.Blocks {
		table, ok := labelled(realm, block.Type, block.Labels)
		if !ok {
			continue
		}
		for _, inner := range block.Body.Blocks {
			attribute, ok := inner.Body.Attributes["collate"]
			if !ok || inner.Type != "column" {
				continue
			}
			value, diagnostics := attribute.Expr.Value(nil)
			if diagnostics.HasErrors() {
				return diagnostics
			}
			if column, ok := table.Column(inner.Labels[0]); ok && value.Type() == cty.String {
				column.SetCollation(value.AsString())
			}
		}
	}
	return nil
}

// labelled returns the table of a block: table "name", or table "schema" "name" if two
// schemas have a table of that name.
func labelled(realm *schema.Realm, kind string, labels []string) (*schema.Table, bool) {
	if kind != "table" || len(labels) == 0 {
		return nil, false
	}
	for _, table := range tablesOf(realm) {
		if table.Name == labels[len(labels)-1] && (len(labels) == 1 || table.Schema.Name == labels[0]) {
			return table, true
		}
	}
	return nil, false
}
