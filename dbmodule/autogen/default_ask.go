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

// scratchTable is a temporary table of the connection. It has the columns of the
// table whose defaults are compared.
const scratchTable = "dbmodule_scratch"

// settleDefaults replaces a default of an inspected table by the reference's default
// if the two mean the same. Servers rewrite expressions: MariaDB stores lower('A') as
// lcase('A'), and PostgreSQL stores '{"a":1}' as '{"a": 1}'::jsonb. No list of such
// rules is complete. So a temporary table gets the reference's defaults, and what the
// server stores for them is compared with what it stores for the table.
//
// If the server can't create a temporary table, only the texts are compared. If they don't show
// whether the defaults are equal, the column is added to r.undecided.
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
				r.undecided = append(r.undecided, undecidedDefault{nameOfTable(table), column.Name, answer.refused})
			}
		}
	}
	return nil
}

// unlikeDefaults returns the columns of the reference whose default has another text than the
// table's default. It replaces a default with an equal text by the reference's.
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

// undecidedDefault is a default of which it is unknown whether it equals the model's.
type undecidedDefault struct {
	table  tableName
	column string
	reason string
}

// defaultsAnswer says which defaults are equal. refused is empty, or the reason why
// the server could not compare them, as for a [LeftAlone].
type defaultsAnswer struct {
	equal   map[string]bool
	refused string
}

// equalDefaults finds no equal defaults: SQLite stores the text of a default
// unchanged, so texts that differ are different defaults.
func (sqliteEngine) equalDefaults(context.Context, bun.IConn, tableName, []*schema.Column) (defaultsAnswer, error) {
	return defaultsAnswer{}, nil
}

// storedDefaults is the query for a table's defaults as PostgreSQL stores them.
const storedDefaults = `SELECT a.attname, pg_get_expr(d.adbin, d.adrelid)
FROM pg_attrdef AS d JOIN pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
WHERE d.adrelid = to_regclass(?)`

// equalDefaults runs each statement in a block of PL/pgSQL that catches errors. So an
// error ends neither the connection's transaction nor the comparison.
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
		return defaultsAnswer{refused: "the server rewrites defaults, and this one could not be compared, because the server creates no temporary table: the user lacks the privilege TEMPORARY, or the server is read-only"}, nil
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

// stored returns the defaults of a table, by column, as the server stores them.
func (postgresEngine) stored(ctx context.Context, db bun.IConn, table string) (map[string]string, error) {
	kept := map[string]string{}
	rows := query(ctx, db, storedDefaults, table)
	var column, text string
	for rows.next(&column, &text) {
		kept[column] = text
	}
	return kept, rows.err("read the defaults of " + table)
}

// equalDefaults treats a default that the server refuses as different: the column
// can't have it.
func (e mysqlEngine) equalDefaults(ctx context.Context, db bun.IConn, table tableName, asked []*schema.Column) (defaultsAnswer, error) {
	scratch := quoted(e, scratchTable)
	if _, err := db.ExecContext(ctx, fmt.Sprintf("CREATE TEMPORARY TABLE %s LIKE %s", scratch, quotedName(e, table))); err != nil {
		if _, answered := errors.AsType[*mysqldriver.MySQLError](err); !answered {
			return defaultsAnswer{}, err
		}
		return defaultsAnswer{refused: "the server rewrites defaults, and this one could not be compared, because the server creates no temporary table: " + cause(err)}, nil
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

// The server writes names in backticks or in double quotes, depending on the connection's sql_mode.
var (
	reShownColumn   = regexp.MustCompile("^\\s*(?:`((?:[^`]|``)+)`|\"((?:[^\"]|\"\")+)\") (.*?),?$")
	reShownOnUpdate = regexp.MustCompile(`(?i) on update current_timestamp(\(\d?\))?`)
)

// stored returns the definitions of a table's columns as the server stores them, without ON UPDATE.
func (e mysqlEngine) stored(ctx context.Context, db bun.IConn, table string) (map[string]string, error) {
	text, err := e.shown(ctx, db, table)
	kept := shownColumns(text)
	for column, definition := range kept {
		kept[column] = reShownOnUpdate.ReplaceAllString(definition, "")
	}
	return kept, err
}

// shown returns the CREATE TABLE statement of a table. SHOW COLUMNS would show the
// text 'uuid()' and the function uuid() alike.
func (mysqlEngine) shown(ctx context.Context, db bun.IConn, table string) (string, error) {
	var name, text string
	err := db.QueryRowContext(ctx, "SHOW CREATE TABLE "+table).Scan(&name, &text)
	return text, err
}

// shownColumns returns the definitions of the columns in a CREATE TABLE statement.
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

// equalTexts reports for each name in a whether b has the same text.
func equalTexts(a, b map[string]string) map[string]bool {
	equal := map[string]bool{}
	for name, text := range a {
		other, ok := b[name]
		equal[name] = ok && other == text
	}
	return equal
}
