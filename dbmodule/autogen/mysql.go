package autogen

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/mysql"
	"ariga.io/atlas/sql/schema"
	"github.com/uptrace/bun/dialect/mysqldialect"
	bunschema "github.com/uptrace/bun/schema"

	"github.com/openhands-go/server/dbmodule"
)

type mysqlEngine struct{}

func (mysqlEngine) name() dbmodule.Engine                        { return dbmodule.MySQL }
func (mysqlEngine) newDialect() bunschema.Dialect                { return mysqldialect.New() }
func (mysqlEngine) identQuotes() string                          { return "`" }
func (mysqlEngine) forwardReferences() (possible, enforced bool) { return true, false }
func (mysqlEngine) schemaName(name string) (string, error)       { return name, nil }

// planner plans for MySQL 8. MariaDB 10.5.2 and later understand its statements,
// except for changes of checks: see mysqlAlter.
func (mysqlEngine) planner() migrate.PlanApplier { return mysql.DefaultPlan }

func (mysqlEngine) differ() schema.Differ { return mysql.DefaultDiff }
func (mysqlEngine) hcl() hclCodec {
	return hclCodec{marshal: marshalMySQL, eval: mysql.EvalHCL}
}

func (mysqlEngine) identify(t *schema.Table, c *schema.Column) error {
	if !isInteger(c) {
		return errors.New("MySQL can only number integers")
	}
	if t.PrimaryKey == nil || t.PrimaryKey.Parts[0].C != c {
		return errors.New("MySQL can only number the first column of the primary key")
	}
	c.AddAttrs(&mysql.AutoIncrement{})
	return nil
}

func (mysqlEngine) measure(name string) (length, longest int, unit string) {
	return utf8.RuneCountInString(name), 64, "characters"
}

// comment refuses texts that the planner, which writes Go's escapes, would change.
func (mysqlEngine) comment(text string) (string, error) {
	quoted := strings.HasPrefix(text, "'") && strings.HasSuffix(text, "'") || strings.HasPrefix(text, `"`) && strings.HasSuffix(text, `"`)
	strange := strings.ContainsFunc(text, func(r rune) bool {
		return !strconv.IsPrint(r) && r != '\n' && r != '\t' && r != '\r' || r == utf8.RuneError
	})
	if quoted || strange {
		return "", fmt.Errorf("comment %q: on MySQL a comment can't begin and end with a quote, and can't have unprintable characters", text)
	}
	return text, nil
}

// collate leaves out the character set, which the collation implies.
func (mysqlEngine) collate(c *schema.Column, collation string) {
	if !strings.HasPrefix(collation, `"`) {
		c.SetCollation(collation)
	}
}

func (mysqlEngine) index(i *schema.Index, _ string) error {
	if i.Unique {
		return errors.New("MySQL has no unique index with a condition")
	}
	return nil
}

func (mysqlEngine) finish(t *schema.Table) error {
	// The table gets the character set and collation of its database: a foreign key
	// between texts needs the same on both sides.
	t.AddAttrs(&mysql.Engine{V: mysql.EngineInnoDB})
	orderKeys(t)
	supportKeys(t)

	var keys []*schema.Column
	if t.PrimaryKey != nil {
		for _, part := range t.PrimaryKey.Parts {
			keys = append(keys, part.C)
		}
	}
	for _, index := range t.Indexes {
		for _, part := range index.Parts {
			keys = append(keys, part.C)
		}
	}
	for _, key := range t.ForeignKeys {
		keys = append(keys, key.Columns...)
	}
	for _, column := range keys {
		if isLong(column.Type.Type) {
			return fmt.Errorf("column %s: MySQL needs a length for a column of a key: give it a type tag, for example type:varchar(255)", column.Name)
		}
	}
	return nil
}

// supportKeys adds the indexes that MySQL creates by itself for foreign keys, with the
// names that MySQL gives them. As a part of the model such an index is dropped with its
// key. MySQL would leave it there, or drop it once another index can take its place.
func supportKeys(t *schema.Table) {
	for _, key := range t.ForeignKeys {
		supports := func(index *schema.Index) bool {
			return len(index.Parts) >= len(key.Columns) && !slices.ContainsFunc(key.Columns, func(c *schema.Column) bool {
				part := index.Parts[slices.Index(key.Columns, c)]
				return part.C != c || part.Desc
			})
		}
		if t.PrimaryKey != nil && supports(t.PrimaryKey) || slices.ContainsFunc(t.Indexes, supports) {
			continue
		}
		t.AddIndexes(schema.NewIndex(key.Symbol).AddColumns(key.Columns...))
	}
	slices.SortFunc(t.Indexes, func(a, b *schema.Index) int { return strings.Compare(a.Name, b.Name) })
}

// normalize removes what MySQL adds to a table: the character sets, the table's collation, the same
// collation of a column whose model does not name it, and the number of the next row. It also
// removes RESTRICT, which MySQL shows for a foreign key without an action.
func (mysqlEngine) normalize(live, want *schema.Table) {
	sameTypes(live, want)
	sameIndexKinds(live, want)
	collation := collationOf(live.Attrs)
	for _, column := range live.Columns {
		wanted, ok := want.Column(column.Name)
		if said := ok && collationOf(wanted.Attrs) == collation; collationOf(column.Attrs) == collation && !said {
			column.UnsetCollation()
		}
		column.UnsetCharset()
		if ok {
			normalizeDefault(column, wanted)
		}
	}
	live.UnsetCharset().UnsetCollation()
	live.Attrs = schema.RemoveAttr[*mysql.AutoIncrement](live.Attrs)
	if inUse, ok := attrOf[*mysql.Engine](live.Attrs); ok {
		inUse.Default = false
	}
	for _, key := range live.ForeignKeys {
		if wanted, ok := want.ForeignKey(key.Symbol); ok {
			key.OnUpdate = spelledLike(key.OnUpdate, wanted.OnUpdate)
			key.OnDelete = spelledLike(key.OnDelete, wanted.OnDelete)
		}
	}
}

// spelledLike returns wanted if rule means the same, and rule otherwise.
func spelledLike(rule, wanted schema.ReferenceOption) schema.ReferenceOption {
	strict := func(r schema.ReferenceOption) bool { return r == schema.Restrict || action(r) == schema.NoAction }
	if strict(rule) && strict(wanted) {
		return wanted
	}
	return rule
}

// normalizeDefault turns the default of a long column, which MariaDB shows as a
// literal, into the expression that MySQL needs.
func normalizeDefault(live, want *schema.Column) {
	literal, ok := live.Default.(*schema.Literal)
	if _, expression := want.Default.(*schema.RawExpr); ok && expression && isLong(want.Type.Type) {
		live.Default = &schema.RawExpr{X: wrap(literal.V)}
	}
}

func collationOf(attrs []schema.Attr) string {
	for _, attr := range attrs {
		if collation, ok := attr.(*schema.Collation); ok {
			return collation.V
		}
	}
	return ""
}

// overlooked finds a collation that a column gets or loses. atlas compares it with the
// table's collation, which is not part of the models.
func (mysqlEngine) overlooked(from, to *schema.Column) schema.ChangeKind {
	if collationOf(from.Attrs) != collationOf(to.Attrs) {
		return schema.ChangeCollate
	}
	return schema.NoChange
}
