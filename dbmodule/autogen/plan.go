package autogen

import (
	"context"
	"fmt"
	"slices"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"

	"github.com/openhands-go/server/dbmodule"
)

// Plan returns the engine's statements for changes between two schemas. If a
// statement can be reverted, it comes with the statement that reverts it. Plan
// needs no database. The changes can come from [Diff] or be made by hand; atlas
// sorts them by their foreign keys.
func Plan(ctx context.Context, name dbmodule.Engine, changes []schema.Change) ([]*migrate.Change, error) {
	e, err := engineOf(name)
	if err != nil {
		return nil, err
	}
	plan, err := e.planner().PlanChanges(ctx, "plan", changes)
	if err != nil {
		return nil, fmt.Errorf("autogen: plan changes: %w", err)
	}
	return plan.Changes, nil
}

// statement is one of the statements that create a table.
type statement struct {
	table tableName
	sql   string
	// last is true if the table is complete after this statement, except for foreign
	// keys that close a cycle.
	last bool
}

// planTables returns the statements that create the tables. It plans each table by itself: if it
// gave a cycle of tables to atlas, atlas would also separate foreign keys that are not in the
// cycle. forward says whether a table can be created before one that it refers to.
func planTables(ctx context.Context, e engine, creations []creation, forward bool) ([]statement, error) {
	var statements, keys []statement
	for _, c := range creations {
		table := c.table
		if !forward && len(c.later) > 0 {
			without := *table
			without.ForeignKeys = slices.DeleteFunc(slices.Clone(table.ForeignKeys), func(key *schema.ForeignKey) bool {
				return slices.Contains(c.later, key)
			})
			table = &without
			changes := make([]schema.Change, len(c.later))
			for i, key := range c.later {
				changes[i] = &schema.AddForeignKey{F: key}
			}
			added, err := planChange(ctx, e, c.table, &schema.ModifyTable{T: c.table, Changes: changes})
			if err != nil {
				return nil, err
			}
			keys = append(keys, added...)
		}
		created, err := planChange(ctx, e, c.table, &schema.AddTable{T: table})
		if err != nil {
			return nil, err
		}
		created[len(created)-1].last = true
		statements = append(statements, created...)
	}
	return append(statements, keys...), nil
}

// planChange returns the statements for one change of a table.
func planChange(ctx context.Context, e engine, table *schema.Table, change schema.Change) ([]statement, error) {
	name := nameOfTable(table)
	plan, err := e.planner().PlanChanges(ctx, "tables", []schema.Change{change})
	if err != nil {
		return nil, fmt.Errorf("autogen: plan table %s: %w", name, err)
	}
	statements := make([]statement, len(plan.Changes))
	for i, c := range plan.Changes {
		statements[i] = statement{table: name, sql: c.Cmd}
	}
	return statements, nil
}
