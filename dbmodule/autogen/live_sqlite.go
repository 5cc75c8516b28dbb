package autogen

import (
	"context"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"
	"github.com/uptrace/bun"
)

// sqliteCatalog hides conditions of indexes and expressions of generated columns from
// atlas, since complete reads them better. It also fills in the columns of a foreign
// key that names none: the other table's primary key.
var sqliteCatalog = strings.NewReplacer(
	"`il`.`partial`", "0 AS `partial`",
	"(`pk` <> 0) AS `pk`, `hidden` FROM", "(`pk` <> 0) AS `pk`, 0 AS `hidden` FROM",
	"SELECT `id`, `from`, `to`,", "SELECT `id`, `from`, IFNULL(`to`, (SELECT `name` FROM pragma_table_info(`table`) WHERE `pk` = `seq` + 1)),",
)

func (sqliteEngine) open(db schema.ExecQuerier) (migrate.Driver, error) {
	return sqlite.Open(catalog{db, sqliteCatalog})
}

func (sqliteEngine) tables(ctx context.Context, conn bun.Conn) ([]tableName, error) {
	var names []tableName
	rows := query(ctx, conn, `SELECT name FROM pragma_table_list
WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT LIKE 'alembic\_version%' ESCAPE '\' ORDER BY name`)
	var n tableName
	for rows.next(&n.name) {
		names = append(names, n)
	}
	return names, rows.err("list tables")
}

func (sqliteEngine) types(context.Context, bun.Conn) ([]string, error) { return nil, nil }

func (sqliteEngine) hidden(context.Context, bun.IConn, []tableName) ([]LeftAlone, error) {
	return nil, nil // SQLite has no privileges: a user sees the whole file
}

func (sqliteEngine) complete(ctx context.Context, conn bun.Conn, tables []*schema.Table) (unread, error) {
	var left []LeftAlone
	for _, table := range tables {
		for _, index := range table.Indexes {
			if create, ok := attrOf[*sqlite.CreateStmt](index.Attrs); ok {
				if where, ok := sqliteCondition(create.S); ok {
					index.AddAttrs(&sqlite.IndexPredicate{P: where})
				}
			}
		}
		if key := rowidAlias(table); key != nil {
			key.Type.Null = false
		}
		generated, err := completeGenerated(ctx, conn, table)
		if err != nil {
			return unread{}, err
		}
		left = append(left, generated...)
	}
	return unread{left: left}, nil
}

// completeGenerated reads the expressions of a table's generated columns.
func completeGenerated(ctx context.Context, conn bun.Conn, table *schema.Table) ([]LeftAlone, error) {
	var left []LeftAlone
	create, _ := attrOf[*sqlite.CreateStmt](table.Attrs)
	rows := query(ctx, conn, "SELECT name, hidden FROM pragma_table_xinfo(?) WHERE hidden > 1", table.Name)
	var name string
	var hidden int
	for rows.next(&name, &hidden) {
		column, ok := table.Column(name)
		if !ok || create == nil {
			continue
		}
		expr, ok := sqliteGenerated(create.S, name)
		if !ok {
			left = append(left, leave(nameOfTable(table), "", "the expression of its generated column "+name+" can't be read"))
			continue
		}
		kind := "VIRTUAL"
		if hidden == 3 {
			kind = "STORED"
		}
		column.SetGeneratedExpr(&schema.GeneratedExpr{Expr: expr, Type: kind})
		if strings.HasSuffix(strings.ToUpper(column.Type.Raw), " GENERATED ALWAYS") {
			// SQLite reads these words as a part of the type if a column has no other type.
			column.Type.Raw = column.Type.Raw[:len(column.Type.Raw)-len(" GENERATED ALWAYS")]
			t, err := sqlite.ParseType(strings.ToLower(column.Type.Raw))
			if err == nil {
				column.Type.Type = t
			}
		}
	}
	return left, rows.err("read generated columns")
}

func (sqliteEngine) whyUnmanaged(index *schema.Index) string {
	for _, part := range index.Parts {
		if part.X != nil {
			return "models can't express an index on an expression"
		}
	}
	if create, ok := attrOf[*sqlite.CreateStmt](index.Attrs); ok && sqliteCollates(create.S) {
		return "models can't express the collation of an index"
	}
	return ""
}

// rowidAlias returns the column that is an alias of the rowid: it is never NULL, and
// SQLite always numbers it.
func rowidAlias(table *schema.Table) *schema.Column {
	_, without := attrOf[*sqlite.WithoutRowID](table.Attrs)
	if without || table.PrimaryKey == nil || len(table.PrimaryKey.Parts) != 1 {
		return nil
	}
	if c := table.PrimaryKey.Parts[0].C; c != nil && strings.EqualFold(c.Type.Raw, "integer") {
		return c
	}
	return nil
}

// accept treats an alias of the rowid without AUTOINCREMENT as numbered. AUTOINCREMENT
// only adds that numbers of deleted rows are not used again.
func (sqliteEngine) accept(live, want, known *schema.Column, table *schema.Table) {
	if numbered(want) && !numbered(live) && rowidAlias(table) == live && (known == nil || numbered(known)) {
		want.Attrs = schema.RemoveAttr[*sqlite.AutoIncrement](want.Attrs)
	}
}

// isInlineUnique reports whether an index belongs to a UNIQUE in the CREATE TABLE
// statement. It can't be created or dropped without the table.
func isInlineUnique(index *schema.Index) bool {
	origin, ok := attrOf[*sqlite.IndexOrigin](index.Attrs)
	return ok && origin.O == "u"
}
