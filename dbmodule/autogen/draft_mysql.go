package autogen

import (
	"context"
	"slices"

	"ariga.io/atlas/sql/schema"
)

// rename drops the checks that speak of a column around its rename: neither
// MySQL nor MariaDB renames a column in a check.
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

// mysqlAlter sorts the changes of a table into statements that MySQL and
// MariaDB understand alike: checks by DROP CONSTRAINT, since MariaDB has no
// DROP CHECK, before rows are filled and after all else; an index and its
// successor together, since a foreign key that needs one of the two must find
// one at all times.
type mysqlAlter struct {
	engine mysqlEngine
	table  *schema.Table
	drops  []schema.Change
	first  []schema.Change
	fill   []string
	main   []schema.Change
	adds   []schema.Change
}

func (e mysqlEngine) alter(ctx context.Context, modify *schema.ModifyTable) ([]string, error) {
	a := mysqlAlter{engine: e, table: modify.T}
	for _, change := range modify.Changes {
		a.add(change)
	}
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
	return out, nil
}

func (a *mysqlAlter) add(change schema.Change) {
	switch change := change.(type) {
	case *schema.DropCheck:
		a.drops = append(a.drops, change)
	case *schema.AddCheck:
		a.adds = append(a.adds, change)
	case *schema.ModifyCheck:
		a.drops = append(a.drops, &schema.DropCheck{C: change.From})
		a.adds = append(a.adds, &schema.AddCheck{C: change.To})
	case *schema.ModifyIndex:
		a.main = append(a.main, &schema.DropIndex{I: change.From}, &schema.AddIndex{I: change.To})
	case *schema.ModifyColumn:
		a.column(change)
	default:
		a.main = append(a.main, change)
	}
}

func (a *mysqlAlter) column(change *schema.ModifyColumn) {
	a.main = append(a.main, change)
	if !fills(change) {
		return
	}
	if change.Change.Is(schema.ChangeType) {
		// The default is one of the new type.
		nullable := *change.To
		nullable.Type = &schema.ColumnType{Type: change.To.Type.Type, Null: true}
		nullable.Attrs = slices.Clone(change.To.Attrs)
		a.first = append(a.first, &schema.ModifyColumn{From: change.From, To: &nullable, Change: schema.ChangeType})
	}
	a.fill = append(a.fill, fillSQL(a.engine, a.table, change.To))
}
