package autogen

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/schema"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/internal/conntx"
)

// Tables creates and drops the tables of models. It has no state. It is safe for
// concurrent use, also by several processes on one database.
type Tables struct{}

var _ dbmodule.TableManager = Tables{}

// NewTables returns a [Tables], for dbmodule.WithTables.
func NewTables() Tables { return Tables{} }

// Create creates the missing tables of models, with their columns, keys, indexes,
// checks and comments. It returns their names in the order of creation. Like
// SQLAlchemy's create_all it never alters existing tables and views, even if they
// differ from the models: use migrations for that.
//
// On SQLite and PostgreSQL it creates all tables or none. On MySQL, where DDL is
// not transactional, it creates each table completely or not at all. If it fails
// there, it returns the created tables together with the error, and another call
// creates the others. Processes that create tables at the same time wait for one
// another. On PostgreSQL Create also creates the schemas that models name.
//
// conn must be in no transaction.
func (Tables) Create(ctx context.Context, conn bun.Conn, models []any) (created []string, err error) {
	e, err := engineOfDialect(conn.Dialect())
	if err != nil {
		return nil, err
	}
	realm, err := convert(e, models)
	if err != nil {
		return nil, err
	}
	tables := tablesOf(realm)
	// At most starts no table is missing, and no lock is needed.
	if missing, err := missingTables(ctx, e, conn, tables); err != nil || len(missing) == 0 {
		return nil, err
	}
	err = createUnenforced(ctx, e, conn, tables, func() error {
		return e.exclusive(ctx, conn, func(db bun.IConn) error {
			created, err = createMissing(ctx, e, db, tables)
			return err
		})
	})
	if err != nil && e.name() != dbmodule.MySQL {
		created = nil
	}
	return created, err
}

// createUnenforced turns off the enforcement of foreign keys if tables form a cycle that
// can't be created otherwise.
func createUnenforced(ctx context.Context, e engine, conn bun.Conn, tables []*schema.Table, fn func() error) error {
	possible, enforced := e.forwardReferences()
	cyclic := slices.ContainsFunc(createOrder(tables), func(c creation) bool { return len(c.later) > 0 })
	if possible && !enforced && cyclic {
		return e.unenforced(ctx, conn, fn)
	}
	return fn()
}

// createMissing creates the tables that are missing, and returns their names.
func createMissing(ctx context.Context, e engine, db bun.IConn, tables []*schema.Table) ([]string, error) {
	tables, err := missingTables(ctx, e, db, tables)
	if err != nil || len(tables) == 0 {
		return nil, err
	}
	if err := e.prepare(ctx, db, namesOf(tables)); err != nil {
		return nil, err
	}
	forward, _ := e.forwardReferences()
	statements, err := planTables(ctx, e, createOrder(tables), forward)
	if err != nil {
		return nil, err
	}
	var created []string
	for _, s := range statements {
		if _, err := db.ExecContext(ctx, s.sql); err != nil {
			return created, fmt.Errorf("autogen: create table %s: %w", s.table, err)
		}
		if s.last {
			created = append(created, s.table.String())
		}
	}
	return created, nil
}

// Drop drops the existing tables of models, with all their rows, and returns their
// names in the order in which it dropped them. It drops no views, no schemas and no
// other tables, even if their names are similar. If a table of no model has a
// foreign key to one of these tables, Drop drops nothing and returns an error that
// names the foreign key.
//
// On SQLite and PostgreSQL it drops all tables or none. On MySQL, if it fails, it
// returns the dropped tables together with the error. Processes that create or drop
// tables at the same time wait for one another.
//
// conn must be in no transaction.
func (Tables) Drop(ctx context.Context, conn bun.Conn, models []any) (dropped []string, err error) {
	e, err := engineOfDialect(conn.Dialect())
	if err != nil {
		return nil, err
	}
	tables, err := tableNames(e, conn.Dialect(), models)
	if err != nil {
		return nil, err
	}
	if found, err := findTables(ctx, e, conn, tables); err != nil || len(found) == 0 {
		return nil, err
	}
	err = e.unenforced(ctx, conn, func() error {
		return e.exclusive(ctx, conn, func(db bun.IConn) error {
			dropped, err = dropFound(ctx, e, db, tables)
			return err
		})
	})
	if err != nil && e.name() != dbmodule.MySQL {
		dropped = nil
	}
	return dropped, err
}

// dropFound drops the tables that exist, unless other tables refer to them, and returns their
// names.
func dropFound(ctx context.Context, e engine, db bun.IConn, names []tableName) ([]string, error) {
	found, err := findTables(ctx, e, db, names)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	tables := make([]relation, 0, len(found))
	shown := map[tableName]string{}
	for name, table := range found {
		tables = append(tables, table)
		shown[table.tableName] = name.String()
	}
	references, err := e.references(ctx, db, tables)
	if err != nil {
		return nil, err
	}
	var strangers []string
	for _, r := range references {
		if _, ours := shown[r.child]; !ours {
			strangers = append(strangers, fmt.Sprintf("table %s refers to %s", r.child, shown[r.parent]))
		}
	}
	if len(strangers) > 0 {
		slices.Sort(strangers)
		return nil, fmt.Errorf("autogen: drop tables: %s: no model has that table, so nothing was dropped",
			strings.Join(slices.Compact(strangers), ", "))
	}
	tables = dropOrder(tables, references)
	statements := e.dropStatements(tables)
	var dropped []string
	for i, s := range statements {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return dropped, fmt.Errorf("autogen: drop tables: %w", err)
		}
		if len(statements) == len(tables) {
			dropped = append(dropped, shown[tables[i].tableName])
		}
	}
	if len(dropped) == 0 {
		for _, table := range tables {
			dropped = append(dropped, shown[table.tableName])
		}
	}
	return dropped, nil
}

// Missing returns the sorted names of the models' tables that do not exist. It
// sends one query to the catalog. A view counts as a table.
func (Tables) Missing(ctx context.Context, db bun.IDB, models []any) ([]string, error) {
	e, err := engineOfDialect(db.Dialect())
	if err != nil {
		return nil, err
	}
	names, err := tableNames(e, db.Dialect(), models)
	if err != nil || len(names) == 0 {
		return nil, err
	}
	found, err := e.find(ctx, db, names)
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, name := range names {
		if _, ok := found[name]; !ok {
			missing = append(missing, name.String())
		}
	}
	return missing, nil
}

// missingTables returns the tables that do not exist. A view counts as a table.
func missingTables(ctx context.Context, e engine, db bun.IConn, tables []*schema.Table) ([]*schema.Table, error) {
	if len(tables) == 0 {
		return nil, nil
	}
	found, err := e.find(ctx, db, namesOf(tables))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(tables), func(t *schema.Table) bool {
		_, ok := found[nameOfTable(t)]
		return ok
	}), nil
}

// findTables returns the tables that exist, without views.
func findTables(ctx context.Context, e engine, db bun.IConn, names []tableName) (map[tableName]relation, error) {
	if len(names) == 0 {
		return nil, nil
	}
	found, err := e.find(ctx, db, names)
	for name, relation := range found {
		if !relation.isTable {
			delete(found, name)
		}
	}
	return found, err
}

// catalogReferences reads the foreign keys that refer to one of the tables. The statement's
// parameter is a list of tables' names without their schemas. It selects the constraint's name,
// the schema and table that have it, and the schema and table that it refers to.
func catalogReferences(ctx context.Context, db bun.IConn, tables []relation, statement string) ([]reference, error) {
	ours := map[tableName]bool{}
	var names []string
	for _, table := range tables {
		ours[table.tableName] = true
		names = append(names, table.name)
	}
	var references []reference
	rows := query(ctx, db, statement, bun.List(names))
	var r reference
	for rows.next(&r.constraint, &r.child.schema, &r.child.name, &r.parent.schema, &r.parent.name) {
		if ours[r.parent] {
			references = append(references, r)
		}
	}
	return references, rows.err("look for foreign keys")
}

func tablesOf(realm *schema.Realm) []*schema.Table {
	var tables []*schema.Table
	for _, s := range realm.Schemas {
		tables = append(tables, s.Tables...)
	}
	return tables
}

func namesOf(tables []*schema.Table) []tableName {
	names := make([]tableName, len(tables))
	for i, table := range tables {
		names[i] = nameOfTable(table)
	}
	return names
}

// baseNames returns the names without their schemas, for a catalog query.
func baseNames(tables []tableName) []string {
	names := make([]string, len(tables))
	for i, table := range tables {
		names[i] = table.name
	}
	return names
}

// inTx runs fn in a transaction. It commits if fn returns nil, and rolls back otherwise.
func inTx(ctx context.Context, conn bun.Conn, opts *sql.TxOptions, fn func(tx bun.Tx) error) error {
	tx, err := conntx.Begin(ctx, conn, opts)
	if err != nil {
		return fmt.Errorf("autogen: begin: %w", err)
	}
	var failed error
	err = tx.Run(func(tx bun.Tx) error {
		failed = fn(tx)
		return failed
	})
	if err != nil && failed == nil { // COMMIT failed; the errors of fn have their prefix
		return fmt.Errorf("autogen: %w", err)
	}
	return err
}
