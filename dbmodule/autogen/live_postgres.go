package autogen

import (
	"context"
	"strings"

	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"github.com/uptrace/bun"
)

func (postgresEngine) tables(ctx context.Context, conn bun.Conn) ([]tableName, error) {
	var names []tableName
	// Partitions and tables of extensions are left out: they are parts of a table or of an
	// extension.
	rows := query(ctx, conn, `SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname NOT LIKE 'alembic\_version%'
AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relname`)
	var n tableName
	for rows.next(&n.name) {
		names = append(names, n)
	}
	return names, rows.err("list tables")
}

func (postgresEngine) types(ctx context.Context, conn bun.Conn) ([]string, error) {
	var statements []string
	rows := query(ctx, conn, `SELECT CASE t.typtype
	WHEN 'e' THEN format('CREATE TYPE %I AS ENUM (%s)', t.typname, (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM pg_enum AS e WHERE e.enumtypid = t.oid))
	ELSE concat_ws(' ', format('CREATE DOMAIN %I AS %s', t.typname, format_type(t.typbasetype, t.typtypmod)), 'DEFAULT ' || t.typdefault, CASE WHEN t.typnotnull THEN 'NOT NULL' END,
		(SELECT string_agg(format('CONSTRAINT %I %s', k.conname, pg_get_constraintdef(k.oid)), ' ' ORDER BY k.conname) FROM pg_constraint AS k WHERE k.contypid = t.oid AND k.contype = 'c'))
	END
FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace
WHERE n.nspname = current_schema() AND t.typtype IN ('e', 'd')
AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')
ORDER BY t.typtype DESC, t.typname`)
	var statement string
	for rows.next(&statement) {
		statements = append(statements, statement)
	}
	return statements, rows.err("list types")
}

// complete leaves a table alone if the server does not show all of its columns: it
// shows only those on which the user has a privilege.
func (postgresEngine) complete(ctx context.Context, conn bun.Conn, tables []*schema.Table) (unread, error) {
	columns := map[int64]int{}
	var ids []int64
	for _, table := range tables {
		if id, ok := attrOf[*postgres.OID](table.Attrs); ok {
			ids = append(ids, id.V)
		}
	}
	if len(ids) == 0 {
		return unread{}, nil
	}
	rows := query(ctx, conn, "SELECT attrelid::bigint, count(*) FROM pg_attribute WHERE attrelid IN (?) AND attnum > 0 AND NOT attisdropped GROUP BY attrelid", bun.List(ids))
	var id int64
	var count int
	for rows.next(&id, &count) {
		columns[id] = count
	}
	var left []LeftAlone
	for _, table := range tables {
		id, ok := attrOf[*postgres.OID](table.Attrs)
		if ok && columns[id.V] != len(table.Columns) {
			left = append(left, leave(nameOfTable(table), "", "this user has no privilege on all of its columns, so they can't be read"))
		}
	}
	return unread{left: left}, rows.err("count columns")
}

// hidden finds tables in schemas of the search path that the user may not use.
// The server does not look there for a table without a schema.
func (postgresEngine) hidden(ctx context.Context, db bun.IConn, tables []tableName) ([]LeftAlone, error) {
	var unqualified []tableName
	for _, table := range tables {
		if table.schema == "" {
			unqualified = append(unqualified, table)
		}
	}
	if len(unqualified) == 0 {
		return nil, nil
	}
	var left []LeftAlone
	rows := query(ctx, db, `SELECT c.relname, n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relname IN (?) AND NOT has_schema_privilege(n.oid, 'USAGE')
AND n.nspname IN (SELECT trim(both ' "' from s) FROM unnest(string_to_array(replace(current_setting('search_path'), '$user', current_user), ',')) AS s)
ORDER BY 1, 2`, bun.List(baseNames(unqualified)))
	var table, schema string
	for rows.next(&table, &schema) {
		left = append(left, leave(tableName{name: table}, "", "this user has no privilege USAGE on the schema "+schema+", where it is"))
	}
	return left, rows.err("look for tables")
}

func (postgresEngine) whyUnmanaged(index *schema.Index) string {
	if kind, ok := attrOf[*postgres.IndexType](index.Attrs); ok && !strings.EqualFold(kind.T, postgres.IndexTypeBTree) {
		return "models can't express an index of the kind " + strings.ToUpper(kind.T)
	}
	if _, ok := attrOf[*postgres.IndexInclude](index.Attrs); ok {
		return "models can't express INCLUDE"
	}
	if nulls, ok := attrOf[*postgres.IndexNullsDistinct](index.Attrs); ok && !nulls.V {
		return "models can't express NULLS NOT DISTINCT"
	}
	if _, ok := attrOf[*postgres.IndexStorageParams](index.Attrs); ok {
		return "models can't express the storage of an index"
	}
	if constraint, ok := attrOf[*postgres.Constraint](index.Attrs); ok && constraint.T == "x" {
		return "models can't express EXCLUDE"
	}
	for _, part := range index.Parts {
		nulls, ordered := attrOf[*postgres.IndexColumnProperty](part.Attrs)
		_, class := attrOf[*postgres.IndexOpClass](part.Attrs)
		switch {
		case part.X != nil:
			return "models can't express an index on an expression"
		case class:
			return "models can't express an operator class"
		case ordered && nulls.NullsFirst != part.Desc:
			return "models can't express NULLS FIRST and NULLS LAST"
		}
	}
	return ""
}

// accept treats a serial column as an identity column, and keeps the options of an
// identity: ALWAYS or BY DEFAULT, the start and the increment.
func (e postgresEngine) accept(live, want, _ *schema.Column, table *schema.Table) {
	serial, isSerial := live.Type.Type.(*postgres.SerialType)
	if isSerial {
		live.Type.Type = serial.IntegerType()
	}
	identity, isIdentity := attrOf[*postgres.Identity](live.Attrs)
	wanted, numbers := attrOf[*postgres.Identity](want.Attrs)
	switch {
	case isIdentity && numbers:
		schema.ReplaceOrAppend(&want.Attrs, schema.Attr(identity))
	case isSerial && numbers:
		live.AddAttrs(wanted)
	case isSerial:
		sequence := serial.SequenceName
		if sequence == "" {
			sequence = table.Name + "_" + live.Name + "_seq"
		}
		at := tableName{schema: nameOfTable(table).schema, name: sequence}
		live.Default = &schema.RawExpr{X: "nextval(" + quote(quotedName(e, at)) + "::regclass)"}
	}
}
