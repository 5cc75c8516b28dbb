package autogen

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/mysql"
	"ariga.io/atlas/sql/schema"
	"github.com/uptrace/bun"
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

// mysqlTypes maps the types of other engines, and MySQL's types that are smaller than
// another engine's type of the same name. All other types are used unchanged.
var mysqlTypes = map[string]string{
	"boolean":                     "bool",
	"integer":                     "int",
	"integer unsigned":            "int unsigned",
	"int2":                        "smallint",
	"int4":                        "int",
	"int8":                        "bigint",
	"real":                        "double",
	"float":                       "double",
	"float4":                      "double",
	"float8":                      "double",
	"double precision":            "double",
	"character varying":           "varchar",
	"nvarchar":                    "varchar",
	"citext":                      "varchar",
	"character":                   "char",
	"nchar":                       "char",
	"text":                        "longtext",
	"clob":                        "longtext",
	"xml":                         "longtext",
	"blob":                        "longblob",
	"bytea":                       "longblob",
	"timestamp":                   "datetime",
	"timestamptz":                 "datetime",
	"timestamp with time zone":    "datetime",
	"timestamp without time zone": "datetime",
	"timetz":                      "time",
	"time with time zone":         "time",
	"time without time zone":      "time",
	"jsonb":                       "json",
	"hstore":                      "json",
	"uuid":                        "char(36)",
	"inet":                        "varchar(64)",
	"cidr":                        "varchar(64)",
	"macaddr":                     "varchar(64)",
	"dec":                         "decimal",
	"numeric":                     "decimal",
}

// mysqlArgs are the arguments for types that would be too small without arguments.
var mysqlArgs = map[string]string{"varchar": "(255)", "datetime": "(6)", "time": "(6)"}

func (mysqlEngine) parseType(declared string) (schema.Type, error) {
	n := splitType(declared)
	if n.array {
		n = typeName{base: "json"}
	}
	base, args := n.base, n.args
	if known, ok := mysqlTypes[base]; ok {
		base = known
		switch known {
		case "double", "longtext", "longblob", "json", "char(36)", "varchar(64)":
			args = "" // a size has another meaning on MySQL
		}
	}
	if args == "" {
		args = mysqlArgs[base]
	}
	if base == "decimal" && args == "" {
		return nil, fmt.Errorf("type %q needs its precision and scale on MySQL, for example numeric(20,6): without them it holds whole numbers only", declared)
	}
	return mysqlEngine{}.ownType(typeName{base: base, args: args}.spelled())
}

func (mysqlEngine) ownType(declared string) (schema.Type, error) {
	t, err := mysql.ParseType(splitType(declared).spelled())
	if err != nil {
		return nil, fmt.Errorf("type %q: %w", declared, err)
	}
	if _, unsupported := t.(*schema.UnsupportedType); unsupported {
		return nil, fmt.Errorf("MySQL has no type %q", declared)
	}
	return t, nil
}

// reMySQLNow matches the other names that MySQL has for current_timestamp.
var reMySQLNow = regexp.MustCompile(`(?i)^(now|localtime|localtimestamp)(\(\d?\))?$`)

func (mysqlEngine) defaultOf(t schema.Type, d defaultValue) schema.Expr {
	if d.kind == defaultExpression && reMySQLNow.MatchString(d.text) {
		d.kind = defaultNow
	}
	switch d.kind {
	case defaultString:
		literal := strings.ReplaceAll(quote(d.text), `\`, `\\`)
		if isLong(t) {
			// For these types MySQL takes only expressions as defaults.
			return &schema.RawExpr{X: wrap(literal)}
		}
		return &schema.Literal{V: literal}
	case defaultNumber:
		return &schema.Literal{V: d.text}
	case defaultBool:
		return &schema.Literal{V: bit(d)}
	case defaultNow:
		tt, ok := t.(*schema.TimeType)
		if !ok {
			return &schema.RawExpr{X: "(now())"}
		}
		if tt.T != mysql.TypeDateTime && tt.T != mysql.TypeTimestamp {
			return &schema.RawExpr{X: "(current_timestamp())"}
		}
		if tt.Precision != nil && *tt.Precision > 0 {
			return &schema.RawExpr{X: fmt.Sprintf("current_timestamp(%d)", *tt.Precision)}
		}
		return &schema.RawExpr{X: "current_timestamp"}
	case defaultUUID:
		return &schema.RawExpr{X: "(uuid())"}
	}
	return &schema.RawExpr{X: wrap(d.text)}
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

// isLong reports whether the type takes no literals as defaults, and needs a length to
// be in a key.
func isLong(t schema.Type) bool {
	switch t := t.(type) {
	case *schema.JSONType:
		return true
	case *schema.StringType:
		return strings.HasSuffix(t.T, "text")
	case *schema.BinaryType:
		return strings.HasSuffix(t.T, "blob")
	}
	return false
}

// tablesLock is the lock for creating and dropping tables in the connection's
// database. Lock names are shared by the whole server and have at most 64 characters.
const tablesLock = "CONCAT('dbmodule.tables.', SHA1(DATABASE()))"

// lockPoll is how long one attempt to get the lock lasts, in seconds: short,
// so that no read timeout of the connection ends it.
const lockPoll = 1

func (mysqlEngine) exclusive(ctx context.Context, conn bun.Conn, fn func(bun.IConn) error) (err error) {
	for got := 0; got != 1; {
		var answer *int
		if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK("+tablesLock+", ?)", lockPoll).Scan(&answer); err != nil {
			return fmt.Errorf("autogen: wait for the lock on tables: %w", err)
		}
		if answer == nil {
			return errors.New("autogen: wait for the lock on tables: the server refused it: is a database selected?")
		}
		got = *answer
		if err := ctx.Err(); err != nil && got != 1 {
			return fmt.Errorf("autogen: wait for the lock on tables: %w", err)
		}
	}
	defer func() {
		if _, releaseErr := conn.ExecContext(context.WithoutCancel(ctx), "DO RELEASE_LOCK("+tablesLock+")"); releaseErr != nil {
			err = errors.Join(err, fmt.Errorf("autogen: release the lock on tables: %w", releaseErr), discard(conn))
		}
	}()
	return fn(conn)
}

func (mysqlEngine) unenforced(ctx context.Context, conn bun.Conn, fn func() error) error {
	return switched(ctx, conn, "SELECT @@SESSION.foreign_key_checks", "SET SESSION foreign_key_checks = 0", "SET SESSION foreign_key_checks = 1", fn)
}

func (mysqlEngine) prepare(context.Context, bun.IConn, []tableName) error { return nil }

func (mysqlEngine) find(ctx context.Context, db bun.IConn, tables []tableName) (map[tableName]relation, error) {
	var schemas []string
	for _, table := range tables {
		if table.schema != "" && !slices.Contains(schemas, table.schema) {
			schemas = append(schemas, table.schema)
		}
	}
	type row struct {
		relation
		isDefault bool
	}
	var all []row
	rows := query(ctx, db, `SELECT table_schema, table_name, table_type = 'BASE TABLE', table_schema = DATABASE(), @@lower_case_table_names
FROM information_schema.tables
WHERE (table_schema = DATABASE() OR table_schema IN (?)) AND table_name IN (?)`, bun.List(schemas), bun.List(baseNames(tables)))
	var r row
	var folding int
	for rows.next(&r.schema, &r.tableName.name, &r.isTable, &r.isDefault, &folding) {
		all = append(all, r)
	}
	same := func(a, b string) bool { return a == b || folding != 0 && strings.EqualFold(a, b) }
	found := map[tableName]relation{}
	for _, table := range tables {
		for _, r := range all {
			inSchema := same(r.schema, table.schema) || table.schema == "" && r.isDefault
			if inSchema && same(r.tableName.name, table.name) {
				found[table] = r.relation
			}
		}
	}
	return found, rows.err("look for tables")
}

func (mysqlEngine) references(ctx context.Context, db bun.IConn, tables []relation) ([]reference, error) {
	ours := map[tableName]bool{}
	var names []string
	for _, table := range tables {
		ours[table.tableName] = true
		names = append(names, table.name)
	}
	var references []reference
	rows := query(ctx, db, `SELECT constraint_name, constraint_schema, table_name, unique_constraint_schema, referenced_table_name
FROM information_schema.referential_constraints WHERE referenced_table_name IN (?)`, bun.List(names))
	var r reference
	for rows.next(&r.constraint, &r.child.schema, &r.child.name, &r.parent.schema, &r.parent.name) {
		if ours[r.parent] {
			references = append(references, r)
		}
	}
	return references, rows.err("look for foreign keys")
}

func (mysqlEngine) dropStatements(tables []relation) []string {
	statements := make([]string, len(tables))
	for i, table := range tables {
		statements[i] = "DROP TABLE " + quoteIdent(table.schema, '`') + "." + quoteIdent(table.name, '`')
	}
	return statements
}

// normalize removes the table's character set and collation, and the same ones of its
// columns, the number of the next row, and RESTRICT, which MySQL shows for a foreign
// key without an action.
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
