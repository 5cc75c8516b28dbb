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

type converter struct {
	engine  engine
	realm   *schema.Realm
	names   names
	models  []*model
	byName  map[tableName]*model
	byModel map[*bunschema.Table]*model
}

type model struct {
	bun   *bunschema.Table
	name  tableName
	table *schema.Table
	// unmanaged is true if others manage the table. Then it is not converted.
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

func (c *converter) columns(m *model) error {
	if len(m.bun.Fields) == 0 {
		return errors.New("it has no columns")
	}
	own, err := ownTypes(c.engine, m)
	if err != nil {
		return err
	}
	var primary []*schema.Column
	for _, field := range m.bun.Fields {
		if _, twice := m.table.Column(field.Name); twice {
			return fmt.Errorf("column %s: two fields have this column", field.Name)
		}
		column, err := c.column(field, own[field.Name])
		if err != nil {
			return fmt.Errorf("column %s: %w", field.Name, err)
		}
		m.table.AddColumns(column)
		if field.IsPK {
			primary = append(primary, column)
		}
	}
	if len(primary) > 0 {
		m.table.SetPrimaryKey(schema.NewPrimaryKey(primary...))
		m.unique = append(m.unique, columnNames(primary))
	}
	for _, field := range m.bun.Fields {
		if !field.Identity && !field.AutoIncrement {
			continue
		}
		column, err := m.column(field.Name)
		if err == nil {
			err = c.engine.identify(m.table, column)
		}
		if err != nil {
			return fmt.Errorf("column %s: %w", field.Name, err)
		}
	}
	return nil
}

// ownTypes returns the types that the model's ColumnTypes gives for this engine, by
// column.
func ownTypes(e engine, m *model) (map[string]string, error) {
	typer, ok := m.bun.ZeroIface.(dbmodule.ColumnTyper)
	if !ok {
		return nil, nil
	}
	own := typer.ColumnTypes(e.name())
	for _, name := range slices.Sorted(maps.Keys(own)) {
		if !slices.ContainsFunc(m.bun.Fields, func(f *bunschema.Field) bool { return f.Name == name }) {
			return nil, fmt.Errorf("column types: no column %q", name)
		}
		if strings.TrimSpace(own[name]) == "" {
			return nil, fmt.Errorf("column types: column %s: the type is empty", name)
		}
	}
	return own, nil
}

// columnType returns the type of a column, and the collation from its tag.
func (c *converter) columnType(field *bunschema.Field, own string) (t schema.Type, declared, collation string, err error) {
	if own == "" {
		declared, collation, err = declaredType(field)
	} else {
		declared, collation, err = splitCollation(own)
	}
	switch {
	case err != nil:
	case own == "":
		t, err = c.engine.parseType(declared)
	default:
		t, err = c.engine.ownType(declared)
	}
	return t, declared, collation, err
}

func (c *converter) column(field *bunschema.Field, own string) (*schema.Column, error) {
	if err := checkName(c.engine, field.Name); err != nil {
		return nil, err
	}
	t, declared, collation, err := c.columnType(field, own)
	if err != nil {
		return nil, err
	}
	numbered := field.Identity || field.AutoIncrement
	column := schema.NewColumn(field.Name).SetType(t).SetNull(!field.NotNull && !field.IsPK && !numbered)
	if own == "" {
		column.Type.Raw = declared
	}
	if collation != "" {
		c.engine.collate(column, collation)
	}
	if strings.Count(field.SQLDefault, "'")%2 != 0 {
		return nil, fmt.Errorf(`default %s: a quote is not closed; write a value with a comma as default:\"…\" in the tag`, field.SQLDefault)
	}
	if _, tag, ok := strings.Cut(field.StructField.Tag.Get("bun"), "default:"); ok && !strings.HasPrefix(tag, `"`) && !strings.HasPrefix(tag, field.SQLDefault) {
		// Bun reads only the text between the quotes.
		return nil, fmt.Errorf(`default %s: write a value with double quotes as default:\"…\" in the tag, and each double quote in it as \\\"`, field.SQLDefault)
	}
	if err := noComment(field.SQLDefault); err != nil {
		return nil, fmt.Errorf("default: %w", err)
	}
	if d, ok := parseDefault(field.SQLDefault); ok {
		if numbered {
			return nil, errors.New("it has a default, but the database numbers it: remove one of the two")
		}
		if d, err = fit(d, t); err != nil {
			return nil, err
		}
		column.SetDefault(c.engine.defaultOf(t, d))
	}
	return column, nil
}

// fit turns a literal into one of the column's type.
func fit(d defaultValue, t schema.Type) (defaultValue, error) {
	_, isBool := t.(*schema.BoolType)
	switch {
	case d.kind > defaultBool:
		return d, nil
	case isBool:
		value, ok := d.truth()
		if !ok {
			return d, fmt.Errorf("default %q is not true or false", d.text)
		}
		d = defaultValue{defaultBool, "false"}
		if value {
			d.text = "true"
		}
	case isNumber(t):
		if d.kind == defaultBool || !reNumber.MatchString(d.text) {
			return d, fmt.Errorf("default %q is not a number", d.text)
		}
		d.kind = defaultNumber
	default:
		d.kind = defaultString
	}
	return d, nil
}

// keys adds the indexes of Bun's unique tags and of the model's method Indexes.
func (c *converter) keys(m *model) error {
	var indexes []*schema.Index
	for _, group := range slices.Sorted(maps.Keys(m.bun.Unique)) {
		fields := m.bun.Unique[group]
		sets := [][]*bunschema.Field{fields}
		if group == "" {
			sets = sets[:0]
			for _, field := range fields {
				sets = append(sets, []*bunschema.Field{field})
			}
		}
		for _, set := range sets {
			parts := make([]string, len(set))
			for i, field := range set {
				parts[i] = field.Name
			}
			index, err := c.index(m, dbmodule.Index{Columns: parts, Unique: true})
			if err != nil {
				return fmt.Errorf("unique tag on %s: %w", strings.Join(parts, ", "), err)
			}
			indexes = append(indexes, index)
		}
	}
	if indexer, ok := m.bun.ZeroIface.(dbmodule.Indexer); ok {
		for _, asked := range indexer.Indexes() {
			index, err := c.index(m, asked)
			if err != nil {
				return fmt.Errorf("index on %s: %w", strings.Join(asked.Columns, ", "), err)
			}
			indexes = append(indexes, index)
		}
	}
	slices.SortFunc(indexes, func(a, b *schema.Index) int { return strings.Compare(a.Name, b.Name) })
	for i, index := range indexes {
		if i > 0 && indexes[i-1].Name == index.Name {
			return fmt.Errorf("index %s: it is defined twice", index.Name)
		}
	}
	m.table.AddIndexes(indexes...)
	return nil
}

func (c *converter) index(m *model, asked dbmodule.Index) (*schema.Index, error) {
	if len(asked.Columns) == 0 {
		return nil, errors.New("it has no columns")
	}
	index := schema.NewIndex(asked.Name).SetUnique(asked.Unique)
	var columns, parts []string
	for _, text := range asked.Columns {
		name, desc := direction(text)
		column, err := m.column(name)
		if err != nil {
			return nil, err
		}
		if slices.Contains(columns, name) {
			return nil, fmt.Errorf("column %s is in it twice", name)
		}
		index.AddParts(schema.NewColumnPart(column).SetDesc(desc))
		columns = append(columns, name)
		if desc {
			name += "_desc"
		}
		parts = append(parts, name)
	}
	where := strings.TrimSpace(asked.Where)
	if where != "" {
		if err := errors.Join(noComment(where), c.engine.index(index, where)); err != nil {
			return nil, err
		}
	}
	if index.Name == "" {
		prefix := "ix"
		if asked.Unique {
			prefix = "uq"
		}
		index.Name = c.names.build(prefix, m.name, parts, where)
	}
	if asked.Unique && where == "" {
		m.unique = append(m.unique, columns)
	}
	return index, nil
}

// direction splits a column of an index from the ASC or DESC behind it.
func direction(text string) (column string, desc bool) {
	text = strings.TrimSpace(text)
	if i := strings.LastIndexByte(text, ' '); i > 0 {
		switch strings.ToUpper(text[i+1:]) {
		case "DESC":
			return strings.TrimSpace(text[:i]), true
		case "ASC":
			return strings.TrimSpace(text[:i]), false
		}
	}
	return text, false
}

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
		if err := noComment(expression); err != nil {
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

func (c *converter) foreignKeys(m *model) error {
	var keys []*schema.ForeignKey
	for _, name := range slices.Sorted(maps.Keys(m.bun.Relations)) {
		relation := m.bun.Relations[name]
		key, err := c.foreignKey(m, relation)
		if err != nil {
			return fmt.Errorf("relation %s: %w", name, err)
		}
		if key == nil {
			continue
		}
		same := slices.IndexFunc(keys, func(other *schema.ForeignKey) bool { return sameColumns(key, other) })
		if same < 0 {
			keys = append(keys, key)
			continue
		}
		if err := mergeActions(keys[same], key); err != nil {
			return fmt.Errorf("relation %s: %w", name, err)
		}
	}
	// The names of the keys depend on their order, so the order must not depend on the
	// names of Go's fields.
	slices.SortFunc(keys, func(a, b *schema.ForeignKey) int {
		if order := slices.Compare(columnNames(a.Columns), columnNames(b.Columns)); order != 0 {
			return order
		}
		return strings.Compare(a.RefTable.Name, b.RefTable.Name)
	})
	chosen, err := chosenKeyNames(m, keys)
	if err != nil {
		return err
	}
	for _, key := range keys {
		key.Symbol = chosen[keyColumns(key)]
		// The name of a second key over the same columns also has the table that it
		// refers to.
		for _, what := range []string{"", key.RefTable.Name, key.RefTable.Name + "(" + strings.Join(columnNames(key.RefColumns), ", ") + ")"} {
			if _, taken := m.table.ForeignKey(key.Symbol); key.Symbol != "" && !taken {
				break
			}
			key.Symbol = c.names.build("fk", m.name, columnNames(key.Columns), what)
		}
		for _, column := range key.Columns {
			column.ForeignKeys = append(column.ForeignKeys, key)
		}
		m.table.AddForeignKeys(key)
	}
	return nil
}

// chosenKeyNames returns the names of foreign keys that the model's author chose, by
// their columns.
func chosenKeyNames(m *model, keys []*schema.ForeignKey) (map[string]string, error) {
	namer, ok := m.bun.ZeroIface.(dbmodule.ForeignKeyNamer)
	if !ok {
		return nil, nil
	}
	chosen := namer.ForeignKeyNames()
	for _, columns := range slices.Sorted(maps.Keys(chosen)) {
		if !slices.ContainsFunc(keys, func(key *schema.ForeignKey) bool { return keyColumns(key) == columns }) {
			return nil, fmt.Errorf("ForeignKeyNames names %q, but no relation makes a foreign key of these columns", columns)
		}
	}
	return chosen, nil
}

func keyColumns(key *schema.ForeignKey) string { return strings.Join(columnNames(key.Columns), ",") }

// foreignKey converts a relation. It returns nil for a relation that is no foreign
// key.
func (c *converter) foreignKey(m *model, relation *bunschema.Relation) (*schema.ForeignKey, error) {
	switch {
	case len(relation.Condition) > 0 || len(relation.BasePKs) == 0:
		return nil, nil
	case relation.Type == bunschema.BelongsToRelation:
	case relation.Type == bunschema.HasOneRelation:
		// Usually the other table refers to this one, with a relation of its own. This
		// table refers to the other only if the columns are not its own primary key.
		for _, field := range relation.BasePKs {
			if field.IsPK {
				return nil, nil
			}
		}
	default:
		return nil, nil
	}
	columns, refColumns := fieldNames(relation.BasePKs), fieldNames(relation.JoinPKs)
	target := c.target(relation.JoinTable)
	if target == nil {
		return nil, fmt.Errorf("it refers to the table %s of the model %s, which is not among the models",
			relation.JoinTable.Name, relation.JoinTable.Type)
	}
	if target.unmanaged {
		return nil, nil
	}
	if !identifies(target.unique, refColumns) {
		if relation.Type == bunschema.HasOneRelation {
			return nil, nil
		}
		return nil, fmt.Errorf("it refers to %s(%s), which is neither a primary key nor unique",
			target.name, strings.Join(refColumns, ", "))
	}

	key := schema.NewForeignKey("").SetTable(m.table).SetRefTable(target.table)
	for i := range columns {
		column, err := m.column(columns[i])
		if err != nil {
			return nil, err
		}
		refColumn, err := target.column(refColumns[i])
		if err != nil {
			return nil, err
		}
		key.Columns = append(key.Columns, column)
		key.RefColumns = append(key.RefColumns, refColumn)
	}
	var err error
	if key.OnUpdate, err = c.action("on_update", relation.OnUpdate, key); err != nil {
		return nil, err
	}
	key.OnDelete, err = c.action("on_delete", relation.OnDelete, key)
	return key, err
}

// target returns the model that a relation refers to. A model that extends another
// model has the same table.
func (c *converter) target(table *bunschema.Table) *model {
	for other, m := range c.byModel {
		if other.Type == table.Type {
			return m
		}
	}
	name, err := nameOf(c.engine, table)
	if err != nil {
		return nil
	}
	return c.byName[name]
}

// action reads Bun's "ON DELETE CASCADE". The default is left out.
func (c *converter) action(option, clause string, key *schema.ForeignKey) (schema.ReferenceOption, error) {
	_, rule, _ := strings.Cut(strings.TrimPrefix(clause, "ON "), " ")
	switch action := schema.ReferenceOption(strings.ToUpper(strings.TrimSpace(rule))); action {
	case "", schema.NoAction:
		return "", nil
	case schema.Cascade, schema.Restrict:
		return action, nil
	case schema.SetDefault:
		if c.engine.name() == dbmodule.MySQL {
			return "", fmt.Errorf("%s:SET DEFAULT: MySQL does not support it", option)
		}
		return action, nil
	case schema.SetNull:
		for _, column := range key.Columns {
			if !column.Type.Null {
				return "", fmt.Errorf("%s:SET NULL: column %s is not null", option, column.Name)
			}
		}
		return action, nil
	default:
		return "", fmt.Errorf("%s:%s: want CASCADE, RESTRICT, SET NULL, SET DEFAULT or NO ACTION", option, rule)
	}
}

// mergeActions joins two relations over the same columns into one key.
func mergeActions(key, other *schema.ForeignKey) error {
	for _, pair := range []struct {
		option string
		to     *schema.ReferenceOption
		from   schema.ReferenceOption
	}{{"on_update", &key.OnUpdate, other.OnUpdate}, {"on_delete", &key.OnDelete, other.OnDelete}} {
		switch {
		case *pair.to == "":
			*pair.to = pair.from
		case pair.from != "" && pair.from != *pair.to:
			return fmt.Errorf("%s:%s: another relation over the same columns has %s", pair.option, pair.from, *pair.to)
		}
	}
	return nil
}

func sameColumns(a, b *schema.ForeignKey) bool {
	return a.RefTable == b.RefTable &&
		slices.Equal(columnNames(a.Columns), columnNames(b.Columns)) &&
		slices.Equal(columnNames(a.RefColumns), columnNames(b.RefColumns))
}

// identifies reports whether the columns, in any order, are one of the sets.
func identifies(sets [][]string, columns []string) bool {
	columns = slices.Sorted(slices.Values(columns))
	return slices.ContainsFunc(sets, func(set []string) bool {
		return slices.Equal(slices.Sorted(slices.Values(set)), columns)
	})
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
