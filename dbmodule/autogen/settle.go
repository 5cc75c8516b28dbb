package autogen

import (
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"

	"ariga.io/atlas/sql/mysql"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"

	"github.com/openhands-go/server/dbmodule"
)

// settle prepares the comparison of a database with models, so that it finds only what models can
// express. If a statement that creates a table or column again must repeat an object that no model
// has, settle adds the object to want; otherwise settle removes it from the reading. settle returns
// the objects that models can't express, except those that a model declares as unmanaged. snapshot
// can be nil.
func settle(e engine, differ schema.Differ, r reading, want, snapshot *schema.Realm, models []any) ([]LeftAlone, error) {
	declared, err := unmanagedOf(e, models)
	if err != nil {
		return nil, err
	}
	removeTables(want, r.left)
	for name, unmanaged := range declared {
		if unmanaged.Table {
			removeTables(r.live, []LeftAlone{{Table: name.String()}})
		}
	}
	s := settler{engine: e, differ: differ, left: r.left, hidden: r.hidden, undecided: r.undecided}
	for _, live := range tablesOf(r.live) {
		now, ok := tableAt(want, nameOfTable(live))
		if !ok {
			continue
		}
		known := &schema.Table{}
		if snapshot != nil {
			if table, ok := tableAt(snapshot, nameOfTable(live)); ok {
				known = table
			}
		}
		t := tableSettler{settler: &s, live: live, want: now, known: known, unmanaged: declared[nameOfTable(live)]}
		t.settle()
	}
	slices.SortStableFunc(s.left, func(a, b LeftAlone) int { return strings.Compare(a.Table, b.Table) })
	removeTables(r.live, s.left)
	removeTables(want, s.left)
	return s.left, nil
}

// settler is the state of settle for all tables.
type settler struct {
	engine    engine
	differ    schema.Differ
	left      []LeftAlone
	hidden    []hiddenConstraint
	undecided []undecidedDefault
}

// tableSettler prepares the comparison of one table: the table of the database (live), of the
// models (want) and of the snapshot (known).
type tableSettler struct {
	*settler
	live, want, known *schema.Table
	unmanaged         dbmodule.Unmanaged
}

func (t tableSettler) leave(object, reason string) {
	t.left = append(t.left, leave(nameOfTable(t.live), object, reason))
}

func (t tableSettler) settle() {
	t.attrs()
	t.columns()
	t.primaryKey()
	t.indexes()
	t.checks()
	t.foreignKeys()
	t.hiddenConstraints()
	t.try()
}

// attrs keeps properties of a table that models can't express. The comment is the
// model's if the model has one, or had one.
func (t tableSettler) attrs() {
	t.want.Attrs = keepComment(t.live.Attrs, t.want.Attrs, t.known.Attrs)
	for _, attr := range t.live.Attrs {
		switch attr.(type) {
		case *postgres.Partition, *sqlite.WithoutRowID, *sqlite.Strict, *mysql.CreateOptions, *mysql.SystemVersioned, *mysql.Engine:
			schema.ReplaceOrAppend(&t.want.Attrs, attr)
		}
	}
}

// keepComment adds the database's comment to the wanted attributes if neither the
// models nor the snapshot have one.
func keepComment(live, want, known []schema.Attr) []schema.Attr {
	comment, ok := attrOf[*schema.Comment](live)
	if _, said := attrOf[*schema.Comment](want); !ok || said {
		return want
	}
	if _, said := attrOf[*schema.Comment](known); said {
		return want
	}
	return append(slices.Clone(want), comment)
}

// columns prepares the columns. For a column that models can't express, or that is unmanaged, the
// model gets the database's definition.
func (t tableSettler) columns() {
	for _, live := range t.live.Columns {
		object := "column " + live.Name
		generated, isGenerated := attrOf[*schema.GeneratedExpr](live.Attrs)
		want, ok := t.want.Column(live.Name)
		declared := matches(t.unmanaged.Columns, live.Name)
		switch {
		case ok && declared:
			t.adopt(want, live)
		case !ok && declared:
			t.add(live)
		case !ok && isGenerated:
			t.add(live)
			t.leave(object, "models can't express a generated column")
		case ok && isGenerated:
			t.adopt(want, live)
			want.Attrs = schema.RemoveAttr[*schema.GeneratedExpr](want.Attrs)
			want.AddAttrs(generated)
			t.leave(object, "models can't express a generated column")
		case ok && unknownType(live):
			// atlas can't compare a type that it does not know.
			live.Type = &schema.ColumnType{Type: &schema.StringType{T: live.Type.Raw}, Raw: live.Type.Raw, Null: live.Type.Null}
			t.adopt(want, live)
			t.leave(object, "models can't express the type "+live.Type.Raw)
		case ok:
			t.column(live, want)
		}
	}
}

// unknownType reports whether atlas does not know a column's type.
func unknownType(c *schema.Column) bool {
	_, unknown := c.Type.Type.(*schema.UnsupportedType)
	return unknown
}

// column keeps what a column has in addition to its model.
func (t tableSettler) column(live, want *schema.Column) {
	var before []schema.Attr
	known, ok := t.known.Column(live.Name)
	if ok {
		before = known.Attrs
	}
	want.Attrs = keepComment(live.Attrs, want.Attrs, before)
	t.engine.accept(live, want, known, t.live)
	if live.Default == nil || want.Default == nil || sameDefault(live, want) {
		return
	}
	for _, u := range t.undecided {
		if u.table == nameOfTable(t.live) && u.column == live.Name {
			t.leave(fmt.Sprintf("the default of column %s, %s there and %s in the model,", live.Name, exprText(live.Default), exprText(want.Default)), u.reason)
			want.Default = cloneOne(live.Default)
			return
		}
	}
}

// add adds a column of the database to the model.
func (t tableSettler) add(live *schema.Column) {
	t.want.AddColumns(&schema.Column{Name: live.Name, Type: live.Type, Default: live.Default, Attrs: slices.Clone(live.Attrs)})
}

// adopt gives a column of the model the type, default and attributes of the database's.
func (t tableSettler) adopt(want, live *schema.Column) {
	want.Type, want.Default, want.Attrs = live.Type, live.Default, slices.Clone(live.Attrs)
}

// primaryKey gives the model's key the order and the attributes of the database's key, if both have
// the same columns: in a model, the columns have the order of the fields. Only AUTOINCREMENT stays
// as in the model.
func (t tableSettler) primaryKey() {
	live, want := t.live.PrimaryKey, t.want.PrimaryKey
	if live != nil && want != nil && slices.Equal(slices.Sorted(slices.Values(partNames(live))), slices.Sorted(slices.Values(partNames(want)))) {
		attrs := schema.RemoveAttr[*sqlite.AutoIncrement](slices.Clone(live.Attrs))
		if numbered, ok := attrOf[*sqlite.AutoIncrement](want.Attrs); ok {
			attrs = append(attrs, numbered)
		}
		want.Parts, want.Attrs = t.wantedParts(live), attrs
	}
}

// indexes prepares the indexes. An index that models can't express, or that is unmanaged, is left
// out, or the model's index gets its definition.
func (t tableSettler) indexes() {
	for _, live := range slices.Clone(t.live.Indexes) {
		want, ok := t.want.Index(live.Name)
		if !ok {
			want, ok = t.unnamed(live)
		}
		reason := t.engine.whyUnmanaged(live)
		// MySQL makes an index with the name of a foreign key.
		switch declared := matches(t.unmanaged.Indexes, live.Name) || matches(t.unmanaged.ForeignKeys, live.Name); {
		case ok && declared, ok && reason != "" && slices.Equal(partNames(live), partNames(want)):
			want.Unique, want.Attrs, want.Parts = live.Unique, live.Attrs, t.wantedParts(live)
			if !declared {
				t.leave("what index "+live.Name+" has beside its columns", reason)
			}
		case ok:
			t.index(live, want)
		case declared:
			t.live.Indexes = without(t.live.Indexes, live)
		case reason != "":
			t.live.Indexes = without(t.live.Indexes, live)
			t.leave("index "+live.Name, reason)
		}
	}
}

// unnamed returns the model's index for a unique index to which SQLite gave a name, and
// gives it the model's name.
func (t tableSettler) unnamed(live *schema.Index) (*schema.Index, bool) {
	if !isInlineUnique(live) {
		return nil, false
	}
	for _, want := range t.want.Indexes {
		if _, taken := t.live.Index(want.Name); !taken && sameIndex(live, want) {
			live.Name = want.Name
			return want, true
		}
	}
	// A name that SQLite accepts, in case the index must be created again.
	live.Name = names{}.build("uq", nameOfTable(t.live), partNames(live), "")
	return nil, false
}

// index treats a unique constraint as a model's unique index.
func (t tableSettler) index(live, want *schema.Index) {
	constraint, ok := attrOf[*postgres.Constraint](live.Attrs)
	if ok && want.Unique {
		want.Attrs = append(slices.Clone(want.Attrs), constraint)
	}
	want.Attrs = keepComment(live.Attrs, want.Attrs, nil)
}

// wantedParts returns the parts of an index with the columns of the wanted table.
func (t tableSettler) wantedParts(live *schema.Index) []*schema.IndexPart {
	var parts []*schema.IndexPart
	for _, part := range live.Parts {
		copied := *part
		if part.C != nil {
			if column, ok := t.want.Column(part.C.Name); ok {
				copied.C = column
			}
		}
		parts = append(parts, &copied)
	}
	return parts
}

func without[T comparable](all []T, one T) []T {
	return slices.DeleteFunc(slices.Clone(all), func(other T) bool { return other == one })
}

// checks prepares the checks. For an unmanaged check, the model gets the database's check.
func (t tableSettler) checks() {
	for _, live := range checksOf(t.live) {
		if !matches(t.unmanaged.Checks, live.Name) {
			t.check(live)
			continue
		}
		t.want.Attrs = slices.DeleteFunc(t.want.Attrs, func(attr schema.Attr) bool {
			check, ok := attr.(*schema.Check)
			return ok && check.Name == live.Name
		})
		t.want.AddChecks(live)
	}
}

// check keeps what a check has beside its expression: NO INHERIT.
func (t tableSettler) check(live *schema.Check) {
	for _, want := range checksOf(t.want) {
		if want.Name == live.Name {
			want.Attrs = live.Attrs
		}
	}
}

// foreignKeys prepares the foreign keys. For an unmanaged key, the model gets the database's key.
func (t tableSettler) foreignKeys() {
	for _, live := range t.live.ForeignKeys {
		if !matches(t.unmanaged.ForeignKeys, live.Symbol) {
			continue
		}
		t.want.ForeignKeys = slices.DeleteFunc(t.want.ForeignKeys, func(key *schema.ForeignKey) bool { return key.Symbol == live.Symbol })
		copied := *live
		copied.Table = t.want
		for i, column := range live.Columns {
			if wanted, ok := t.want.Column(column.Name); ok {
				copied.Columns = slices.Clone(copied.Columns)
				copied.Columns[i] = wanted
			}
		}
		t.want.AddForeignKeys(&copied)
	}
}

// hiddenConstraints removes a constraint that can't be read from the model, so that it
// is not compared.
func (t tableSettler) hiddenConstraints() {
	for _, h := range t.hidden {
		if h.table != nameOfTable(t.live) {
			continue
		}
		kind, declared := "foreign key ", matches(t.unmanaged.ForeignKeys, h.name)
		if h.isCheck {
			kind, declared = "check ", matches(t.unmanaged.Checks, h.name)
			t.want.Attrs = slices.DeleteFunc(t.want.Attrs, func(attr schema.Attr) bool {
				check, ok := attr.(*schema.Check)
				return ok && check.Name == h.name
			})
		} else {
			t.want.ForeignKeys = slices.DeleteFunc(t.want.ForeignKeys, func(key *schema.ForeignKey) bool { return key.Symbol == h.name })
		}
		if !declared {
			t.leave(kind+h.name, "the server shows it only to a user who has more privileges on the tables")
		}
	}
}

// try compares copies of this table alone. If atlas can't compare them, only this table
// is left alone.
func (t tableSettler) try() {
	from, to := cloneTable(t.live), cloneTable(t.want)
	_, err := withoutDefaults([]*schema.Schema{from.Schema, to.Schema}, func() ([]schema.Change, error) {
		return t.differ.TableDiff(from, to, schema.DiffNormalized())
	})
	if err != nil {
		t.leave("", "it can't be compared: "+cause(err))
	}
}

// cloneTable copies one table into a schema of its own.
func cloneTable(table *schema.Table) *schema.Table {
	s := schema.New("")
	if table.Schema != nil {
		s.Name = table.Schema.Name
	}
	s.Tables = []*schema.Table{table}
	return cloneRealm(&schema.Realm{Schemas: []*schema.Schema{s}}).Schemas[0].Tables[0]
}

// unmanagedOf returns what the models declare as unmanaged, by table.
func unmanagedOf(e engine, models []any) (map[tableName]dbmodule.Unmanaged, error) {
	types, err := structTypes(models)
	if err != nil {
		return nil, err
	}
	tables, err := bunTables(e.newDialect(), types)
	if err != nil {
		return nil, err
	}
	all := map[tableName]dbmodule.Unmanaged{}
	for _, table := range tables {
		unmanager, ok := table.ZeroIface.(dbmodule.Unmanager)
		if !ok {
			continue
		}
		name, err := nameOf(e, table)
		if err != nil {
			return nil, err
		}
		unmanaged := unmanager.Unmanaged()
		for _, pattern := range slices.Concat(unmanaged.Columns, unmanaged.Indexes, unmanaged.ForeignKeys, unmanaged.Checks) {
			if _, err := path.Match(pattern, ""); err != nil {
				return nil, fmt.Errorf("autogen: model %s: Unmanaged has %q, which is not a valid pattern: %w", table.Type, pattern, err)
			}
		}
		all[name] = unmanaged
	}
	return all, nil
}

// isUnmanaged reports whether a model declares its whole table as unmanaged.
func isUnmanaged(t reflect.Type) bool {
	unmanager, ok := reflect.New(t).Interface().(dbmodule.Unmanager)
	return ok && unmanager.Unmanaged().Table
}

// matches reports whether a name matches one of the patterns.
func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}
