package autogen

import (
	"context"
	"fmt"
	"slices"

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
	_, live, err := inspect(ctx, e, conn, namesOf(tablesOf(want)), want)
	return live, err
}

// Diff returns the changes that turn the models' tables in the database into
// what the models say: none if the two agree. It looks at no other tables.
// Checks and conditions of indexes are compared by their names, since servers
// rewrite their text; [CompareLive] does better with a snapshot. conn may be
// in a transaction.
func Diff(ctx context.Context, conn bun.Conn, models ...any) ([]schema.Change, error) {
	e, want, err := wanted(conn, models)
	if err != nil {
		return nil, err
	}
	driver, live, err := inspect(ctx, e, conn, namesOf(tablesOf(want)), want)
	if err != nil {
		return nil, err
	}
	return changesBetween(e, driver, live, want)
}

func wanted(conn bun.Conn, models []any) (engine, *schema.Realm, error) {
	e, err := engineOfDialect(conn.Dialect())
	if err != nil {
		return nil, nil, err
	}
	want, err := convert(e, models)
	return e, want, err
}

// inspect reads the named tables. What servers write differently it takes
// from the first of the references that has the table.
func inspect(ctx context.Context, e engine, conn bun.Conn, names []tableName, references ...*schema.Realm) (migrate.Driver, *schema.Realm, error) {
	// Bun's own methods would take the $1 in atlas's queries for text.
	driver, err := e.open(conn.Conn)
	if err != nil {
		return nil, nil, fmt.Errorf("autogen: inspect: %w", err)
	}
	live := schema.NewRealm(schema.New(""))
	actual := map[string]*schema.Schema{}
	for _, name := range schemaNames(append(references, live)...) {
		opts := &schema.InspectOptions{Mode: schema.InspectSchemas | schema.InspectTables}
		for _, table := range names {
			if table.schema == name {
				opts.Tables = append(opts.Tables, table.name)
			}
		}
		if len(opts.Tables) == 0 {
			continue
		}
		s, err := driver.InspectSchema(ctx, name, opts)
		if schema.IsNotExistError(err) {
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("autogen: inspect: %w", err)
		}
		actual[s.Name] = s
		// The default schema's real name is the connection's affair.
		s.Name = name
		s.Attrs = nil
		live.Schemas = slices.DeleteFunc(live.Schemas, func(other *schema.Schema) bool { return other.Name == name })
		live.AddSchemas(s)
	}
	for _, table := range tablesOf(live) {
		linkKeys(table, actual)
		normalizeKeys(table)
		for _, reference := range references {
			if like, ok := tableAt(reference, nameOfTable(table)); ok {
				e.normalize(table, like)
				normalizeTexts(table, like)
				break
			}
		}
	}
	settleCollations(e, live, references)
	settleTypes(e, live, references)
	for _, reference := range references {
		if err := settleDefaults(ctx, e, conn, live, reference); err != nil {
			return nil, nil, err
		}
	}
	return driver, live, nil
}

// linkKeys makes foreign keys into other schemas lead to the tables that were
// read from there. actual has the schemas by their names in the database.
func linkKeys(table *schema.Table, actual map[string]*schema.Schema) {
	for _, key := range table.ForeignKeys {
		if key.RefTable == nil || key.RefTable.Schema == nil {
			continue
		}
		s, ok := actual[key.RefTable.Schema.Name]
		if !ok {
			continue
		}
		parent, ok := s.Table(key.RefTable.Name)
		if !ok || parent == key.RefTable {
			continue
		}
		key.RefTable = parent
		for i, column := range key.RefColumns {
			if c, ok := parent.Column(column.Name); ok {
				key.RefColumns[i] = c
			}
		}
	}
}

// normalizeKeys leaves the default action of foreign keys out.
func normalizeKeys(table *schema.Table) {
	for _, key := range table.ForeignKeys {
		for _, rule := range []*schema.ReferenceOption{&key.OnUpdate, &key.OnDelete} {
			if *rule == schema.NoAction {
				*rule = ""
			}
		}
	}
}

// normalizeTexts puts the texts of checks and of conditions of indexes, which
// servers rewrite, back as the reference has them: they are told apart by
// name. Those that the models' author didn't name have a hash of it in theirs.
func normalizeTexts(live, like *schema.Table) {
	for _, attr := range live.Attrs {
		check, ok := attr.(*schema.Check)
		if !ok {
			continue
		}
		for _, known := range checksOf(like) {
			if known.Name == check.Name {
				check.Expr = known.Expr
			}
		}
	}
	for _, index := range live.Indexes {
		known, ok := like.Index(index.Name)
		if !ok {
			continue
		}
		text, knownText := predicateText(index), predicateText(known)
		if text != nil && knownText != nil {
			*text = *knownText
		}
	}
}

func checksOf(table *schema.Table) []*schema.Check {
	var checks []*schema.Check
	for _, attr := range table.Attrs {
		if check, ok := attr.(*schema.Check); ok {
			checks = append(checks, check)
		}
	}
	return checks
}
