package autogen

import (
	"cmp"
	"context"
	"slices"

	"ariga.io/atlas/sql/schema"

	"github.com/openhands-go/server/dbmodule"
)

// stages are changes in an order that PostgreSQL and MySQL accept. Foreign keys are
// dropped first and added last, so that none is in the way of another change, and
// tables in a cycle need no order.
type stages struct {
	goneKeys, newKeys     []*schema.ForeignKey
	goneTables, newTables []*schema.Table
	// changed tables, without their foreign keys.
	changed []*schema.ModifyTable
}

// stagesOf sorts changes between two realms into stages.
func stagesOf(e engine, from, to *schema.Realm, changes []schema.Change) stages {
	var s stages
	for _, change := range changes {
		switch change := change.(type) {
		case *schema.AddTable:
			s.newTables = append(s.newTables, change.T)
		case *schema.DropTable:
			s.goneTables = append(s.goneTables, change.T)
		case *schema.ModifyTable:
			s.change(change)
		}
	}
	s.recreateKeys(e, from, to)
	byName := func(a, b *schema.ModifyTable) int { return compareNames(nameOfTable(a.T), nameOfTable(b.T)) }
	slices.SortFunc(s.changed, byName)
	s.changed = slices.DeleteFunc(s.changed, func(m *schema.ModifyTable) bool { return len(m.Changes) == 0 })
	return s
}

// change sorts the changes of a table: its foreign keys, and all others.
func (s *stages) change(modify *schema.ModifyTable) {
	rest := &schema.ModifyTable{T: modify.T}
	for _, change := range modify.Changes {
		switch change := change.(type) {
		case *schema.AddForeignKey:
			s.newKeys = append(s.newKeys, change.F)
		case *schema.DropForeignKey:
			s.goneKeys = append(s.goneKeys, change.F)
		case *schema.ModifyForeignKey:
			s.goneKeys = append(s.goneKeys, change.From)
			s.newKeys = append(s.newKeys, change.To)
		default:
			rest.Changes = append(rest.Changes, change)
		}
	}
	s.changed = append(s.changed, rest)
}

// recreateKeys adds the foreign keys on changed columns to the keys that are dropped first and
// added last.
func (s *stages) recreateKeys(e engine, from, to *schema.Realm) {
	for _, table := range tablesOf(from) {
		now, stays := tableAt(to, nameOfTable(table))
		if !stays {
			continue
		}
		for _, key := range table.ForeignKeys {
			i := slices.IndexFunc(now.ForeignKeys, func(other *schema.ForeignKey) bool { return sameKey(key, other) })
			if i < 0 || slices.Contains(s.goneKeys, key) || !s.affects(e, key) {
				continue
			}
			s.goneKeys = append(s.goneKeys, key)
			s.newKeys = append(s.newKeys, now.ForeignKeys[i])
			s.removeRename(key.Symbol)
		}
	}
}

// removeRename removes the rename of a key that is created again anyway.
func (s *stages) removeRename(symbol string) {
	for _, modify := range s.changed {
		modify.Changes = slices.DeleteFunc(modify.Changes, func(change schema.Change) bool {
			renamed, ok := change.(renameConstraint)
			return ok && renamed.from == symbol
		})
	}
}

// affects reports whether the changes affect the foreign key: one of its columns, or the key that
// it refers to.
func (s *stages) affects(e engine, key *schema.ForeignKey) bool {
	for _, modify := range s.changed {
		child := nameOfTable(modify.T) == nameOfTable(key.Table)
		parent := nameOfTable(modify.T) == nameOfTable(key.RefTable)
		for _, change := range modify.Changes {
			if child && affectsColumn(e, change, key.Columns) ||
				parent && (affectsColumn(e, change, key.RefColumns) || affectsIndex(change, key.RefColumns)) {
				return true
			}
		}
	}
	return false
}

// affectsColumn reports whether one of the columns changes in a way that the engine forbids while a
// foreign key uses it.
func affectsColumn(e engine, change schema.Change, columns []*schema.Column) bool {
	modify, ok := change.(*schema.ModifyColumn)
	if !ok || !slices.Contains(columnNames(columns), modify.From.Name) {
		return false
	}
	kinds := schema.ChangeType
	if e.name() == dbmodule.MySQL {
		kinds |= schema.ChangeNull | schema.ChangeCharset | schema.ChangeCollate
	}
	return modify.Change.Is(kinds)
}

// affectsIndex reports whether the change drops a unique key that a foreign key to these columns
// may need.
func affectsIndex(change schema.Change, columns []*schema.Column) bool {
	var index *schema.Index
	switch change := change.(type) {
	case *schema.DropPrimaryKey:
		index = change.P
	case *schema.ModifyPrimaryKey:
		index = change.From
	case *schema.DropIndex:
		index = change.I
	case *schema.ModifyIndex:
		index = change.From
	default:
		return false
	}
	return identifies([][]string{partNames(index)}, columnNames(columns))
}

// partNames returns the names of an index's columns, without expressions.
func partNames(index *schema.Index) []string {
	var names []string
	for _, part := range index.Parts {
		if part.C != nil {
			names = append(names, part.C.Name)
		}
	}
	return names
}

// statements returns the statements of all stages. change returns the statements of one changed
// table.
func (s *stages) statements(ctx context.Context, e engine, change func(*schema.ModifyTable) ([]string, error)) ([]string, error) {
	creations := createOrder(s.goneTables)
	for _, c := range creations {
		s.goneKeys = append(s.goneKeys, c.later...)
	}
	out, err := planKeys(ctx, e, s.goneKeys, func(key *schema.ForeignKey) schema.Change { return &schema.DropForeignKey{F: key} })
	if err != nil {
		return nil, err
	}
	slices.Reverse(creations)
	for _, c := range creations {
		out = append(out, "DROP TABLE "+quotedName(e, nameOfTable(c.table)))
	}
	for _, modify := range s.changed {
		changed, err := change(modify)
		if err != nil {
			return nil, err
		}
		out = append(out, changed...)
	}
	created, err := planTables(ctx, e, createOrder(s.newTables), false)
	if err != nil {
		return nil, err
	}
	for _, statement := range created {
		out = append(out, statement.sql)
	}
	keys, err := planKeys(ctx, e, s.newKeys, func(key *schema.ForeignKey) schema.Change { return &schema.AddForeignKey{F: key} })
	return append(out, keys...), err
}

// planKeys returns the statements that add or drop foreign keys, one for each table. change makes
// the change of a key.
func planKeys(ctx context.Context, e engine, keys []*schema.ForeignKey, change func(*schema.ForeignKey) schema.Change) ([]string, error) {
	keys = slices.Clone(keys)
	slices.SortFunc(keys, func(a, b *schema.ForeignKey) int {
		if c := compareNames(nameOfTable(a.Table), nameOfTable(b.Table)); c != 0 {
			return c
		}
		return cmp.Compare(a.Symbol, b.Symbol)
	})
	var out []string
	for len(keys) > 0 {
		table := keys[0].Table
		modify := &schema.ModifyTable{T: table}
		for len(keys) > 0 && nameOfTable(keys[0].Table) == nameOfTable(table) {
			modify.Changes = append(modify.Changes, change(keys[0]))
			keys = keys[1:]
		}
		planned, err := planModify(ctx, e, modify.T, modify.Changes)
		if err != nil {
			return nil, err
		}
		out = append(out, planned...)
	}
	return out, nil
}

// planModify lets atlas render changes of one table.
func planModify(ctx context.Context, e engine, table *schema.Table, changes []schema.Change) ([]string, error) {
	if len(changes) == 0 {
		return nil, nil
	}
	planned, err := planChange(ctx, e, table, &schema.ModifyTable{T: table, Changes: changes})
	if err != nil {
		return nil, err
	}
	out := make([]string, len(planned))
	for i, statement := range planned {
		out[i] = statement.sql
	}
	return out, nil
}

// quotedName renders the name of a table.
func quotedName(e engine, name tableName) string {
	quote := '"'
	if e.name() != dbmodule.PostgreSQL {
		quote = '`'
	}
	quoted := quoteIdent(name.name, quote)
	if name.schema != "" {
		quoted = quoteIdent(name.schema, quote) + "." + quoted
	}
	return quoted
}

// quoted renders the name of a column or constraint.
func quoted(e engine, name string) string { return quotedName(e, tableName{name: name}) }
