package autogen

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	bunschema "github.com/uptrace/bun/schema"

	"github.com/openhands-go/server/dbmodule"
)

type sqliteEngine struct{}

func (sqliteEngine) name() dbmodule.Engine                        { return dbmodule.SQLite }
func (sqliteEngine) newDialect() bunschema.Dialect                { return sqlitedialect.New() }
func (sqliteEngine) identQuotes() string                          { return "`\"'[]" }
func (sqliteEngine) planner() migrate.PlanApplier                 { return sqlite.DefaultPlan }
func (sqliteEngine) forwardReferences() (possible, enforced bool) { return true, true }

func (sqliteEngine) differ() schema.Differ { return sqlite.DefaultDiff }
func (sqliteEngine) hcl() hclCodec {
	return hclCodec{marshal: sqlite.MarshalHCL.MarshalSpec, eval: sqlite.EvalHCL}
}

// sqliteTypes has a name for each type. SQLite derives a column's affinity from parts of
// the name, and the driver recognises times and truth values by it.
var sqliteTypes = byAlias(map[string]string{
	"boolean": "bool,boolean",
	"integer": "int,integer,int2,int4,int8,tinyint,smallint,mediumint,bigint,tinyint unsigned,smallint unsigned," +
		"mediumint unsigned,int unsigned,integer unsigned,bigint unsigned",
	"real":      "real,float,float4,float8,double,double precision",
	"varchar":   "varchar,character varying,char,character,nvarchar,nchar,citext,uuid,inet,cidr,macaddr",
	"text":      "text,tinytext,mediumtext,longtext,clob,json,jsonb,hstore,interval,enum,set,xml",
	"blob":      "blob,tinyblob,mediumblob,longblob,bytea,binary,varbinary",
	"timestamp": "timestamp,timestamptz,timestamp with time zone,timestamp without time zone,datetime",
	"date":      "date",
	"time":      "time,timetz,time with time zone,time without time zone",
	"numeric":   "numeric,decimal,dec,money",
})

func byAlias(aliases map[string]string) map[string]string {
	names := map[string]string{}
	for name, list := range aliases {
		for alias := range strings.SplitSeq(list, ",") {
			names[alias] = name
		}
	}
	return names
}

func (sqliteEngine) parseType(declared string) (schema.Type, error) {
	n := splitType(declared)
	if n.array {
		return sqlite.ParseType("text")
	}
	if known, ok := sqliteTypes[n.base]; ok {
		return sqlite.ParseType(known)
	}
	if checkName(sqliteEngine{}, declared) != nil || n.base == "" {
		return nil, fmt.Errorf("SQLite can't have the type %q", declared)
	}
	return sqlite.ParseType(strings.ToLower(declared))
}

func (sqliteEngine) ownType(declared string) (schema.Type, error) { return sqlite.ParseType(declared) }

// sqliteUUID is a random (version 4) UUID.
const sqliteUUID = `lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-' || ` +
	`substr('89ab', 1 + (abs(random()) % 4), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))`

func (sqliteEngine) defaultOf(t schema.Type, d defaultValue) schema.Expr {
	switch d.kind {
	case defaultString:
		return &schema.Literal{V: quote(d.text)}
	case defaultNumber:
		return &schema.Literal{V: d.text}
	case defaultBool:
		return &schema.Literal{V: bit(d)}
	case defaultNow:
		if tt, ok := t.(*schema.TimeType); ok && tt.T == "timestamp" {
			// CURRENT_TIMESTAMP has neither fractions nor a zone. This expression gives the
			// form in which the program stores times.
			return &schema.RawExpr{X: `strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')`}
		}
		return &schema.RawExpr{X: "CURRENT_TIMESTAMP"}
	case defaultUUID:
		return &schema.RawExpr{X: sqliteUUID}
	}
	// The planner adds parentheses, and an inspection shows none.
	return &schema.RawExpr{X: d.text}
}

func (sqliteEngine) identify(t *schema.Table, c *schema.Column) error {
	if t.PrimaryKey == nil || len(t.PrimaryKey.Parts) != 1 || t.PrimaryKey.Parts[0].C != c || !isInteger(c) {
		return errors.New("SQLite can only number an integer that is the whole primary key")
	}
	c.AddAttrs(&sqlite.AutoIncrement{})
	return nil
}

func (sqliteEngine) measure(name string) (length, longest int, unit string) {
	return len(name), 0, "bytes"
}

func (sqliteEngine) comment(string) (string, error) { return "", nil }

func (sqliteEngine) collate(*schema.Column, string) {}

func (sqliteEngine) finish(*schema.Table) error { return nil }

func (sqliteEngine) index(i *schema.Index, where string) error {
	i.AddAttrs(&sqlite.IndexPredicate{P: where})
	return nil
}

func (sqliteEngine) schemaName(name string) (string, error) {
	if name == "main" {
		return "", nil
	}
	return "", errors.New("SQLite has no schemas")
}

func (sqliteEngine) normalize(_, _ *schema.Table) {}

func (sqliteEngine) exclusive(ctx context.Context, conn bun.Conn, fn func(bun.IConn) error) error {
	// A connection of dbmodule begins with BEGIN IMMEDIATE, which excludes other writers.
	return inTx(ctx, conn, nil, func(tx bun.Tx) error { return fn(tx) })
}

func (sqliteEngine) unenforced(ctx context.Context, conn bun.Conn, fn func() error) error {
	return withoutForeignKeys(ctx, conn, "PRAGMA foreign_keys", "PRAGMA foreign_keys = off", "PRAGMA foreign_keys = on", fn)
}

func (sqliteEngine) prepare(context.Context, bun.IConn, []tableName) error { return nil }

// foldASCII folds a name as SQLite compares names.
func foldASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

func (sqliteEngine) find(ctx context.Context, db bun.IConn, tables []tableName) (map[tableName]relation, error) {
	wanted := map[string]tableName{}
	for _, table := range tables {
		wanted[foldASCII(table.name)] = table
	}
	found := map[tableName]relation{}
	rows := query(ctx, db, `SELECT name, type = 'table' FROM sqlite_master WHERE type IN ('table', 'view')`)
	var name string
	var isTable bool
	for rows.next(&name, &isTable) {
		if table, ok := wanted[foldASCII(name)]; ok {
			found[table] = relation{tableName: tableName{name: name}, isTable: isTable}
		}
	}
	return found, rows.err("look for tables")
}

func (sqliteEngine) references(ctx context.Context, db bun.IConn, tables []relation) ([]reference, error) {
	actual := map[string]tableName{}
	for _, table := range tables {
		actual[foldASCII(table.name)] = table.tableName
	}
	var references []reference
	rows := query(ctx, db, `SELECT DISTINCT m.name, k."table" FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS k WHERE m.type = 'table'`)
	var child, parent string
	for rows.next(&child, &parent) {
		if to, ok := actual[foldASCII(parent)]; ok {
			references = append(references, reference{child: tableName{name: child}, parent: to})
		}
	}
	return references, rows.err("look for foreign keys")
}

func (sqliteEngine) dropStatements(tables []relation) []string {
	statements := make([]string, len(tables))
	for i, table := range tables {
		statements[i] = "DROP TABLE " + quoteIdent(table.name, '"')
	}
	return statements
}
