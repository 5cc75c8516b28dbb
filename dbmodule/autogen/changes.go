package autogen

import (
	"fmt"
	"slices"

	"ariga.io/atlas/sql/mysql"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"
)

// renameConstraint is a change that renames a foreign key or a check.
type renameConstraint struct {
	schema.Change
	from, to string
}

// changesBetween returns the changes from one realm to another, both in the form of [Realm]: the
// changes that atlas's differ finds, and those that it overlooks. It may normalize the realms.
func changesBetween(e engine, differ schema.Differ, from, to *schema.Realm) ([]schema.Change, error) {
	var changes []schema.Change
	for _, name := range schemaNames(from, to) {
		old, now := schemaNamed(from, name), schemaNamed(to, name)
		settleTexts(e.name(), old, now)
		found, err := withoutDefaults([]*schema.Schema{old, now}, func() ([]schema.Change, error) {
			return differ.SchemaDiff(old, now, schema.DiffNormalized())
		})
		if err != nil {
			return nil, fmt.Errorf("autogen: compare tables: %w", err)
		}
		changes = append(changes, overlooked(e, old, now, found)...)
	}
	for _, change := range changes {
		if modify, ok := change.(*schema.ModifyTable); ok {
			modify.Changes = pairIndexes(modify.Changes)
		}
	}
	return changes, nil
}

// schemaNames returns the sorted names of all schemas, each once.
func schemaNames(realms ...*schema.Realm) []string {
	var names []string
	for _, realm := range realms {
		for _, s := range realm.Schemas {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// schemaNamed returns the schema with this name, or an empty one.
func schemaNamed(realm *schema.Realm, name string) *schema.Schema {
	if s, ok := realm.Schema(name); ok {
		return s
	}
	return schema.New(name)
}

// overlooked adds the changes of columns that atlas's differ does not find: changes of the default,
// of whether the database numbers the column (SQLite and MySQL), and the changes that the engine's
// method of the same name returns.
func overlooked(e engine, from, to *schema.Schema, changes []schema.Change) []schema.Change {
	for _, now := range to.Tables {
		old, ok := from.Table(now.Name)
		if !ok {
			continue
		}
		for _, column := range now.Columns {
			before, ok := old.Column(column.Name)
			if !ok {
				continue
			}
			var kind schema.ChangeKind
			if numbered(before) != numbered(column) {
				kind |= schema.ChangeAttr
			}
			if !sameDefault(before, column) {
				kind |= schema.ChangeDefault
			}
			kind |= e.overlooked(before, column)
			if kind != schema.NoChange {
				changes = addColumnChange(changes, now, &schema.ModifyColumn{From: before, To: column, Change: kind})
			}
		}
	}
	return changes
}

// addColumnChange adds a change of a column to the change of its table, which it makes if there is
// none.
func addColumnChange(changes []schema.Change, table *schema.Table, change *schema.ModifyColumn) []schema.Change {
	for _, c := range changes {
		modify, ok := c.(*schema.ModifyTable)
		if !ok || modify.T != table {
			continue
		}
		for _, c := range modify.Changes {
			if known, ok := c.(*schema.ModifyColumn); ok && known.To == change.To {
				known.Change |= change.Change
				return changes
			}
		}
		modify.Changes = append(modify.Changes, change)
		return changes
	}
	return append(changes, &schema.ModifyTable{T: table, Changes: []schema.Change{change}})
}

// numbered reports whether the database numbers the column.
func numbered(c *schema.Column) bool {
	return slices.ContainsFunc(c.Attrs, func(attr schema.Attr) bool {
		switch attr.(type) {
		case *sqlite.AutoIncrement, *mysql.AutoIncrement, *postgres.Identity:
			return true
		}
		return false
	})
}

// pairIndexes turns a drop and an add of the same index into a rename.
func pairIndexes(changes []schema.Change) []schema.Change {
	for i, change := range changes {
		drop, ok := change.(*schema.DropIndex)
		if !ok {
			continue
		}
		j := slices.IndexFunc(changes, func(c schema.Change) bool {
			add, ok := c.(*schema.AddIndex)
			return ok && sameIndex(drop.I, add.I)
		})
		if j >= 0 {
			add, _ := changes[j].(*schema.AddIndex)
			changes[i] = &schema.RenameIndex{From: drop.I, To: add.I}
			return pairIndexes(slices.Delete(changes, j, j+1))
		}
	}
	return changes
}

func sameIndex(a, b *schema.Index) bool {
	part := func(p, q *schema.IndexPart) bool {
		return p.C != nil && q.C != nil && p.C.Name == q.C.Name && p.Desc == q.Desc
	}
	return a.Unique == b.Unique && slices.EqualFunc(a.Parts, b.Parts, part) && sameText(predicateText(a), predicateText(b))
}

// pairConstraints turns a drop and an add of a foreign key or check into a rename if
// only the name differs.
func pairConstraints(changes []schema.Change) []schema.Change {
	for i, change := range changes {
		for j, other := range changes {
			if from, to, ok := renamedConstraint(change, other); ok {
				changes[i] = renameConstraint{from: from, to: to}
				return pairConstraints(slices.Delete(changes, j, j+1))
			}
		}
	}
	return changes
}

func renamedConstraint(drop, add schema.Change) (from, to string, ok bool) {
	switch drop := drop.(type) {
	case *schema.DropForeignKey:
		add, ok := add.(*schema.AddForeignKey)
		if ok && sameKey(drop.F, add.F) {
			return drop.F.Symbol, add.F.Symbol, true
		}
	case *schema.DropCheck:
		add, ok := add.(*schema.AddCheck)
		if ok && wrap(drop.C.Expr) == wrap(add.C.Expr) {
			return drop.C.Name, add.C.Name, true
		}
	}
	return "", "", false
}

// sameKey compares two foreign keys, except for their names.
func sameKey(a, b *schema.ForeignKey) bool {
	return sameReference(a, b) && action(a.OnUpdate) == action(b.OnUpdate) && action(a.OnDelete) == action(b.OnDelete)
}

// sameReference reports whether two foreign keys allow the same rows.
func sameReference(a, b *schema.ForeignKey) bool {
	return nameOfTable(a.RefTable) == nameOfTable(b.RefTable) &&
		slices.Equal(columnNames(a.Columns), columnNames(b.Columns)) &&
		slices.Equal(columnNames(a.RefColumns), columnNames(b.RefColumns))
}

// action returns the rule, or NO ACTION if it is empty.
func action(rule schema.ReferenceOption) schema.ReferenceOption {
	if rule == "" {
		return schema.NoAction
	}
	return rule
}

func sameText(a, b *string) bool {
	if a == nil || b == nil {
		return a == b
	}
	return wrap(*a) == wrap(*b)
}

// predicateText returns a pointer to the condition of a partial index, or nil. The
// caller may change the text.
func predicateText(index *schema.Index) *string {
	for _, attr := range index.Attrs {
		switch p := attr.(type) {
		case *postgres.IndexPredicate:
			return &p.P
		case *sqlite.IndexPredicate:
			return &p.P
		}
	}
	return nil
}

// attrOf returns the first attribute of type T, and whether there is one.
func attrOf[T schema.Attr](attrs []schema.Attr) (T, bool) {
	for _, attr := range attrs {
		if found, ok := attr.(T); ok {
			return found, true
		}
	}
	var none T
	return none, false
}
