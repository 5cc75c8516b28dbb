package autogen

import (
	"context"
	"slices"

	"ariga.io/atlas/sql/schema"
)

// rename drops the checks that use a column before its rename and adds them again
// after it: neither MySQL nor MariaDB renames a column in a check.
func (e mysqlEngine) rename(r renaming) []string {
	if r.column == "" {
		return renameTableSQL(e, r)
	}
	alter := "ALTER TABLE " + quotedName(e, r.at())
	var statements []string
	for _, check := range r.before {
		statements = append(statements, alter+" DROP CONSTRAINT "+quoted(e, check.Name))
	}
	statements = append(statements, renameSQL(e, r))
	for _, check := range r.after {
		statements = append(statements, alter+" ADD CONSTRAINT "+quoted(e, check.Name)+" CHECK "+wrap(check.Expr))
	}
	return statements
}

func (e mysqlEngine) draft(ctx context.Context, from, to *schema.Realm, changes []schema.Change) ([]string, error) {
	s := stagesOf(e, from, to, changes)
	return s.statements(ctx, e, func(modify *schema.ModifyTable) ([]string, error) { return e.alter(ctx, modify) })
}

// mysqlAlter sorts the changes of a table into statements that MySQL and MariaDB
// both understand. Checks are dropped first and added last, with DROP CONSTRAINT
// since MariaDB has no DROP CHECK. An index is replaced in one statement, since a
// foreign key may need the old index or the new one at every moment.
type mysqlAlter struct {
	engine mysqlEngine
	table  *schema.Table
	drops  []schema.Change // checks to drop
	first  []schema.Change // new types of the columns that fill fills
	fill   []string        // UPDATE statements that replace NULL by the default
	main   []schema.Change // all other changes
	adds   []schema.Change // checks to add
	// checked are checks to add to the definitions of their columns.
	checked []*schema.Check
}

func (e mysqlEngine) alter(ctx context.Context, modify *schema.ModifyTable) ([]string, error) {
	a := mysqlAlter{engine: e, table: modify.T}
	for _, change := range modify.Changes {
		a.add(change)
	}
	a.dropColumnChecks(modify.Changes)
	var out []string
	for _, changes := range [][]schema.Change{a.drops, a.first} {
		planned, err := planModify(ctx, e, modify.T, changes)
		if err != nil {
			return nil, err
		}
		out = append(out, planned...)
	}
	out = append(out, a.fill...)
	for _, changes := range [][]schema.Change{a.main, a.adds} {
		planned, err := planModify(ctx, e, modify.T, changes)
		if err != nil {
			return nil, err
		}
		out = append(out, planned...)
	}
	for _, check := range a.checked {
		planned, err := planModify(ctx, e, modify.T, []schema.Change{redefine(modify.T, ownerOf(check))})
		if err != nil {
			return nil, err
		}
		out = append(out, planned[0]+" CHECK "+wrap(check.Expr))
	}
	return out, nil
}

// dropColumnChecks drops checks that are in the definitions of columns: a column is defined
// again without its check, unless another change does so or drops it.
func (a *mysqlAlter) dropColumnChecks(changes []schema.Change) {
	for _, change := range changes {
		var check *schema.Check
		switch change := change.(type) {
		case *schema.DropCheck:
			check = change.C
		case *schema.ModifyCheck:
			check = change.From
		default:
			continue
		}
		owner := ownerOf(check)
		_, stays := a.table.Column(owner)
		redefined := slices.ContainsFunc(a.main, func(change schema.Change) bool {
			modify, ok := change.(*schema.ModifyColumn)
			return ok && modify.To.Name == owner
		})
		if stays && !redefined {
			a.main = append(a.main, redefine(a.table, owner))
		}
	}
}

// redefine writes the definition of a column again.
func redefine(table *schema.Table, name string) *schema.ModifyColumn {
	column, _ := table.Column(name)
	return &schema.ModifyColumn{From: column, To: column, Change: schema.ChangeAttr}
}

func (a *mysqlAlter) add(change schema.Change) {
	switch change := change.(type) {
	case *schema.DropCheck:
		a.dropCheck(change.C)
	case *schema.AddCheck:
		a.addCheck(change.C)
	case *schema.ModifyCheck:
		a.dropCheck(change.From)
		a.addCheck(change.To)
	case *schema.ModifyIndex:
		a.main = append(a.main, &schema.DropIndex{I: change.From}, &schema.AddIndex{I: change.To})
	case *schema.ModifyColumn:
		a.column(change)
	default:
		a.main = append(a.main, change)
	}
}

func (a *mysqlAlter) dropCheck(check *schema.Check) {
	if ownerOf(check) == "" {
		a.drops = append(a.drops, &schema.DropCheck{C: check})
	}
}

func (a *mysqlAlter) addCheck(check *schema.Check) {
	if _, there := a.table.Column(ownerOf(check)); there {
		a.checked = append(a.checked, check)
		return
	}
	a.adds = append(a.adds, &schema.AddCheck{C: check})
}

func (a *mysqlAlter) column(change *schema.ModifyColumn) {
	a.main = append(a.main, change)
	if !fills(change) {
		return
	}
	if change.Change.Is(schema.ChangeType) {
		// The column gets the new type first, because the default has that type.
		nullable := *change.To
		nullable.Type = &schema.ColumnType{Type: change.To.Type.Type, Null: true}
		nullable.Attrs = slices.Clone(change.To.Attrs)
		a.first = append(a.first, &schema.ModifyColumn{From: change.From, To: &nullable, Change: schema.ChangeType})
	}
	a.fill = append(a.fill, fillSQL(a.engine, a.table, change.To))
}
