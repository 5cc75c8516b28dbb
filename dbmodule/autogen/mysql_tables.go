package autogen

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"
)

// tablesLock is the lock for creating and dropping tables in the connection's
// database. Lock names are shared by the whole server and have at most 64 characters.
const tablesLock = "CONCAT('dbmodule.tables.', SHA1(DATABASE()))"

// lockPoll is how long one attempt to get the lock lasts, in seconds: short,
// so that no read timeout of the connection ends it.
const lockPoll = 1

func (mysqlEngine) exclusive(ctx context.Context, conn bun.Conn, fn func(bun.IConn) error) (err error) {
	for got := 0; got != 1; {
		var answer *int
		if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK("+tablesLock+", ?)", lockPoll).Scan(&answer); err != nil {
			return fmt.Errorf("autogen: wait for the lock on tables: %w", err)
		}
		if answer == nil {
			return errors.New("autogen: wait for the lock on tables: the server refused it: is a database selected?")
		}
		got = *answer
		if err := ctx.Err(); err != nil && got != 1 {
			return fmt.Errorf("autogen: wait for the lock on tables: %w", err)
		}
	}
	defer func() {
		if _, releaseErr := conn.ExecContext(context.WithoutCancel(ctx), "DO RELEASE_LOCK("+tablesLock+")"); releaseErr != nil {
			err = errors.Join(err, fmt.Errorf("autogen: release the lock on tables: %w", releaseErr), discard(conn))
		}
	}()
	return fn(conn)
}

func (mysqlEngine) unenforced(ctx context.Context, conn bun.Conn, fn func() error) error {
	return withoutForeignKeys(ctx, conn, "SELECT @@SESSION.foreign_key_checks", "SET SESSION foreign_key_checks = 0", "SET SESSION foreign_key_checks = 1", fn)
}

func (mysqlEngine) prepare(context.Context, bun.IConn, []tableName) error { return nil }

func (mysqlEngine) find(ctx context.Context, db bun.IConn, tables []tableName) (map[tableName]relation, error) {
	var schemas []string
	for _, table := range tables {
		if table.schema != "" && !slices.Contains(schemas, table.schema) {
			schemas = append(schemas, table.schema)
		}
	}
	type row struct {
		relation
		isDefault bool
	}
	var all []row
	rows := query(ctx, db, `SELECT table_schema, table_name, table_type = 'BASE TABLE', table_schema = DATABASE(), @@lower_case_table_names
FROM information_schema.tables
WHERE (table_schema = DATABASE() OR table_schema IN (?)) AND table_name IN (?)`, bun.List(schemas), bun.List(baseNames(tables)))
	var r row
	var folding int
	for rows.next(&r.schema, &r.tableName.name, &r.isTable, &r.isDefault, &folding) {
		all = append(all, r)
	}
	same := func(a, b string) bool { return a == b || folding != 0 && strings.EqualFold(a, b) }
	found := map[tableName]relation{}
	for _, table := range tables {
		for _, r := range all {
			inSchema := same(r.schema, table.schema) || table.schema == "" && r.isDefault
			if inSchema && same(r.tableName.name, table.name) {
				found[table] = r.relation
			}
		}
	}
	return found, rows.err("look for tables")
}

func (mysqlEngine) references(ctx context.Context, db bun.IConn, tables []relation) ([]reference, error) {
	return catalogReferences(ctx, db, tables, `SELECT constraint_name, constraint_schema, table_name, unique_constraint_schema, referenced_table_name
FROM information_schema.referential_constraints WHERE referenced_table_name IN (?)`)
}

func (mysqlEngine) dropStatements(tables []relation) []string {
	statements := make([]string, len(tables))
	for i, table := range tables {
		statements[i] = "DROP TABLE " + quoteIdent(table.schema, '`') + "." + quoteIdent(table.name, '`')
	}
	return statements
}
