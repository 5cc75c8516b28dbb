package autogen

import (
	"context"
	"fmt"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"
	"github.com/uptrace/bun"
)

// Inspect reads the tables of models from the database, as [Realm] would have
// made them: same schemas, and without what the server added by itself.
// Tables that are missing are left out, and so are all others. conn may be in
// a transaction.
func Inspect(ctx context.Context, conn bun.Conn, models ...any) (*schema.Realm, error) {
	e, want, err := wanted(conn, models)
	if err != nil {
		return nil, err
	}
	_, live, err := inspect(ctx, e, conn, want)
	return live, err
}

// Diff returns the changes that turn the models' tables in the database into
// what the models say: none if the two agree. It looks at no other tables.
// Checks and conditions of indexes are compared by their names, since servers
// rewrite their text. conn may be in a transaction.
func Diff(ctx context.Context, conn bun.Conn, models ...any) ([]schema.Change, error) {
	e, want, err := wanted(conn, models)
	if err != nil {
		return nil, err
	}
	driver, live, err := inspect(ctx, e, conn, want)
	if err != nil {
		return nil, err
	}
	var changes []schema.Change
	for _, to := range want.Schemas {
		from, ok := live.Schema(to.Name)
		if !ok {
			from = schema.New(to.Name)
		}
		change, err := driver.SchemaDiff(from, to)
		if err != nil {
			return nil, fmt.Errorf("autogen: compare tables: %w", err)
		}
		changes = append(changes, change...)
	}
	return changes, nil
}

func wanted(conn bun.Conn, models []any) (engine, *schema.Realm, error) {
	e, err := engineOfDialect(conn.Dialect())
	if err != nil {
		return nil, nil, err
	}
	want, err := convert(e, models)
	return e, want, err
}

func inspect(ctx context.Context, e engine, conn bun.Conn, want *schema.Realm) (migrate.Driver, *schema.Realm, error) {
	// Bun's own methods would take the $1 in atlas's queries for text.
	driver, err := e.open(conn.Conn)
	if err != nil {
		return nil, nil, fmt.Errorf("autogen: inspect: %w", err)
	}
	live := schema.NewRealm()
	for _, w := range want.Schemas {
		if len(w.Tables) == 0 {
			live.AddSchemas(schema.New(w.Name))
			continue
		}
		opts := &schema.InspectOptions{Mode: schema.InspectSchemas | schema.InspectTables}
		for _, table := range w.Tables {
			opts.Tables = append(opts.Tables, table.Name)
		}
		s, err := driver.InspectSchema(ctx, w.Name, opts)
		if schema.IsNotExistError(err) {
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("autogen: inspect: %w", err)
		}
		// The default schema's real name is the connection's affair.
		s.Name = w.Name
		s.Attrs = nil
		for _, table := range s.Tables {
			if wantTable, ok := w.Table(table.Name); ok {
				e.normalize(table, wantTable)
			}
		}
		live.AddSchemas(s)
	}
	return driver, live, nil
}
