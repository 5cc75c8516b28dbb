package migrate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
)

// fingerprint returns a hash of the part of the schema that a statement can change. If the
// hashes before and after the statement differ, the statement took effect. For DDL on tables and
// views it covers those that the statement names. For other statements it covers all tables,
// views, triggers, routines and events. If the server refuses to show one, the hash includes the
// code of that error.
func (d *mysqlDialect) fingerprint(ctx context.Context, statement string) (string, error) {
	tables, programs, err := d.affected(ctx, statement)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, table := range tables {
		if err := d.digest(ctx, sum, "SHOW CREATE TABLE ?.?", bun.Ident(d.run.ledger.schema), bun.Ident(table)); err != nil {
			return "", err
		}
	}
	if programs {
		for _, query := range []string{
			"SELECT trigger_name, event_object_table, action_timing, event_manipulation, action_statement FROM information_schema.triggers WHERE trigger_schema = ? ORDER BY 1",
			"SELECT routine_name, routine_type, routine_definition FROM information_schema.routines WHERE routine_schema = ? ORDER BY 1, 2",
			"SELECT event_name, event_definition FROM information_schema.events WHERE event_schema = ? ORDER BY 1",
			"SELECT default_character_set_name, default_collation_name FROM information_schema.schemata WHERE schema_name = ?",
		} {
			if err := d.digest(ctx, sum, query, d.run.ledger.schema); err != nil {
				return "", err
			}
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:12]), nil
}

// firstNames is how many tokens of a CREATE or ALTER are read for the names of tables and views.
const firstNames = 12

// affected returns the tables and views that a statement may change, and whether it may also
// change triggers, routines, events or the database's defaults. It may return words that name no
// table.
func (d *mysqlDialect) affected(ctx context.Context, statement string) (tables []string, programs bool, err error) {
	tokens := sqlscan.MySQL.First(statement, firstNames)
	kinds := 0
	for _, token := range tokens {
		if token.Is("TABLE", "TABLES", "VIEW", "INDEX") {
			kinds++
		}
	}
	if kinds == 0 || !tokens[0].Is("CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE") {
		table := d.run.m.table
		err = d.run.recordConn().NewRaw("SELECT table_name FROM information_schema.tables WHERE table_schema = ? AND table_name NOT IN (?, ?, ?) ORDER BY table_name",
			d.run.ledger.schema, table.name(), table.history(), table.lease()).Scan(ctx, &tables)
		if err != nil {
			return nil, false, fmt.Errorf("list tables: %w", err)
		}
		return tables, true, nil
	}
	if tokens[0].Is("DROP", "RENAME") {
		tokens = sqlscan.MySQL.Tokens(statement)
	}
	for _, token := range tokens {
		if token.Kind == sqlscan.Name {
			tables = append(tables, strings.ReplaceAll(token.Text[1:len(token.Text)-1], "``", "`"))
		}
		if token.Kind == sqlscan.Word && !token.Is("CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE", "TABLE", "VIEW", "INDEX", "IF", "NOT", "EXISTS", "TO", "ON") {
			tables = append(tables, token.Text)
		}
	}
	return tables, false, nil
}

// reAutoIncrement matches the counter in SHOW CREATE TABLE, which changes with rows.
var reAutoIncrement = regexp.MustCompile(` AUTO_INCREMENT=\d+`)

// digest adds the result of a query to sum. If the server refuses the query, it adds the code of
// the error.
func (d *mysqlDialect) digest(ctx context.Context, sum io.Writer, query string, args ...any) error {
	var rows []map[string]any
	err := d.run.recordConn().NewRaw(query, args...).Scan(ctx, &rows)
	if isDefinite(err) {
		_, err = io.WriteString(sum, codeOf(err)+";")
	}
	if err != nil {
		return fmt.Errorf("describe the schema: %w", err)
	}
	for _, row := range rows {
		if _, err := sum.Write(reAutoIncrement.ReplaceAll(fmt.Append(nil, row), nil)); err != nil { // maps print sorted
			return err
		}
	}
	return nil
}
