package autogen

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"
)

func (e sqliteEngine) rename(r renaming) []string {
	if r.column == "" {
		return renameTableSQL(e, r)
	}
	return []string{renameSQL(e, r)}
}

// draft needs no order of tables: a foreign key is part of its table, and foreign
// keys are not enforced while a revision runs.
func (e sqliteEngine) draft(ctx context.Context, from, to *schema.Realm, changes []schema.Change) ([]string, error) {
	s := stagesOf(e, from, to, nil)
	var out []string
	var changed []*schema.ModifyTable
	for _, change := range changes {
		switch change := change.(type) {
		case *schema.AddTable:
			s.newTables = append(s.newTables, change.T)
		case *schema.DropTable:
			s.goneTables = append(s.goneTables, change.T)
		case *schema.ModifyTable:
			changed = append(changed, change)
		}
	}
	creations := createOrder(s.goneTables)
	slices.Reverse(creations)
	for _, c := range creations {
		out = append(out, "DROP TABLE "+quotedName(e, nameOfTable(c.table)))
	}
	slices.SortFunc(changed, func(a, b *schema.ModifyTable) int { return strings.Compare(a.T.Name, b.T.Name) })
	for _, modify := range changed {
		old, _ := tableAt(from, nameOfTable(modify.T))
		statements, err := e.alter(ctx, sqliteAlter{engine: e, from: old, to: modify.T, changes: modify.Changes, realms: []*schema.Realm{from, to}})
		if err != nil {
			return nil, err
		}
		out = append(out, statements...)
	}
	created, err := planTables(ctx, e, createOrder(s.newTables), true)
	for _, statement := range created {
		out = append(out, statement.sql)
	}
	return out, err
}

// sqliteAlter is a change of one table.
type sqliteAlter struct {
	engine   sqliteEngine
	from, to *schema.Table
	changes  []schema.Change
	// realms have the names that are taken: a rebuild needs a free name for its new
	// table.
	realms []*schema.Realm
}

func (e sqliteEngine) alter(ctx context.Context, a sqliteAlter) ([]string, error) {
	if !a.simple() {
		return a.rebuild(ctx)
	}
	var dropped, columns, indexes []schema.Change
	var out []string
	for _, change := range a.changes {
		switch change := change.(type) {
		case *schema.DropIndex:
			dropped = append(dropped, change)
		case *schema.ModifyIndex:
			dropped = append(dropped, &schema.DropIndex{I: change.From})
			indexes = append(indexes, &schema.AddIndex{I: change.To})
		case *schema.RenameIndex:
			dropped = append(dropped, &schema.DropIndex{I: change.From})
			indexes = append(indexes, &schema.AddIndex{I: change.To})
		case *schema.AddIndex:
			indexes = append(indexes, change)
		case *schema.AddColumn:
			columns = append(columns, change)
		case *schema.DropColumn:
			out = append(out, "ALTER TABLE "+quotedName(e, nameOfTable(a.to))+" DROP COLUMN "+quoted(e, change.C.Name))
		}
	}
	before, err := planModify(ctx, e, a.to, dropped)
	if err != nil {
		return nil, err
	}
	after, err := planModify(ctx, e, a.to, slices.Concat(columns, indexes))
	return slices.Concat(before, out, after), err
}

// simple reports whether SQLite can make all changes without a rebuild. If a key or a
// check uses a changed column, it changes too, and that needs a rebuild.
func (a sqliteAlter) simple() bool {
	for _, change := range a.changes {
		switch change := change.(type) {
		case *schema.DropIndex:
			if isInlineUnique(change.I) {
				return false
			}
		case *schema.ModifyIndex:
			if isInlineUnique(change.From) {
				return false
			}
		case *schema.RenameIndex:
			if isInlineUnique(change.From) {
				return false
			}
		case *schema.AddIndex, *schema.DropColumn:
		case *schema.AddColumn:
			if !addable(change.C) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// addable reports whether ADD COLUMN can add the column: its default, if any, must be
// a constant.
func addable(c *schema.Column) bool {
	switch x := c.Default.(type) {
	case nil:
		return true
	case *schema.Literal:
		return !strings.HasPrefix(strings.ToUpper(x.V), "CURRENT_")
	}
	return false
}

// rebuild creates the table under another name, copies the rows, drops the old table
// and renames the new one.
//
// With legacy_alter_table the rename does not check views, which name a table that is
// missing at that moment. It also leaves triggers, views and other tables' foreign
// keys unchanged.
func (a sqliteAlter) rebuild(ctx context.Context) ([]string, error) {
	e, name := a.engine, nameOfTable(a.to)
	table := *a.to
	table.Indexes = nil
	table.Name = a.freeName()
	created, err := planChange(ctx, e, &table, &schema.AddTable{T: &table})
	if err != nil {
		return nil, err
	}
	out := []string{created[0].sql}
	if columns, values, err := a.copied(); err != nil {
		return nil, err
	} else if len(columns) > 0 {
		out = append(out, fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s",
			quoted(e, table.Name), strings.Join(columns, ", "), strings.Join(values, ", "), quotedName(e, name)))
	}
	if hasNumbered(a.from) && hasNumbered(a.to) {
		out = append(out,
			"DELETE FROM sqlite_sequence WHERE name = "+quote(table.Name),
			fmt.Sprintf("INSERT INTO sqlite_sequence (name, seq) SELECT %s, seq FROM sqlite_sequence WHERE name = %s", quote(table.Name), quote(a.to.Name)))
	}
	gone, err := planModify(ctx, e, a.from, a.goneIndexes())
	if err != nil {
		return nil, err
	}
	out = append(out, gone...)
	out = append(out,
		"DROP TABLE "+quotedName(e, name),
		"PRAGMA legacy_alter_table = on",
		fmt.Sprintf("ALTER TABLE %s RENAME TO %s", quoted(e, table.Name), quoted(e, a.to.Name)),
		"PRAGMA legacy_alter_table = off")
	indexes := make([]schema.Change, len(a.to.Indexes))
	for i, index := range a.to.Indexes {
		indexes[i] = &schema.AddIndex{I: index}
	}
	statements, err := planModify(ctx, e, a.to, indexes)
	return append(out, statements...), err
}

// goneIndexes drops the indexes that the new table does not have. The runner would
// otherwise create them again, as it does with all indexes of the old table.
func (a sqliteAlter) goneIndexes() []schema.Change {
	var gone []schema.Change
	for _, index := range a.from.Indexes {
		if _, kept := a.to.Index(index.Name); !kept && !isInlineUnique(index) {
			gone = append(gone, &schema.DropIndex{I: index})
		}
	}
	return gone
}

func (a sqliteAlter) freeName() string {
	name := "new_" + a.to.Name
	taken := func(realm *schema.Realm) bool {
		return slices.ContainsFunc(tablesOf(realm), func(t *schema.Table) bool { return foldASCII(t.Name) == foldASCII(name) })
	}
	for slices.ContainsFunc(a.realms, taken) {
		name = "new_" + name
	}
	return name
}

// copied returns the columns whose values are copied, and the expressions that
// convert these values.
func (a sqliteAlter) copied() (columns, values []string, err error) {
	for _, column := range a.to.Columns {
		from, ok := a.from.Column(column.Name)
		if _, generated := attrOf[*schema.GeneratedExpr](column.Attrs); !ok || generated {
			continue
		}
		name := quoted(a.engine, column.Name)
		value := sqliteConversion(name, from.Type.Type, column.Type.Type)
		if from.Type.Null && !column.Type.Null && column.Default != nil {
			value = fmt.Sprintf("IFNULL(%s, %s)", value, defaultSQL(column))
		}
		columns, values = append(columns, name), append(values, value)
	}
	return columns, values, nil
}

// sqliteConversion returns the expression that converts a column's values, where the
// affinity of the new column does not.
func sqliteConversion(name string, from, to schema.Type) string {
	_, fromBytes := from.(*schema.BinaryType)
	_, toBytes := to.(*schema.BinaryType)
	switch {
	case fromBytes && !toBytes:
		return "CAST(" + name + " AS TEXT)"
	case toBytes && !fromBytes:
		return "CAST(" + name + " AS BLOB)"
	}
	return name
}

func hasNumbered(table *schema.Table) bool { return slices.ContainsFunc(table.Columns, numbered) }

// overlooked finds a change between date, time and timestamp, which the driver reads
// differently.
func (sqliteEngine) overlooked(from, to *schema.Column) schema.ChangeKind {
	if !isTime(from.Type.Type) || !isTime(to.Type.Type) {
		return schema.NoChange
	}
	if sqliteTypeName(from) != sqliteTypeName(to) {
		return schema.ChangeType
	}
	return schema.NoChange
}

// sqliteTypeName returns the name that this package gives the type, whichever alias
// the table has.
func sqliteTypeName(c *schema.Column) string {
	name, err := sqlite.FormatType(c.Type.Type)
	if err != nil {
		return ""
	}
	if known, ok := sqliteTypes[splitType(name).base]; ok {
		return known
	}
	return name
}
