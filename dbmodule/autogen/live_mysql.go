package autogen

import (
	"context"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/mysql"
	"ariga.io/atlas/sql/schema"
	"github.com/uptrace/bun"
)

// mysqlCatalog writes a text as one under ANSI_QUOTES, too, and takes out of a
// column's EXTRA what atlas does not know.
var mysqlCatalog = strings.NewReplacer(
	`"YES" AS ENFORCED`, `'YES' AS ENFORCED`,
	"`COLUMN_DEFAULT`, `EXTRA`,", "`COLUMN_DEFAULT`, REGEXP_REPLACE(`EXTRA`, ',? ?(INVISIBLE|WITHOUT SYSTEM VERSIONING)', ''),",
)

func (mysqlEngine) open(db schema.ExecQuerier) (migrate.Driver, error) {
	return mysql.Open(catalog{db, mysqlCatalog})
}

func (mysqlEngine) tables(ctx context.Context, conn bun.Conn) ([]tableName, error) {
	var names []tableName
	rows := query(ctx, conn, `SELECT table_name FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' AND table_name NOT LIKE 'alembic|_version%' ESCAPE '|' ORDER BY table_name`)
	var n tableName
	for rows.next(&n.name) {
		names = append(names, n)
	}
	return names, rows.err("list tables")
}

func (mysqlEngine) types(context.Context, bun.Conn) ([]string, error) { return nil, nil }

func (mysqlEngine) complete(context.Context, bun.Conn, []*schema.Table) ([]LeftAlone, error) {
	return nil, nil
}

func (mysqlEngine) unsaid(index *schema.Index) string {
	if kind, ok := attrOf[*mysql.IndexType](index.Attrs); ok && kind.T != mysql.IndexTypeBTree && kind.T != mysql.IndexTypeHash {
		return "models have no words for an index of the kind " + kind.T
	}
	for _, part := range index.Parts {
		if part.X != nil {
			return "models have no words for an index on an expression"
		}
		if _, prefix := attrOf[*mysql.SubPart](part.Attrs); prefix {
			return "models have no words for an index on the beginning of a column"
		}
	}
	return ""
}

// accept keeps a column's ON UPDATE, which models have no words for.
func (mysqlEngine) accept(live, want, _ *schema.Column, _ *schema.Table) {
	if onUpdate, ok := attrOf[*mysql.OnUpdate](live.Attrs); ok {
		schema.ReplaceOrAppend(&want.Attrs, schema.Attr(onUpdate))
	}
}
