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
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/openhands-go/server/dbmodule"
)

// hclCodec writes and reads an engine's schemas in atlas's language.
type hclCodec struct {
	marshal func(any) ([]byte, error)
	eval    schemahcl.EvalFunc
}

// defaultSchema is the name of the default schema in a snapshot. Elsewhere that schema
// has the name "", but in a snapshot everything needs a name.
const defaultSchema = "default"

// MarshalSnapshot returns a realm as the text of a snapshot: atlas HCL, which
// atlas's own tools can read. The same schema always gives the same bytes. Tables,
// and their indexes and constraints, are sorted by name, so that git can merge two
// branches that add tables. Columns keep their order, since new tables are created
// with it. MarshalSnapshot does not change realm.
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
	for _, table := range tablesOf(realm) {
		for _, column := range table.Columns {
			writeDefault(column)
		}
		for _, index := range table.Indexes {
			if p := predicateText(index); p != nil {
				*p = noTemplate.Replace(*p)
			}
		}
	}
	text, err := e.hcl().marshal(realm)
	if err != nil {
		return nil, fmt.Errorf("autogen: write snapshot: %w", err)
	}
	return text, nil
}

// ParseSnapshot parses the text of [MarshalSnapshot] and returns a realm in the
// form of [Realm]. An empty text is the schema of an empty database. filename is
// used only in errors, which also name the line.
func ParseSnapshot(engine dbmodule.Engine, text []byte, filename string) (*schema.Realm, error) {
	e, err := engineOf(engine)
	if err != nil {
		return nil, err
	}
	realm := schema.NewRealm()
	if len(bytes.TrimSpace(text)) > 0 {
		if err := evalSnapshot(e, text, filename, realm); err != nil {
			return nil, fmt.Errorf("autogen: read snapshot %s: %w", filename, err)
		}
	}
	for _, s := range realm.Schemas {
		if s.Name == defaultSchema {
			s.Name = ""
		}
		if engine == dbmodule.MySQL {
			// Older snapshots have character sets and collations, but a table gets its database's.
			for _, table := range s.Tables {
				table.UnsetCharset().UnsetCollation()
				for _, column := range table.Columns {
					column.UnsetCharset()
				}
			}
		}
	}
	if _, ok := realm.Schema(""); !ok {
		realm.AddSchemas(schema.New(""))
	}
	slices.SortFunc(realm.Schemas, func(a, b *schema.Schema) int { return strings.Compare(a.Name, b.Name) })
	return realm, nil
}

// evalSnapshot reads a snapshot into realm. It returns an error for parts that atlas would ignore:
// after a merge that went wrong, a table or column must not look as if it had been removed.
func evalSnapshot(e engine, text []byte, filename string, realm *schema.Realm) error {
	parser := hclparse.NewParser()
	file, diagnostics := parser.ParseHCL(text, filename)
	if diagnostics.HasErrors() {
		return diagnostics
	}
	if body, ok := file.Body.(*hclsyntax.Body); ok {
		for _, block := range body.Blocks {
			if block.Type != "table" && block.Type != "schema" {
				return fmt.Errorf("line %d: unknown block %q", block.TypeRange.Start.Line, block.Type)
			}
		}
	}
	if err := e.hcl().eval(parser, realm, nil); err != nil {
		return err
	}
	if body, ok := file.Body.(*hclsyntax.Body); ok && e.name() == dbmodule.PostgreSQL {
		if err := readCollations(realm, body); err != nil {
			return err
		}
	}
	for _, table := range tablesOf(realm) {
		if table.Schema == nil {
			return fmt.Errorf("table %s has no schema", table.Name)
		}
		for _, column := range table.Columns {
			readDefault(e, column)
		}
		if twice, ok := duplicate(namesIn(table.Schema.Tables, func(t *schema.Table) string { return t.Name })); ok {
			return fmt.Errorf("table %s is defined twice", twice)
		}
		for what, names := range map[string][]string{
			"column":      columnNames(table.Columns),
			"index":       namesIn(table.Indexes, func(i *schema.Index) string { return i.Name }),
			"foreign key": namesIn(table.ForeignKeys, func(k *schema.ForeignKey) string { return k.Symbol }),
			"check":       namesIn(checksOf(table), func(c *schema.Check) string { return c.Name }),
		} {
			if twice, ok := duplicate(names); ok {
				return fmt.Errorf("table %s: %s %s is defined twice", table.Name, what, twice)
			}
		}
	}
	return nil
}

func namesIn[T any](things []T, name func(T) string) []string {
	names := make([]string, len(things))
	for i, thing := range things {
		names[i] = name(thing)
	}
	return names
}

func duplicate(names []string) (string, bool) {
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return name, true
		}
	}
	return "", false
}

// sortSchema sorts tables, indexes and constraints by name: the database's catalog and
// the models list them in different orders.
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
