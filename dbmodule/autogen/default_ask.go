package autogen

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"ariga.io/atlas/sql/schema"
	mysqldriver "github.com/go-sql-driver/mysql"
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
// A server that makes no temporary table here can't be asked. Then only texts
// tell: where they can't, the column goes to the reading's untold defaults.
func (r *reading) settleDefaults(ctx context.Context, e engine, db bun.IConn, reference *schema.Realm) error {
	for _, table := range tablesOf(r.live) {
		like, ok := tableAt(reference, nameOfTable(table))
		if !ok {
			continue
		}
		asked := unlikeDefaults(table, like)
		if len(asked) == 0 {
			continue
		}
		answer, err := e.equalDefaults(ctx, db, nameOfTable(table), asked)
		if err != nil {
			return fmt.Errorf("autogen: inspect: compare the defaults of table %s: %w", nameOfTable(table), err)
		}
		for _, known := range asked {
			column, ok := table.Column(known.Name)
			switch {
			case !ok:
			case answer.equal[known.Name]:
				column.Default = cloneOne(known.Default)
			case answer.refused != "" && !surelyUnlike(column, known):
				r.untold = append(r.untold, untold{nameOfTable(table), column.Name, answer.refused})
			}
		}
	}
	return nil
}

// unlikeDefaults are the columns of the reference whose defaults have another
// text than the table's. Those that are the same by their texts get the
// reference's.
func unlikeDefaults(table, like *schema.Table) []*schema.Column {
	var unlike []*schema.Column
	for _, column := range table.Columns {
		known, ok := like.Column(column.Name)
		switch {
		case !ok || column.Default == nil || known.Default == nil:
		case sameDefault(column, known):
			column.Default = cloneOne(known.Default)
		default:
			unlike = append(unlike, known)
		}
	}
	return unlike
}

// untold is a default of which nobody could tell whether it is the models'.
type untold struct {
	table  tableName
	column string
	reason string
}

// defaultsAnswer is a server's answer to which defaults are equal. refused
// says why it gave none, as the reason of a [LeftAlone].
type defaultsAnswer struct {
	equal   map[string]bool
	refused string
}

// equalDefaults finds nothing: SQLite keeps the text of a default as it was
// written.
func (sqliteEngine) equalDefaults(context.Context, bun.IConn, tableName, []*schema.Column) (defaultsAnswer, error) {
	return defaultsAnswer{}, nil
}

// storedDefaults is what PostgreSQL keeps of a table's defaults.
const storedDefaults = `SELECT a.attname, pg_get_expr(d.adbin, d.adrelid)
FROM pg_attrdef AS d JOIN pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
WHERE d.adrelid = to_regclass(?)`

// equalDefaults asks in blocks of PL/pgSQL, in which an error ends neither the
// transaction that the connection may be in nor the other questions.
func (e postgresEngine) equalDefaults(ctx context.Context, db bun.IConn, table tableName, asked []*schema.Column) (defaultsAnswer, error) {
	scratch := "pg_temp." + quoted(e, scratchTable)
	try := func(statement string) error {
		_, err := db.ExecContext(ctx, "DO ?", "BEGIN "+statement+"; EXCEPTION WHEN OTHERS THEN NULL; END")
		return err
	}
	var made bool
	err := try(fmt.Sprintf("CREATE TEMPORARY TABLE %s (LIKE %s)", quoted(e, scratchTable), quotedName(e, table)))
	if err == nil {
		err = db.QueryRowContext(ctx, "SELECT to_regclass(?) IS NOT NULL", scratch).Scan(&made)
	}
	if err != nil {
		return defaultsAnswer{}, err
	}
	if !made {
		return defaultsAnswer{refused: "the server rewrites defaults, and it makes no temporary table to compare this one in: the user lacks the privilege TEMPORARY, or the server is read-only"}, nil
	}
	for _, column := range asked {
		if err := try(fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET DEFAULT %s", scratch, quoted(e, column.Name), defaultSQL(column))); err != nil {
			return defaultsAnswer{}, err
		}
	}
	kept, err := e.stored(ctx, db, scratch)
	_, dropErr := db.ExecContext(context.WithoutCancel(ctx), "DROP TABLE "+scratch)
	if err := errors.Join(err, dropErr); err != nil {
		return defaultsAnswer{}, err
	}
	own, err := e.stored(ctx, db, quotedName(e, table))
	return defaultsAnswer{equal: equalTexts(own, kept)}, err
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

// equalDefaults takes it for an answer that the server refuses a default: it
// is none that the column can have.
func (e mysqlEngine) equalDefaults(ctx context.Context, db bun.IConn, table tableName, asked []*schema.Column) (defaultsAnswer, error) {
	scratch := quoted(e, scratchTable)
	if _, err := db.ExecContext(ctx, fmt.Sprintf("CREATE TEMPORARY TABLE %s LIKE %s", scratch, quotedName(e, table))); err != nil {
		if _, answered := errors.AsType[*mysqldriver.MySQLError](err); !answered {
			return defaultsAnswer{}, err
		}
		return defaultsAnswer{refused: "the server rewrites defaults, and it makes no temporary table to compare this one in: " + cause(err)}, nil
	}
	set := map[string]bool{}
	for _, column := range asked {
		_, err := db.ExecContext(ctx, fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET DEFAULT %s", scratch, quoted(e, column.Name), defaultSQL(column)))
		set[column.Name] = err == nil
	}
	kept, err := e.stored(ctx, db, scratch)
	_, dropErr := db.ExecContext(context.WithoutCancel(ctx), "DROP TEMPORARY TABLE "+scratch)
	if err := errors.Join(err, dropErr); err != nil {
		return defaultsAnswer{}, err
	}
	own, err := e.stored(ctx, db, quotedName(e, table))
	for column := range kept {
		if !set[column] {
			delete(kept, column)
		}
	}
	return defaultsAnswer{equal: equalTexts(own, kept)}, err
}

// The server quotes names by the connection's sql_mode.
var (
	reShownColumn   = regexp.MustCompile("^\\s*(?:`((?:[^`]|``)+)`|\"((?:[^\"]|\"\")+)\") (.*?),?$")
	reShownOnUpdate = regexp.MustCompile(`(?i) on update current_timestamp(\(\d?\))?`)
)

func (e mysqlEngine) stored(ctx context.Context, db bun.IConn, table string) (map[string]string, error) {
	text, err := e.shown(ctx, db, table)
	kept := shownColumns(text)
	for column, definition := range kept {
		kept[column] = reShownOnUpdate.ReplaceAllString(definition, "")
	}
	return kept, err
}

// shown is the statement that makes a table. SHOW COLUMNS shows the text
// 'uuid()' and the function uuid() alike; SHOW CREATE TABLE does not.
func (mysqlEngine) shown(ctx context.Context, db bun.IConn, table string) (string, error) {
	var name, text string
	err := db.QueryRowContext(ctx, "SHOW CREATE TABLE "+table).Scan(&name, &text)
	return text, err
}

// shownColumns are the definitions of columns in such a statement.
func shownColumns(statement string) map[string]string {
	columns := map[string]string{}
	for line := range strings.SplitSeq(statement, "\n") {
		if m := reShownColumn.FindStringSubmatch(line); m != nil {
			name := strings.ReplaceAll(m[1], "``", "`") + strings.ReplaceAll(m[2], `""`, `"`)
			columns[name] = m[3]
		}
	}
	return columns
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
