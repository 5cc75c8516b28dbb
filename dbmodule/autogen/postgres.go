package autogen

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	bunschema "github.com/uptrace/bun/schema"

	"github.com/openhands-go/server/dbmodule"
)

type postgresEngine struct{}

func (postgresEngine) name() dbmodule.Engine                        { return dbmodule.PostgreSQL }
func (postgresEngine) newDialect() bunschema.Dialect                { return pgdialect.New() }
func (postgresEngine) identQuotes() string                          { return `"` }
func (postgresEngine) planner() migrate.PlanApplier                 { return postgres.DefaultPlan }
func (postgresEngine) forwardReferences() (possible, enforced bool) { return false, false }
func (postgresEngine) schemaName(name string) (string, error)       { return name, nil }

func (postgresEngine) differ() schema.Differ { return postgres.DefaultDiff }
func (postgresEngine) hcl() hclCodec {
	return hclCodec{marshal: marshalPostgres, eval: postgres.EvalHCL}
}

// postgresCatalog hides parts of foreign keys from atlas. PostgreSQL stores a foreign key to a
// partitioned table once for the table and once for each partition, all on the same table.
var postgresCatalog = strings.NewReplacer("AND con.contype = 'f'",
	"AND con.contype = 'f' AND NOT EXISTS (SELECT FROM pg_constraint AS whole WHERE whole.oid = con.conparentid AND whole.conrelid = con.conrelid)")

func (postgresEngine) open(db schema.ExecQuerier) (migrate.Driver, error) {
	return postgres.Open(catalog{db, postgresCatalog})
}

// postgresTypes maps the types of other engines. All other types are used unchanged.
var postgresTypes = map[string]string{
	"datetime":          "timestamptz",
	"tinytext":          "text",
	"mediumtext":        "text",
	"longtext":          "text",
	"clob":              "text",
	"nvarchar":          "varchar",
	"nchar":             "char",
	"blob":              "bytea",
	"tinyblob":          "bytea",
	"mediumblob":        "bytea",
	"longblob":          "bytea",
	"binary":            "bytea",
	"varbinary":         "bytea",
	"double":            "double precision",
	"float":             "double precision",
	"tinyint":           "smallint",
	"mediumint":         "integer",
	"int unsigned":      "bigint",
	"dec":               "numeric",
	"smallint unsigned": "integer",
	"tinyint unsigned":  "smallint",
}

func (postgresEngine) parseType(declared string) (schema.Type, error) {
	n := splitType(declared)
	switch n.base {
	case "", "enum", "set", "bigint unsigned":
		return nil, fmt.Errorf("PostgreSQL has no type %q", declared)
	}
	if known, ok := postgresTypes[n.base]; ok {
		declared = known
		if n.args != "" && (known == "timestamptz" || known == "varchar" || known == "char" || known == "numeric") {
			declared += n.args
		}
		if n.array {
			declared += "[]"
		}
	}
	if !strings.ContainsAny(declared, `"'`) {
		declared = strings.ToLower(declared)
	}
	t, err := postgres.ParseType(declared)
	if err != nil {
		return nil, fmt.Errorf("type %q: %w", declared, err)
	}
	return t, nil
}

func (postgresEngine) ownType(declared string) (schema.Type, error) {
	t, err := postgres.ParseType(declared)
	if err != nil {
		return nil, fmt.Errorf("type %q: %w", declared, err)
	}
	return t, nil
}

func (postgresEngine) defaultOf(_ schema.Type, d defaultValue) schema.Expr {
	switch d.kind {
	case defaultString:
		return &schema.Literal{V: quote(d.text)}
	case defaultNumber, defaultBool:
		return &schema.Literal{V: d.text}
	case defaultUUID:
		return &schema.RawExpr{X: "gen_random_uuid()"}
	}
	if d.kind == defaultExpression && !rePostgresTerm.MatchString(d.text) {
		return &schema.RawExpr{X: wrap(d.text)}
	}
	return &schema.RawExpr{X: d.text}
}

// rePostgresTerm matches defaults that need no parentheses: a word, a function call or
// a string, with or without a cast. PostgreSQL takes some other expressions without
// parentheses, but not AT TIME ZONE, NOT or LIKE.
var rePostgresTerm = regexp.MustCompile(`(?i)^([a-z_][\w.]*(\([^()]*\))?|[ebxn]?'([^']|'')*')(::[a-z_][\w.]*(\(\d+\))?(\[\])?)?$`)

func (postgresEngine) identify(_ *schema.Table, c *schema.Column) error {
	if !isInteger(c) {
		return errors.New("PostgreSQL can only number integers")
	}
	c.AddAttrs(&postgres.Identity{Generation: "BY DEFAULT"})
	return nil
}

func (postgresEngine) measure(name string) (length, longest int, unit string) {
	return len(name), 63, "bytes"
}

func (postgresEngine) comment(text string) (string, error) { return text, nil }

func (postgresEngine) collate(c *schema.Column, collation string) {
	if name, quoted := strings.CutPrefix(collation, `"`); quoted {
		c.SetCollation(strings.TrimSuffix(name, `"`))
	}
}

func (postgresEngine) finish(*schema.Table) error { return nil }

func (postgresEngine) index(i *schema.Index, where string) error {
	i.AddAttrs(&postgres.IndexPredicate{P: wrap(where)})
	return nil
}

// lockKey is the advisory lock for creating and dropping tables in a database:
// "dbtables" as a number.
const lockKey = 0x64627461626c6573

func (postgresEngine) exclusive(ctx context.Context, conn bun.Conn, fn func(bun.IConn) error) error {
	// READ COMMITTED, to see what another process created while this one waited for the
	// lock.
	opts := &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	return inTx(ctx, conn, opts, func(tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(?)", int64(lockKey)); err != nil {
			return fmt.Errorf("autogen: wait for the lock on tables: %w", err)
		}
		return fn(tx)
	})
}

func (postgresEngine) unenforced(_ context.Context, _ bun.Conn, fn func() error) error { return fn() }

func (postgresEngine) prepare(ctx context.Context, db bun.IConn, tables []tableName) error {
	var schemas []string
	for _, table := range tables {
		if table.schema != "" && !slices.Contains(schemas, table.schema) {
			schemas = append(schemas, table.schema)
		}
	}
	if len(schemas) == 0 {
		return nil
	}
	// CREATE SCHEMA IF NOT EXISTS would need a privilege even if the schema exists.
	rows := query(ctx, db, "SELECT nspname FROM pg_namespace WHERE nspname IN (?)", bun.List(schemas))
	var name string
	for rows.next(&name) {
		schemas = slices.DeleteFunc(schemas, func(s string) bool { return s == name })
	}
	if err := rows.err("look for schemas"); err != nil {
		return err
	}
	for _, name := range schemas {
		if _, err := db.ExecContext(ctx, "CREATE SCHEMA "+quoteIdent(name, '"')); err != nil {
			return fmt.Errorf("autogen: create schema %s: %w", name, err)
		}
	}
	return nil
}

func (postgresEngine) find(ctx context.Context, db bun.IConn, tables []tableName) (map[tableName]relation, error) {
	wanted := map[tableName]bool{}
	for _, table := range tables {
		wanted[table] = true
	}
	found := map[tableName]relation{}
	// A table without a schema is the one that PostgreSQL finds by the search path.
	rows := query(ctx, db, `SELECT n.nspname, c.relname, c.relkind IN ('r', 'p'), pg_table_is_visible(c.oid)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relname IN (?)`, bun.List(baseNames(tables)))
	var actual tableName
	var isTable, visible bool
	for rows.next(&actual.schema, &actual.name, &isTable, &visible) {
		if wanted[actual] {
			found[actual] = relation{tableName: actual, isTable: isTable}
		}
		if name := (tableName{name: actual.name}); visible && wanted[name] {
			found[name] = relation{tableName: actual, isTable: isTable}
		}
	}
	return found, rows.err("look for tables")
}

// references leaves out the foreign keys that partitions have from their table.
func (postgresEngine) references(ctx context.Context, db bun.IConn, tables []relation) ([]reference, error) {
	return catalogReferences(ctx, db, tables, `SELECT k.conname, cn.nspname, c.relname, pn.nspname, p.relname
FROM pg_constraint AS k
JOIN pg_class AS c ON c.oid = k.conrelid JOIN pg_namespace AS cn ON cn.oid = c.relnamespace
JOIN pg_class AS p ON p.oid = k.confrelid JOIN pg_namespace AS pn ON pn.oid = p.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND p.relname IN (?)`)
}

// dropStatements drops all tables in one statement. Otherwise tables that refer to one
// another would need CASCADE, which also drops constraints of other tables.
func (postgresEngine) dropStatements(tables []relation) []string {
	quoted := make([]string, len(tables))
	for i, table := range tables {
		quoted[i] = quoteIdent(table.schema, '"') + "." + quoteIdent(table.name, '"')
	}
	return []string{"DROP TABLE " + strings.Join(quoted, ", ")}
}

func (postgresEngine) normalize(live, _ *schema.Table) { forgetCutName(live) }

// overlooked finds a change of collation, which atlas's differ ignores. Changing the
// type sets the collation, too.
func (postgresEngine) overlooked(from, to *schema.Column) schema.ChangeKind {
	if collationOf(from.Attrs) != collationOf(to.Attrs) {
		return schema.ChangeType
	}
	return schema.NoChange
}
