package autogen

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/mysql"
	"ariga.io/atlas/sql/schema"
	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/uptrace/bun"
)

// mysqlCatalog rewrites atlas's queries in three ways. It puts a string in single quotes, because
// under ANSI_QUOTES text in double quotes is a name. It removes words from a column's EXTRA that
// atlas does not know. It keeps tables whose collation is not in COLLATIONS: MariaDB lists
// utf8mb4_uca1400_ai_ci there without its character set.
var mysqlCatalog = strings.NewReplacer(
	`"YES" AS ENFORCED`, `'YES' AS ENFORCED`,
	"\tJOIN INFORMATION_SCHEMA.COLLATIONS AS", "\tLEFT JOIN INFORMATION_SCHEMA.COLLATIONS AS",
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

// complete compares the catalog's description of each table with SHOW CREATE TABLE.
// The catalog shows only columns on which the user has a privilege, and foreign keys
// and checks only to a user with more than SELECT. SHOW CREATE TABLE shows everything
// to a user with any privilege on the whole table.
func (e mysqlEngine) complete(ctx context.Context, conn bun.Conn, tables []*schema.Table) (unread, error) {
	var found unread
	for _, table := range tables {
		name := nameOfTable(table)
		text, err := e.shown(ctx, conn, quotedName(e, name))
		columns := shownColumns(text)
		switch code := mysqlCode(err); {
		case code == mysqlNoTable: // dropped since it was read
		case code == mysqlDenied || err == nil && len(columns) > len(table.Columns):
			found.left = append(found.left, leave(name, "", "this user has no privilege on all of its columns, so they can't be read"))
		case code != 0:
			found.left = append(found.left, leave(name, "", "it can't be read: "+cause(err)))
		case err != nil:
			return unread{}, fmt.Errorf("autogen: read table %s: %w", name, err)
		default:
			completeJSON(table, columns, text)
			markColumnChecks(table, columns, text)
			found.constraints = append(found.constraints, hiddenConstraints(table, text)...)
		}
	}
	return found, nil
}

// completeJSON turns a LONGTEXT of MariaDB into JSON if a check of the column requires
// JSON. RENAME COLUMN leaves that check with the column's old name.
func completeJSON(table *schema.Table, columns map[string]string, statement string) {
	for _, column := range table.Columns {
		definition := strings.ReplaceAll(columns[column.Name], `"`, "`")
		valid := "(json_valid(`" + column.Name + "`))"
		if column.Type.Raw != mysql.TypeLongText || !strings.HasSuffix(definition, " CHECK "+valid) {
			continue
		}
		column.Type.Raw, column.Type.Type = mysql.TypeJSON, &schema.JSONType{T: mysql.TypeJSON}
		column.UnsetCharset().UnsetCollation()
		table.Attrs = slices.DeleteFunc(table.Attrs, func(attr schema.Attr) bool {
			check, ok := attr.(*schema.Check)
			return ok && wrap(check.Expr) == valid && !isShownConstraint(statement, check.Name)
		})
	}
}

// columnCheck marks a check that MariaDB keeps in the definition of a column. DROP CONSTRAINT
// does not find it. It has the name that the column had when the check was made.
type columnCheck struct {
	schema.Attr
	column string
}

// ownerOf returns the name of the column that has the check in its definition, empty for a
// check of the table.
func ownerOf(check *schema.Check) string {
	mark, _ := attrOf[columnCheck](check.Attrs)
	return mark.column
}

// markColumnChecks marks the checks that are in the definitions of columns.
func markColumnChecks(table *schema.Table, columns map[string]string, statement string) {
	for _, check := range checksOf(table) {
		if isShownConstraint(statement, check.Name) {
			continue
		}
		for _, column := range table.Columns {
			definition, text := columns[column.Name], " CHECK "+wrap(check.Expr)
			if strings.HasSuffix(strings.ReplaceAll(definition, `"`, "`"), strings.ReplaceAll(text, `"`, "`")) && (ownerOf(check) == "" || column.Name == check.Name) {
				check.Attrs = []schema.Attr{columnCheck{column: column.Name}}
			}
		}
	}
}

var reShownConstraint = regexp.MustCompile("(?m)^\\s*CONSTRAINT [`\"](.+?)[`\"] (FOREIGN KEY|CHECK) ")

// isShownConstraint reports whether a table's statement has a constraint of the table
// with this name. Checks of columns are not shown with their names.
func isShownConstraint(statement, name string) bool {
	return slices.ContainsFunc(reShownConstraint.FindAllStringSubmatch(statement, -1), func(m []string) bool { return m[1] == name })
}

// hiddenConstraints returns the constraints in a table's statement that the catalog
// did not show.
func hiddenConstraints(table *schema.Table, statement string) []hiddenConstraint {
	var hidden []hiddenConstraint
	for _, m := range reShownConstraint.FindAllStringSubmatch(statement, -1) {
		h := hiddenConstraint{table: nameOfTable(table), name: m[1], isCheck: m[2] == "CHECK"}
		_, read := table.ForeignKey(h.name)
		if h.isCheck {
			read = slices.ContainsFunc(checksOf(table), func(c *schema.Check) bool { return c.Name == h.name })
		}
		if !read {
			hidden = append(hidden, h)
		}
	}
	return hidden
}

// Errors of the server about a table. A user without a privilege on the table gets mysqlDenied,
// whether the table exists or not.
const (
	mysqlDenied  = 1142 // ER_TABLEACCESS_DENIED_ERROR
	mysqlNoTable = 1146 // ER_NO_SUCH_TABLE
	mysqlNoBase  = 1049 // ER_BAD_DB_ERROR
)

// mysqlCode returns the number of the server's error, or 0.
func mysqlCode(err error) uint16 {
	if answer, ok := errors.AsType[*mysqldriver.MySQLError](err); ok {
		return answer.Number
	}
	return 0
}

// hidden runs SHOW CREATE TABLE for each table. The catalog does not show tables on which the user
// has no privilege. For these, SHOW CREATE TABLE returns the error mysqlDenied.
func (e mysqlEngine) hidden(ctx context.Context, db bun.IConn, tables []tableName) ([]LeftAlone, error) {
	var left []LeftAlone
	for _, table := range tables {
		_, err := e.shown(ctx, db, quotedName(e, table))
		switch code := mysqlCode(err); {
		case err == nil, code == mysqlNoTable, code == mysqlNoBase:
		case code == mysqlDenied:
			left = append(left, leave(table, "", "this user has no privilege on a table of this name, so the server does not say whether it exists"))
		case code != 0:
			left = append(left, leave(table, "", "it can't be read: "+cause(err)))
		default:
			return nil, fmt.Errorf("autogen: look for table %s: %w", table, err)
		}
	}
	return left, nil
}

func (mysqlEngine) whyUnmanaged(index *schema.Index) string {
	if kind, ok := attrOf[*mysql.IndexType](index.Attrs); ok && kind.T != mysql.IndexTypeBTree && kind.T != mysql.IndexTypeHash {
		return "models can't express an index of the kind " + kind.T
	}
	for _, part := range index.Parts {
		if part.X != nil {
			return "models can't express an index on an expression"
		}
		if _, prefix := attrOf[*mysql.SubPart](part.Attrs); prefix {
			return "models can't express an index on the beginning of a column"
		}
	}
	return ""
}

// accept keeps a column's ON UPDATE, which models can't express.
func (mysqlEngine) accept(live, want, _ *schema.Column, _ *schema.Table) {
	if onUpdate, ok := attrOf[*mysql.OnUpdate](live.Attrs); ok {
		schema.ReplaceOrAppend(&want.Attrs, schema.Attr(onUpdate))
	}
}
