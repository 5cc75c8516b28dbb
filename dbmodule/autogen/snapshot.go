package autogen

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/schemahcl"
	"ariga.io/atlas/sql/schema"
	"github.com/hashicorp/hcl/v2/hclparse"

	"github.com/openhands-go/server/dbmodule"
)

// hclCodec writes and reads an engine's schemas in atlas's language.
type hclCodec struct {
	marshal schemahcl.MarshalerFunc
	eval    schemahcl.EvalFunc
}

// defaultSchema is what the default schema, whose name is "", is called in a
// snapshot, where everything needs a name.
const defaultSchema = "default"

// MarshalSnapshot renders a realm as the text of a snapshot: atlas HCL, which
// atlas's own tools read too. The same schema gives the same bytes: tables and
// what belongs to them are sorted by name, so that two branches that add
// tables merge by lines; columns keep their order, which new tables are made
// with. realm stays as it is.
func MarshalSnapshot(engine dbmodule.Engine, realm *schema.Realm) ([]byte, error) {
	e, err := engineOf(engine)
	if err != nil {
		return nil, err
	}
	realm = cloneRealm(realm)
	for _, s := range realm.Schemas {
		switch s.Name {
		case defaultSchema:
			return nil, fmt.Errorf("autogen: write snapshot: schema %q: a snapshot has that name for the connection's own schema", s.Name)
		case "":
			s.Name = defaultSchema
		}
		sortSchema(s)
	}
	text, err := e.hcl().marshal.MarshalSpec(realm)
	if err != nil {
		return nil, fmt.Errorf("autogen: write snapshot: %w", err)
	}
	return text, nil
}

// ParseSnapshot reads what [MarshalSnapshot] wrote, into a realm like those
// that [Realm] makes. No text is the schema of an empty database. filename
// stands in errors only, which name the line.
func ParseSnapshot(engine dbmodule.Engine, text []byte, filename string) (*schema.Realm, error) {
	e, err := engineOf(engine)
	if err != nil {
		return nil, err
	}
	realm := schema.NewRealm()
	if len(bytes.TrimSpace(text)) > 0 {
		parser := hclparse.NewParser()
		if _, diagnostics := parser.ParseHCL(text, filename); diagnostics.HasErrors() {
			return nil, fmt.Errorf("autogen: read snapshot: %w", diagnostics)
		}
		if err := e.hcl().eval(parser, realm, nil); err != nil {
			return nil, fmt.Errorf("autogen: read snapshot %s: %w", filename, err)
		}
	}
	for _, s := range realm.Schemas {
		if s.Name == defaultSchema {
			s.Name = ""
		}
	}
	if _, ok := realm.Schema(""); !ok {
		realm.AddSchemas(schema.New(""))
	}
	slices.SortFunc(realm.Schemas, func(a, b *schema.Schema) int { return strings.Compare(a.Name, b.Name) })
	return realm, nil
}

// sortSchema sorts what has no order of its own. The database's catalog and a
// model's methods have it in theirs.
func sortSchema(s *schema.Schema) {
	slices.SortFunc(s.Tables, func(a, b *schema.Table) int { return cmp.Compare(a.Name, b.Name) })
	for _, table := range s.Tables {
		slices.SortFunc(table.Indexes, func(a, b *schema.Index) int { return cmp.Compare(a.Name, b.Name) })
		slices.SortFunc(table.ForeignKeys, func(a, b *schema.ForeignKey) int { return cmp.Compare(a.Symbol, b.Symbol) })
		slices.SortStableFunc(table.Attrs, func(a, b schema.Attr) int { return cmp.Compare(checkNameOf(a), checkNameOf(b)) })
	}
}

func checkNameOf(attr schema.Attr) string {
	if check, ok := attr.(*schema.Check); ok {
		return check.Name
	}
	return ""
}
