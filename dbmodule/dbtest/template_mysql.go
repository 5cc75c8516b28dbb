package dbtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// buildMySQL builds a database and reads from it the statements that create a copy:
// MySQL and MariaDB can't copy a database.
func buildMySQL(ctx context.Context, tpl *template, s *schema, name string) (err error) {
	adminURL := tpl.source.rawURL
	if err := administer(ctx, adminURL, createDatabase(dbmodule.MySQL, name)); err != nil {
		return fmt.Errorf("create template: %w", err)
	}
	defer func() { err = errors.Join(err, dropDatabase(ctx, dbmodule.MySQL, adminURL, name)) }()
	rawURL := withDatabase(adminURL, name)
	if err := s.build(ctx, rawURL); err != nil {
		return err
	}
	db, err := openAdmin(ctx, rawURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if tpl.whole, err = onlyTables(ctx, db.DB()); err != nil || !tpl.whole {
		return err
	}
	tpl.script, err = dumpTables(ctx, db.DB())
	return err
}

// onlyTables reports whether the database has only objects that dumpTables can dump.
func onlyTables(ctx context.Context, db *bun.DB) (bool, error) {
	var others int
	err := db.NewRaw(`SELECT
		(SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type <> 'BASE TABLE') +
		(SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema = DATABASE()) +
		(SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE()) +
		(SELECT COUNT(*) FROM information_schema.events WHERE event_schema = DATABASE())`).Scan(ctx, &others)
	return others == 0, err
}

func dumpTables(ctx context.Context, db *bun.DB) ([]string, error) {
	var tables []string
	if err := db.NewRaw("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name").Scan(ctx, &tables); err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	var creates, inserts []string
	for _, table := range tables {
		var name, create string
		if err := db.NewRaw("SHOW CREATE TABLE ?", bun.Ident(table)).Scan(ctx, &name, &create); err != nil {
			return nil, fmt.Errorf("read table %s: %w", table, err)
		}
		rows, err := dumpRows(ctx, db, table)
		if err != nil {
			return nil, fmt.Errorf("read rows of %s: %w", table, err)
		}
		creates, inserts = append(creates, create), append(inserts, rows...)
	}
	return slices.Concat(creates, inserts), nil
}

// rowsAtOnce is the maximum number of rows in one INSERT.
const rowsAtOnce = 100

// dumpRows returns INSERT statements with the rows of a table, whose values the
// server itself writes as literals.
func dumpRows(ctx context.Context, db *bun.DB, table string) ([]string, error) {
	var columns []struct{ Name, Type string }
	err := db.NewRaw(`SELECT column_name AS name, data_type AS type FROM information_schema.columns
		WHERE table_schema = DATABASE() AND table_name = ? AND COALESCE(generation_expression, '') = ''
		ORDER BY ordinal_position`, table).Scan(ctx, &columns)
	if err != nil {
		return nil, err
	}
	var names, literals []string
	for _, column := range columns {
		names = append(names, "`"+strings.ReplaceAll(column.Name, "`", "``")+"`")
		literals = append(literals, literal(names[len(names)-1], column.Type))
	}
	var rows []string
	if err := db.NewRaw("SELECT CONCAT_WS(',', "+strings.Join(literals, ", ")+") FROM ?", bun.Ident(table)).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	into := "INSERT INTO `" + strings.ReplaceAll(table, "`", "``") + "` (" + strings.Join(names, ", ") + ") VALUES "
	var inserts []string
	for chunk := range slices.Chunk(rows, rowsAtOnce) {
		inserts = append(inserts, into+"("+strings.Join(chunk, "), (")+")")
	}
	return inserts, nil
}

// literal returns an expression whose result is the column's value as a SQL literal.
func literal(column, dataType string) string {
	switch strings.ToLower(dataType) {
	case "bit":
		return "COALESCE(CONCAT('b''', BIN(" + column + "), ''''), 'NULL')"
	case "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "geometry":
		return "COALESCE(CONCAT('x''', HEX(" + column + "), ''''), 'NULL')"
	}
	return "QUOTE(" + column + ")"
}

func copyMySQL(t testing.TB, tpl *template, s *schema, name string) string {
	t.Helper()
	rawURL := freshDatabase(t, dbmodule.MySQL, tpl.source.rawURL, name)
	ctx, cancel := context.WithTimeout(t.Context(), buildLimit)
	defer cancel()
	fill := func(ctx context.Context, rawURL string) error { return replay(ctx, rawURL, tpl.script) }
	if !tpl.whole {
		fill = s.build
	}
	if err := fill(ctx, rawURL); err != nil {
		t.Fatalf("dbtest: copy template: %v", err)
	}
	return rawURL
}

// replay runs the statements on one connection, with settings that let a table refer to a later
// one, and let a generated id be 0.
func replay(ctx context.Context, rawURL string, script []string) (err error) {
	db, err := openAdmin(ctx, rawURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.DB().Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	settings := "SET foreign_key_checks = 0, unique_checks = 0, sql_mode = CONCAT(@@sql_mode, ',NO_AUTO_VALUE_ON_ZERO')"
	for _, statement := range append([]string{settings}, script...) {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
