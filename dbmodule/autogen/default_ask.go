package autogen

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"ariga.io/atlas/sql/schema"
	"github.com/uptrace/bun"
)

// scratchTable is a temporary table of the connection, with the columns of a
// table whose defaults are asked about.
const scratchTable = "dbmodule_scratch"

// settleDefaults spells the defaults of inspected tables as the reference
// does, where the two mean the same. Servers keep an expression as they
// understood it: MariaDB keeps lower('A') as lcase('A'), and PostgreSQL keeps
// '{"a":1}' as '{"a": 1}'::jsonb. No list of such rules is complete. So the
// server is asked: it makes a temporary table with the reference's defaults,
// and what it keeps of them is compared with what it keeps of the table's own.
//
// A server that makes no temporary tables for this user, or a standby, leaves
// the texts as they are.
func settleDefaults(ctx context.Context, e engine, db bun.IConn, live, reference *schema.Realm) error {
	for _, table := range tablesOf(live) {
		like, ok := tableAt(reference, nameOfTable(table))
		if !ok {
			continue
		}
		var asked []*schema.Column
		for _, column := range table.Columns {
			known, ok := like.Column(column.Name)
			switch {
			case !ok || column.Default == nil || known.Default == nil:
			case sameDefault(column, known):
				column.Default = cloneOne(known.Default)
			default:
				asked = append(asked, known)
			}
		}
		if len(asked) == 0 {
			continue
		}
		equal, err := e.equalDefaults(ctx, db, nameOfTable(table), asked)
		if err != nil {
			return fmt.Errorf("autogen: inspect: compare the defaults of table %s: %w", nameOfTable(table), err)
		}
		for _, known := range asked {
			if column, ok := table.Column(known.Name); ok && equal[known.Name] {
				column.Default = cloneOne(known.Default)
			}
		}
	}
	return nil
}

// equalDefaults finds nothing: SQLite keeps the text of a default as it was
// written.
func (sqliteEngine) equalDefaults(context.Context, bun.IConn, tableName, []*schema.Column) (map[string]bool, error) {
	return nil, nil
}

// storedDefaults is what PostgreSQL keeps of a table's defaults.
const storedDefaults = `SELECT a.attname, pg_get_expr(d.adbin, d.adrelid)
FROM pg_attrdef AS d JOIN pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
WHERE d.adrelid = to_regclass(?)`

// equalDefaults asks in blocks of PL/pgSQL, in which an error ends neither the
// transaction that the connection may be in nor the other questions.
func (e postgresEngine) equalDefaults(ctx context.Context, db bun.IConn, table tableName, asked []*schema.Column) (map[string]bool, error) {
	scratch := "pg_temp." + quoted(e, scratchTable)
	statements := []string{fmt.Sprintf("CREATE TEMPORARY TABLE %s (LIKE %s)", quoted(e, scratchTable), quotedName(e, table))}
	for _, column := range asked {
		statements = append(statements, fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET DEFAULT %s", scratch, quoted(e, column.Name), defaultSQL(column)))
	}
	for _, s := range statements {
		block := "BEGIN " + s + "; EXCEPTION WHEN OTHERS THEN NULL; END"
		if _, err := db.ExecContext(ctx, "DO ?", block); err != nil {
			return nil, err
		}
	}
	kept, err := e.stored(ctx, db, scratch)
	if err != nil || len(kept) == 0 {
		return nil, err
	}
	_, dropErr := db.ExecContext(context.WithoutCancel(ctx), "DROP TABLE "+scratch)
	own, err := e.stored(ctx, db, quotedName(e, table))
	return equalTexts(own, kept), errors.Join(err, dropErr)
}

func (postgresEngine) stored(ctx context.Context, db bun.IConn, table string) (map[string]string, error) {
	kept := map[string]string{}
	rows := query(ctx, db, storedDefaults, table)
	var column, text string
	for rows.next(&column, &text) {
		kept[column] = text
	}
	return kept, rows.err("read the defaults of " + table)
}

// equalDefaults takes a refusal for an answer: the default is none that the
// column can have, or this user may make no temporary tables.
func (e mysqlEngine) equalDefaults(ctx context.Context, db bun.IConn, table tableName, asked []*schema.Column) (map[string]bool, error) {
	scratch := quoted(e, scratchTable)
	if _, err := db.ExecContext(ctx, fmt.Sprintf("CREATE TEMPORARY TABLE %s LIKE %s", scratch, quotedName(e, table))); err != nil {
		return nil, ctx.Err()
	}
	set := map[string]bool{}
	for _, column := range asked {
		_, err := db.ExecContext(ctx, fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET DEFAULT %s", scratch, quoted(e, column.Name), defaultSQL(column)))
		set[column.Name] = err == nil
	}
	kept, err := e.stored(ctx, db, scratch)
	_, dropErr := db.ExecContext(context.WithoutCancel(ctx), "DROP TEMPORARY TABLE "+scratch)
	if err := errors.Join(err, dropErr); err != nil {
		return nil, err
	}
	own, err := e.stored(ctx, db, quotedName(e, table))
	for column := range kept {
		if !set[column] {
			delete(kept, column)
		}
	}
	return equalTexts(own, kept), err
}

var (
	reShownColumn   = regexp.MustCompile("^\\s*`((?:[^`]|``)+)` (.*?),?$")
	reShownOnUpdate = regexp.MustCompile(`(?i) on update current_timestamp(\(\d?\))?`)
)

// stored is what the server says of a table's columns. SHOW COLUMNS shows the
// text 'uuid()' and the function uuid() alike; SHOW CREATE TABLE does not.
func (mysqlEngine) stored(ctx context.Context, db bun.IConn, table string) (map[string]string, error) {
	var name, text string
	if err := db.QueryRowContext(ctx, "SHOW CREATE TABLE "+table).Scan(&name, &text); err != nil {
		return nil, err
	}
	kept := map[string]string{}
	for line := range strings.SplitSeq(text, "\n") {
		if m := reShownColumn.FindStringSubmatch(line); m != nil {
			kept[strings.ReplaceAll(m[1], "``", "`")] = reShownOnUpdate.ReplaceAllString(m[2], "")
		}
	}
	return kept, nil
}

// equalTexts says for which names both have the same text.
func equalTexts(a, b map[string]string) map[string]bool {
	equal := map[string]bool{}
	for name, text := range a {
		other, ok := b[name]
		equal[name] = ok && other == text
	}
	return equal
}
