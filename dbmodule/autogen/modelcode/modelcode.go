// Package modelcode generates Go code: Bun models for the existing tables of a
// database, as a starting point.
package modelcode

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/mysql"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
)

// Write returns the source of a Go file of package packageName. The file has a
// model for each table in found that is in the connection's default schema. If
// autogen.CompareLive compares these models with the database, the draft is empty:
// indexes, checks and foreign keys have their names in the database, and a method
// Unmanaged declares what models can't express. The same tables always give the
// same text.
func Write(engine dbmodule.Engine, found autogen.Inspection, packageName string) ([]byte, error) {
	w := writer{engine: engine, names: newNames(), models: map[*schema.Table]*model{}}
	var tables []*schema.Table
	for _, s := range found.Realm.Schemas {
		if s.Name == "" {
			tables = append(tables, s.Tables...)
		}
	}
	slices.SortFunc(tables, func(a, b *schema.Table) int { return cmp.Compare(a.Name, b.Name) })
	for _, table := range tables {
		w.models[table] = &model{engine: engine, table: table, name: w.names.model(table.Name), fields: map[string]bool{}, left: map[string]bool{}}
	}
	for _, table := range tables {
		w.columns(w.models[table])
	}
	var models []*model
	for _, table := range tables {
		m := w.models[table]
		w.relations(m)
		w.indexes(m)
		w.checks(m)
		w.comments(m)
		models = append(models, m)
	}
	for _, m := range models {
		w.through(m)
	}
	text, err := render(packageName, found, models)
	if err != nil {
		return nil, fmt.Errorf("modelcode: write models: %w", err)
	}
	return text, nil
}

// writer makes the models of the tables.
type writer struct {
	engine dbmodule.Engine
	names  names
	models map[*schema.Table]*model
}

// model is the model of a table.
type model struct {
	engine dbmodule.Engine
	table  *schema.Table
	name   string
	// columns and relations are the lines of the struct.
	columns, relations []field
	// fields are the names of fields that are taken.
	fields   map[string]bool
	indexes  []dbmodule.Index
	checks   []dbmodule.Check
	keyNames map[string]string
	comment  string
	comments map[string]string
	// columnTypes are the types that columns have on the tables' engine alone.
	columnTypes map[string]string
	unmanaged   dbmodule.Unmanaged
	// left are the columns on which a model can have no index, key or comment.
	left map[string]bool
}

// field is a field of a model's struct: a column, or a relation.
type field struct {
	name, goType, tag string
	// remark is the comment behind the field.
	remark string
	// column is the column's name, and relation is the model that a relation leads to. The other of
	// the two is empty.
	column   string
	relation *model
}

// columns adds a field for each column. A column whose name no model can have is declared as
// unmanaged and gets no field.
func (w writer) columns(m *model) {
	for _, column := range inKeyOrder(m.table) {
		if !w.canDeclare(m.table, column) {
			m.left[column.Name] = true
			m.unmanaged.Columns = append(m.unmanaged.Columns, pattern(column.Name))
			continue
		}
		f := field{name: w.names.field(m.fields, column.Name), column: column.Name}
		choice, ok := w.choose(m.table, column)
		f.goType, f.tag = choice.goType, choice.tag()
		if choice.ofEngine != "" {
			if m.columnTypes == nil {
				m.columnTypes = map[string]string{}
			}
			m.columnTypes[column.Name] = choice.ofEngine
		}
		if !ok {
			f.remark = "left to the database: " + describe(column)
			m.unmanaged.Columns = append(m.unmanaged.Columns, pattern(column.Name))
		}
		if generated, ok := attr[*schema.GeneratedExpr](column.Attrs); ok {
			f.remark = "left to the database: generated as " + oneLine(generated.Expr)
			m.left[column.Name] = true
		}
		m.columns = append(m.columns, f)
	}
}

// inKeyOrder returns the table's columns, with the columns of the primary key in the order of the
// key. A model can express that order only by the order of its fields.
func inKeyOrder(table *schema.Table) []*schema.Column {
	columns := slices.Clone(table.Columns)
	if table.PrimaryKey == nil {
		return columns
	}
	key := partNames(table.PrimaryKey)
	at := 0
	for i, column := range columns {
		if !slices.Contains(key, column.Name) {
			continue
		}
		if part, ok := table.Column(key[at]); ok {
			columns[i] = part
		}
		at++
	}
	return columns
}

// describe returns a column's type and default as SQL, for a comment.
func describe(column *schema.Column) string {
	text := column.Type.Raw
	switch x := column.Default.(type) {
	case *schema.Literal:
		text += " DEFAULT " + x.V
	case *schema.RawExpr:
		text += " DEFAULT " + x.X
	}
	return oneLine(text)
}

// relations adds a belongs-to relation for each foreign key.
func (w writer) relations(m *model) {
	m.keyNames = map[string]string{}
	for _, key := range m.table.ForeignKeys {
		parent, ok := w.models[key.RefTable]
		if !ok || !refersToUnique(key, parent.table) || m.keyNames[columnsOf(key)] != "" || m.leaves(key.Columns) || parent.leaves(key.RefColumns) {
			if !hasName(key) {
				continue
			}
			m.unmanaged.ForeignKeys = append(m.unmanaged.ForeignKeys, pattern(key.Symbol))
			continue
		}
		tag := []string{"rel:belongs-to"}
		for i, column := range key.Columns {
			tag = append(tag, "join:"+column.Name+"="+key.RefColumns[i].Name)
		}
		for _, action := range []struct {
			option string
			rule   schema.ReferenceOption
		}{{"on_update", key.OnUpdate}, {"on_delete", key.OnDelete}} {
			if action.rule != "" && action.rule != schema.NoAction && (w.engine != dbmodule.MySQL || action.rule != schema.Restrict) {
				tag = append(tag, action.option+":"+string(action.rule))
			}
		}
		m.relations = append(m.relations, field{
			name: w.names.relation(m.fields, key, parent.name), goType: "*" + parent.name, tag: strings.Join(tag, ","), relation: parent,
		})
		if hasName(key) {
			m.keyNames[columnsOf(key)] = key.Symbol
		}
	}
}

// leaves reports whether one of the columns is in left.
func (m *model) leaves(columns []*schema.Column) bool {
	return slices.ContainsFunc(columns, func(c *schema.Column) bool { return m.left[c.Name] })
}

// pattern returns the pattern of Unmanaged that matches only this name.
func pattern(name string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(name)
}

// hasName reports whether a foreign key has a name. Without one, SQLite gives it a number.
func hasName(key *schema.ForeignKey) bool { return strings.Trim(key.Symbol, "0123456789") != "" }

// refersToUnique reports whether the model of parent will declare the columns that the key refers
// to as unique.
func refersToUnique(key *schema.ForeignKey, parent *schema.Table) bool {
	columns := make([]string, len(key.RefColumns))
	for i, column := range key.RefColumns {
		columns[i] = column.Name
	}
	slices.Sort(columns)
	unique := func(index *schema.Index) bool {
		if index == nil || !index.Unique && index != parent.PrimaryKey || condition(index) != "" {
			return false
		}
		return slices.Equal(slices.Sorted(slices.Values(partNames(index))), columns)
	}
	return unique(parent.PrimaryKey) || slices.ContainsFunc(parent.Indexes, unique)
}

func columnsOf(key *schema.ForeignKey) string {
	var names []string
	for _, column := range key.Columns {
		names = append(names, column.Name)
	}
	return strings.Join(names, ",")
}

// indexes adds the indexes that models can express, and declares the others as unmanaged. It leaves
// out an index that MySQL made for a foreign key: that index has the key's name.
func (w writer) indexes(m *model) {
	for _, index := range m.table.Indexes {
		key, hasKey := m.table.ForeignKey(index.Name)
		if hasKey && m.keyNames[columnsOf(key)] == key.Symbol && columnsOf(key) == strings.Join(partNames(index), ",") {
			continue
		}
		origin, ok := attr[*sqlite.IndexOrigin](index.Attrs)
		inline := ok && origin.O == "u" // the name is SQLite's own
		if autogen.WhyUnmanaged(w.engine, index) != "" || slices.ContainsFunc(partNames(index), func(name string) bool { return m.left[name] }) {
			name := index.Name
			if inline {
				name = "uq_" + m.table.Name + "_" + strings.Join(partNames(index), "_") // the name that a comparison gives it
			}
			m.unmanaged.Indexes = append(m.unmanaged.Indexes, pattern(name))
			continue
		}
		asked := dbmodule.Index{Name: index.Name, Unique: index.Unique, Where: condition(index)}
		if inline {
			asked.Name = ""
		}
		for _, part := range index.Parts {
			text := part.C.Name
			if part.Desc {
				text += " DESC"
			}
			asked.Columns = append(asked.Columns, text)
		}
		m.indexes = append(m.indexes, asked)
	}
	slices.SortFunc(m.indexes, func(a, b dbmodule.Index) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), slices.Compare(a.Columns, b.Columns))
	})
}

// checks adds the table's checks.
func (w writer) checks(m *model) {
	for _, a := range m.table.Attrs {
		if check, ok := a.(*schema.Check); ok {
			m.checks = append(m.checks, dbmodule.Check{Name: check.Name, Expression: check.Expr})
		}
	}
}

// comments adds the comments of the table and of its columns.
func (w writer) comments(m *model) {
	if comment, ok := attr[*schema.Comment](m.table.Attrs); ok {
		m.comment = comment.Text
	}
	m.comments = map[string]string{}
	for _, column := range m.table.Columns {
		if comment, ok := attr[*schema.Comment](column.Attrs); ok && !m.left[column.Name] {
			m.comments[column.Name] = comment.Text
		}
	}
}

// through adds many-to-many relations to the two models that a join table joins.
func (w writer) through(m *model) {
	if len(m.relations) != 2 || len(m.table.ForeignKeys) != 2 || len(m.columns) != 2 || m.table.PrimaryKey == nil || len(m.table.PrimaryKey.Parts) != 2 {
		return
	}
	one, other := m.relations[0], m.relations[1]
	if one.relation == other.relation {
		return
	}
	for _, side := range [][2]field{{one, other}, {other, one}} {
		to := side[1].relation
		side[0].relation.relations = append(side[0].relation.relations, field{
			name: w.names.field(side[0].relation.fields, to.table.Name), goType: "[]*" + to.name,
			tag: fmt.Sprintf("m2m:%s,join:%s=%s", m.table.Name, side[0].name, side[1].name), relation: to,
		})
	}
}

func attr[T schema.Attr](attrs []schema.Attr) (T, bool) {
	for _, a := range attrs {
		if found, ok := a.(T); ok {
			return found, true
		}
	}
	var none T
	return none, false
}

func partNames(index *schema.Index) []string {
	var names []string
	for _, part := range index.Parts {
		if part.C != nil {
			names = append(names, part.C.Name)
		}
	}
	return names
}

// condition returns the condition of a partial index, or "".
func condition(index *schema.Index) string {
	if p, ok := attr[*postgres.IndexPredicate](index.Attrs); ok {
		return p.P
	}
	if p, ok := attr[*sqlite.IndexPredicate](index.Attrs); ok {
		return p.P
	}
	return ""
}

// numbered reports whether the database numbers the column.
func numbered(table *schema.Table, c *schema.Column) bool {
	for _, a := range c.Attrs {
		switch a.(type) {
		case *sqlite.AutoIncrement, *mysql.AutoIncrement, *postgres.Identity:
			return true
		}
	}
	if _, serial := c.Type.Type.(*postgres.SerialType); serial {
		return true
	}
	// SQLite numbers an INTEGER that is the whole primary key.
	_, isSQLite := attr[*sqlite.CreateStmt](table.Attrs)
	return isSQLite && strings.EqualFold(c.Type.Raw, "integer") && isKey(table, c) && len(table.PrimaryKey.Parts) == 1
}

func isKey(table *schema.Table, c *schema.Column) bool {
	return table.PrimaryKey != nil && slices.Contains(partNames(table.PrimaryKey), c.Name)
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
