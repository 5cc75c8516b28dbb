package autogen

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// Inspect reads the tables of models from the database, in the form that [Realm]
// returns: with the same schemas, and without what the server added by itself. It
// leaves out missing tables, tables of no model, and tables that can't be read;
// [InspectModels] names the last. conn may be in a transaction.
func Inspect(ctx context.Context, conn bun.Conn, models ...any) (*schema.Realm, error) {
	found, err := InspectModels(ctx, conn, models...)
	return found.Realm, err
}

// InspectModels is [Inspect], but also names what could not be read.
func InspectModels(ctx context.Context, conn bun.Conn, models ...any) (Inspection, error) {
	e, want, err := wanted(conn, models)
	if err != nil {
		return Inspection{}, err
	}
	r, err := read(ctx, e, conn, namesOf(tablesOf(want)), want)
	return Inspection{Realm: r.live, LeftAlone: r.left}, err
}

// Inspection is the result of [InspectModels] or [InspectTables].
type Inspection struct {
	// Realm has the tables, by the conventions of [Realm].
	Realm *schema.Realm
	// LeftAlone names the tables and parts of tables that could not be read.
	LeftAlone []LeftAlone
	// Types are the statements that create the database's own types (PostgreSQL's
	// enums and domains). Only [InspectTables] sets it.
	Types []string
}

// WhyUnmanaged says why models can't express an index, in a sentence for
// [LeftAlone]. It returns "" if they can.
func WhyUnmanaged(engine dbmodule.Engine, index *schema.Index) string {
	e, err := engineOf(engine)
	if err != nil {
		return err.Error()
	}
	return e.whyUnmanaged(index)
}

// InspectTables reads the named tables, such as "books" or "audit.logs", with or
// without a model. Without names it reads all tables of the connection's default
// schema, except the tables of Alembic and of package migrate. It leaves out and
// names what can't be read. conn may be in a transaction.
func InspectTables(ctx context.Context, conn bun.Conn, tables ...string) (Inspection, error) {
	e, err := engineOfDialect(conn.Dialect())
	if err != nil {
		return Inspection{}, err
	}
	var names []tableName
	for _, table := range tables {
		names = append(names, pathOf(table))
	}
	if len(names) == 0 {
		if names, err = e.tables(ctx, conn); err != nil {
			return Inspection{}, err
		}
	}
	types, err := e.types(ctx, conn)
	if err != nil {
		return Inspection{}, err
	}
	r, err := read(ctx, e, conn, names)
	return Inspection{Realm: r.live, LeftAlone: r.left, Types: types}, err
}

// Diff returns the changes that make the models' tables in the database equal to
// the models, or none if they are equal. It examines no other tables. It leaves out
// what can't be read and what models can't express; the LeftAlone of [CompareLive]
// names both. Diff compares checks and conditions of indexes only by their names,
// since servers rewrite their text; [CompareLive] also finds changes of the text if
// it has a snapshot. conn may be in a transaction.
func Diff(ctx context.Context, conn bun.Conn, models ...any) ([]schema.Change, error) {
	e, want, err := wanted(conn, models)
	if err != nil {
		return nil, err
	}
	r, err := read(ctx, e, conn, namesOf(tablesOf(want)), want)
	if err != nil {
		return nil, err
	}
	if _, err := settle(e, r.driver, r, want, nil, models); err != nil {
		return nil, err
	}
	return changesBetween(e, r.driver, r.live, want)
}

// wanted returns the connection's engine, and the models as a realm.
func wanted(conn bun.Conn, models []any) (engine, *schema.Realm, error) {
	e, err := engineOfDialect(conn.Dialect())
	if err != nil {
		return nil, nil, err
	}
	want, err := convert(e, models)
	return e, want, err
}

// reading is the result of read.
type reading struct {
	driver migrate.Driver
	rows   *rowsKeeper
	live   *schema.Realm
	// left are the objects that could not be read.
	left      []LeftAlone
	hidden    []hiddenConstraint
	undecided []undecidedDefault
}

// read reads the named tables. Servers rewrite some texts of a definition; for these, read takes
// the text from the first reference that has the table. If a table can't be read, read adds it to
// left and reads the others.
func read(ctx context.Context, e engine, conn bun.Conn, names []tableName, references ...*schema.Realm) (reading, error) {
	// atlas gets the connection of database/sql: Bun's methods would not bind the $1 in atlas's
	// queries.
	rows := &rowsKeeper{ExecQuerier: conn.Conn}
	driver, err := e.open(rows)
	if err != nil {
		return reading{}, fmt.Errorf("autogen: inspect: %w", err)
	}
	r := reading{driver: driver, rows: rows, live: schema.NewRealm(schema.New(""))}
	found, err := r.locate(ctx, e, conn, names)
	if err != nil {
		return reading{}, err
	}
	actual := map[string]*schema.Schema{}
	for _, name := range schemasOf(found) {
		s, err := r.schema(ctx, conn, name, found)
		if err != nil {
			return reading{}, err
		}
		if s == nil {
			continue
		}
		actual[s.Name] = s
		// The default schema has the name "" here, whatever the database calls it.
		s.Name = name
		s.Attrs = nil
		r.live.Schemas = slices.DeleteFunc(r.live.Schemas, func(other *schema.Schema) bool { return other.Name == name })
		r.live.AddSchemas(s)
	}
	r.leaveUnread(found)
	more, err := e.complete(ctx, conn, tablesOf(r.live))
	if err != nil {
		return reading{}, err
	}
	r.left, r.hidden = append(r.left, more.left...), more.constraints
	removeTables(r.live, r.left)
	for wanted, actual := range found {
		respell(r.live, wanted, actual)
	}
	for _, table := range tablesOf(r.live) {
		linkKeys(table, actual)
		normalizeKeys(table)
		for _, reference := range references {
			if like, ok := tableAt(reference, nameOfTable(table)); ok {
				respellColumns(e, table, like)
				e.normalize(table, like)
				normalizeTexts(table, like)
				break
			}
		}
	}
	settleCollations(e, r.live, references)
	settleTypes(e, r.live, references)
	for _, reference := range references {
		if err := r.settleDefaults(ctx, e, conn, reference); err != nil {
			return reading{}, err
		}
	}
	return r, nil
}

// locate finds how the database spells the names. Views, and tables that the server
// hides from this user, are left alone and don't count as missing.
func (r *reading) locate(ctx context.Context, e engine, conn bun.Conn, names []tableName) (map[tableName]tableName, error) {
	if len(names) == 0 {
		return nil, nil
	}
	relations, err := e.find(ctx, conn, names)
	if err != nil {
		return nil, err
	}
	missing := slices.DeleteFunc(slices.Clone(names), func(name tableName) bool { _, ok := relations[name]; return ok })
	slices.SortFunc(missing, func(a, b tableName) int { return strings.Compare(a.String(), b.String()) })
	if missing = slices.Compact(missing); len(missing) > 0 {
		if r.left, err = e.hidden(ctx, conn, missing); err != nil {
			return nil, err
		}
	}
	found := map[tableName]tableName{}
	for name, relation := range relations {
		if !relation.isTable {
			r.left = append(r.left, leave(name, "", "it is a view or another program's table, which revisions do not change"))
			continue
		}
		found[name] = tableName{schema: name.schema, name: relation.tableName.name}
	}
	slices.SortFunc(r.left, func(a, b LeftAlone) int { return strings.Compare(a.Table, b.Table) })
	return found, nil
}

// leaveUnread leaves existing tables alone that were not read: the catalog does not
// show the columns of a table on which the user has no privilege.
func (r *reading) leaveUnread(found map[tableName]tableName) {
	for wanted, actual := range found {
		named := func(l LeftAlone) bool {
			return l.Object == "" && (l.Table == wanted.String() || l.Table == actual.String())
		}
		if _, ok := tableAt(r.live, actual); !ok && !slices.ContainsFunc(r.left, named) {
			r.left = append(r.left, leave(wanted, "", "this user has no privilege on it, so it can't be read"))
		}
	}
}

func schemasOf(found map[tableName]tableName) []string {
	var names []string
	for name := range found {
		names = append(names, name.schema)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// schema reads the tables of a schema: all at once, or one by one if that fails, so
// that it leaves out only those that can't be read. It returns nil if the schema does
// not exist.
func (r *reading) schema(ctx context.Context, conn bun.Conn, name string, found map[tableName]tableName) (*schema.Schema, error) {
	var tables []string
	for _, table := range found {
		if table.schema == name {
			tables = append(tables, table.name)
		}
	}
	slices.Sort(tables)
	tables = slices.Compact(tables)
	s, err := r.inspect(ctx, name, tables)
	if err == nil || schema.IsNotExistError(err) {
		return s, nil
	}
	whole := err
	if err := conn.PingContext(ctx); err != nil {
		return nil, fmt.Errorf("autogen: inspect: %w", errors.Join(whole, err))
	}
	for _, table := range tables {
		part, err := r.inspect(ctx, name, []string{table})
		if err != nil {
			if ctx.Err() != nil {
				return nil, fmt.Errorf("autogen: inspect: %w", err)
			}
			r.left = append(r.left, leave(tableName{name, table}, "", "it can't be read: "+cause(err)))
			continue
		}
		if s == nil {
			s = schema.New(part.Name)
		}
		s.AddTables(part.Tables...)
	}
	return s, nil
}

// inspect reads tables of one schema by atlas, and closes the rows that atlas left open.
func (r *reading) inspect(ctx context.Context, name string, tables []string) (*schema.Schema, error) {
	s, err := r.driver.InspectSchema(ctx, name, &schema.InspectOptions{Mode: schema.InspectSchemas | schema.InspectTables, Tables: tables})
	return s, errors.Join(err, r.rows.close())
}

// respell gives a table the models' spelling of its name if only the case differs.
func respell(live *schema.Realm, wanted, actual tableName) {
	if table, ok := tableAt(live, actual); ok && wanted != actual {
		table.Name = wanted.name
	}
}

// respellColumns does the same for columns, on engines that ignore the case of names.
func respellColumns(e engine, live, like *schema.Table) {
	if e.name() == dbmodule.PostgreSQL {
		return
	}
	for _, column := range live.Columns {
		if _, same := like.Column(column.Name); same {
			continue
		}
		for _, wanted := range like.Columns {
			if _, taken := live.Column(wanted.Name); !taken && strings.EqualFold(wanted.Name, column.Name) {
				column.Name = wanted.Name
			}
		}
	}
}

// linkKeys makes foreign keys to other schemas refer to the tables that were read
// from there. actual has the schemas by their names in the database.
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

// normalizeKeys removes the default action of foreign keys.
func normalizeKeys(table *schema.Table) {
	for _, key := range table.ForeignKeys {
		for _, rule := range []*schema.ReferenceOption{&key.OnUpdate, &key.OnDelete} {
			if *rule == schema.NoAction {
				*rule = ""
			}
		}
	}
}

// normalizeTexts replaces the texts of checks and of conditions of indexes, which
// servers rewrite, by the reference's texts with the same name. A name that was made
// here contains a hash of the text, so a changed text has another name.
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
