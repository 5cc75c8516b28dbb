package autogen

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ariga.io/atlas/sql/schema"
	bunschema "github.com/uptrace/bun/schema"

	"github.com/openhands-go/server/dbmodule"
)

// Realm converts models into the schemas that contain their tables on the engine.
// It needs no database. The first schema is always the connection's default
// schema, with the name ""; then come the schemas that models name. Tables, and
// their indexes and constraints, are sorted by name; columns have the order of the
// struct's fields.
//
// Models are pointers to structs, which may be nil. An error names the model and
// the column or relation that can't be converted.
func Realm(name dbmodule.Engine, models ...any) (*schema.Realm, error) {
	e, err := engineOf(name)
	if err != nil {
		return nil, err
	}
	return convert(e, models)
}

func convert(e engine, models []any) (*schema.Realm, error) {
	types, err := structTypes(models)
	if err != nil {
		return nil, err
	}
	// A new dialect: the connection's dialect is shared, and may have registered only
	// some of these models.
	tables, err := bunTables(e.newDialect(), types)
	if err != nil {
		return nil, err
	}
	c := converter{
		engine:  e,
		realm:   schema.NewRealm(schema.New("")),
		names:   names{},
		byName:  map[tableName]*model{},
		byModel: map[*bunschema.Table]*model{},
	}
	for _, table := range tables {
		if err := c.add(table); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(c.models, func(a, b *model) int { return compareNames(a.name, b.name) })
	for _, m := range c.models {
		c.place(m)
		if err := c.claimNames(m); err != nil {
			return nil, m.wrap(err)
		}
	}
	for _, step := range []func(*model) error{c.columns, c.keys, c.checks, c.comments} {
		for _, m := range c.models {
			if err := step(m); err != nil {
				return nil, m.wrap(err)
			}
		}
	}
	// Foreign keys look at columns and keys of other tables.
	for _, m := range c.models {
		if err := errors.Join(c.foreignKeys(m), e.finish(m.table)); err != nil {
			return nil, m.wrap(err)
		}
	}
	return c.realm, nil
}

// converter converts models into a realm.
type converter struct {
	engine  engine
	realm   *schema.Realm
	names   names
	models  []*model
	byName  map[tableName]*model
	byModel map[*bunschema.Table]*model
}

// model is a model with the table that it is converted to.
type model struct {
	bun   *bunschema.Table
	name  tableName
	table *schema.Table
	// unmanaged is true if the model declares its whole table as unmanaged. The table is then not
	// converted.
	unmanaged bool
	// unique are the sets of columns that identify a row.
	unique [][]string
}

func (m *model) wrap(err error) error {
	return fmt.Errorf("autogen: model %s: %w", m.bun.Type, err)
}

func (m *model) column(name string) (*schema.Column, error) {
	column, ok := m.table.Column(name)
	if !ok {
		return nil, fmt.Errorf("no column %q", name)
	}
	return column, nil
}

// add registers a model. It returns an error if another model has the same table.
func (c *converter) add(table *bunschema.Table) error {
	name, err := nameOf(c.engine, table)
	if err != nil {
		return err
	}
	m := &model{bun: table, name: name}
	if other, ok := c.byName[name]; ok {
		return fmt.Errorf("autogen: models %s and %s: both name the table %s", other.bun.Type, table.Type, name)
	}
	if c.engine.name() == dbmodule.SQLite {
		for _, other := range c.models {
			if foldASCII(other.name.name) == foldASCII(name.name) {
				return fmt.Errorf("autogen: models %s and %s: the tables %s and %s would be the same on SQLite, which ignores upper and lower case in names", other.bun.Type, table.Type, other.name, name)
			}
		}
	}
	c.byName[name] = m
	c.byModel[table] = m
	if m.unmanaged = isUnmanaged(table.Type); !m.unmanaged {
		c.models = append(c.models, m)
	}
	return nil
}

// place makes the model's table in its schema.
func (c *converter) place(m *model) {
	s, ok := c.realm.Schema(m.name.schema)
	if !ok {
		s = schema.New(m.name.schema)
		c.realm.AddSchemas(s)
	}
	m.table = schema.NewTable(m.name.name)
	s.AddTables(m.table)
}

// claimNames reserves the names that the model's author chose, before other names are
// made.
func (c *converter) claimNames(m *model) error {
	var chosen []chosenName
	if indexer, ok := m.bun.ZeroIface.(dbmodule.Indexer); ok {
		for _, index := range indexer.Indexes() {
			chosen = append(chosen, chosenName{indexKind, index.Name})
		}
	}
	if checker, ok := m.bun.ZeroIface.(dbmodule.Checker); ok {
		for _, check := range checker.Checks() {
			chosen = append(chosen, chosenName{checkKind, check.Name})
		}
	}
	if namer, ok := m.bun.ZeroIface.(dbmodule.ForeignKeyNamer); ok {
		for _, name := range namer.ForeignKeyNames() {
			chosen = append(chosen, chosenName{keyKind, name})
		}
	}
	for _, given := range chosen {
		if given.name == "" {
			continue
		}
		if err := errors.Join(checkName(c.engine, given.name), c.names.take(c.engine, m.name, given)); err != nil {
			return err
		}
	}
	return nil
}

// checks adds the model's checks to its table.
func (c *converter) checks(m *model) error {
	checker, ok := m.bun.ZeroIface.(dbmodule.Checker)
	if !ok {
		return nil
	}
	var checks []*schema.Check
	for _, asked := range checker.Checks() {
		expression := strings.TrimSpace(asked.Expression)
		if expression == "" {
			return fmt.Errorf("check %q: it has no expression", asked.Name)
		}
		if err := noLineComment(c.engine.name(), expression); err != nil {
			return fmt.Errorf("check %q: %w", asked.Name, err)
		}
		name := asked.Name
		if name == "" {
			name = c.names.build("ck", m.name, nil, expression)
		}
		checks = append(checks, schema.NewCheck().SetName(name).SetExpr(wrap(expression)))
	}
	slices.SortFunc(checks, func(a, b *schema.Check) int { return strings.Compare(a.Name, b.Name) })
	for i, check := range checks {
		if i > 0 && checks[i-1].Name == check.Name {
			return fmt.Errorf("check %s: it is defined twice", check.Name)
		}
	}
	m.table.AddChecks(checks...)
	return nil
}

// comments adds the comments of the table and of its columns.
func (c *converter) comments(m *model) error {
	commenter, ok := m.bun.ZeroIface.(dbmodule.Commenter)
	if !ok {
		return nil
	}
	text, err := c.engine.comment(commenter.TableComment())
	if err != nil {
		return err
	}
	if text != "" {
		m.table.SetComment(text)
	}
	texts := commenter.ColumnComments()
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		column, err := m.column(name)
		if err != nil {
			return fmt.Errorf("column comments: %w", err)
		}
		text, err := c.engine.comment(texts[name])
		if err != nil {
			return fmt.Errorf("column %s: %w", name, err)
		}
		if text != "" {
			column.SetComment(text)
		}
	}
	return nil
}

func columnNames(columns []*schema.Column) []string {
	names := make([]string, len(columns))
	for i, column := range columns {
		names[i] = column.Name
	}
	return names
}

func fieldNames(fields []*bunschema.Field) []string {
	names := make([]string, len(fields))
	for i, field := range fields {
		names[i] = field.Name
	}
	return names
}
