package migrate

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule/migrate/internal/rebuild"
)

// attachment is an index or a trigger of a table. SQLite drops it with the table.
type attachment struct {
	Kind    string
	Name    string
	Table   string
	SQL     string
	Columns []string `bun:"-"` // the columns of an index, without expressions, or of UPDATE OF in a trigger
	Final   string   `bun:"-"` // the final name of the table that replaces its own in a rebuild; "" if there is none
}

type attachments []attachment

// attached returns the indexes and triggers of a database, without the indexes that belong to
// constraints.
func attached(ctx context.Context, db bun.IDB) (attachments, error) {
	var all attachments
	if err := db.NewRaw(
		"SELECT type AS kind, name, tbl_name AS \"table\", sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY rowid",
	).Scan(ctx, &all); err != nil {
		return nil, fmt.Errorf("list indexes and triggers: %w", err)
	}
	for i := range all {
		if all[i].Kind == "trigger" {
			all[i].Columns = rebuild.TriggerColumns(all[i].SQL)
			continue
		}
		if err := db.NewRaw("SELECT name FROM pragma_index_info(?) WHERE name IS NOT NULL", all[i].Name).Scan(ctx, &all[i].Columns); err != nil {
			return nil, fmt.Errorf("list the columns of index %s: %w", all[i].Name, err)
		}
	}
	return all, nil
}

func (all attachments) has(name string) bool {
	return slices.ContainsFunc(all, func(a attachment) bool { return a.Name == name })
}

func (all attachments) without(others attachments) attachments {
	return slices.DeleteFunc(slices.Clone(all), func(a attachment) bool { return others.has(a.Name) })
}

// restore creates the attachments again whose table exists, unless an attachment has the same
// name. If one can't be created, or its table got another name, it returns an error, because the
// attachment would be lost.
func (all attachments) restore(ctx context.Context, tx bun.Tx) error {
	if len(all) == 0 {
		return nil
	}
	present, err := attached(ctx, tx)
	if err != nil {
		return err
	}
	for _, a := range all.without(present) {
		if a.Final != "" && a.Final != rebuild.Fold(a.Table) {
			return fmt.Errorf("%s %s would be lost: it was on the table that %s takes the place of; make it again in the revision, or drop it before",
				a.Kind, a.Name, a.Final)
		}
		columns, err := columnsOf(ctx, tx, a.Table)
		if err != nil {
			return err
		}
		if len(columns) == 0 {
			continue // the revision dropped the table
		}
		for _, name := range a.Columns {
			if !slices.Contains(columns, rebuild.Fold(name)) {
				return fmt.Errorf("%s %s is on column %s, which table %s has no longer: drop the %s before", a.Kind, a.Name, name, a.Table, a.Kind)
			}
		}
		if err := execute(ctx, tx, a.SQL); err != nil {
			return fmt.Errorf("put %s %s back on the rebuilt table %s: %w; drop the %s before, and make it as it should be after",
				a.Kind, a.Name, a.Table, err, a.Kind)
		}
	}
	return nil
}

// restoreBefore creates the attachments of a rebuilt table again before the i-th statement, if that
// renames the table or a column of it: then SQLite renames it in the attachments too. It leaves out
// attachments that a later statement creates or drops.
func (d *sqliteDialect) restoreBefore(ctx context.Context, tx bun.Tx, w work, i int) error {
	table := rebuild.Renames(w.statements[i].Text)
	if table == "" || len(d.dropped) == 0 {
		return nil
	}
	var later []string
	for _, statement := range w.statements[i+1:] {
		later = append(later, rebuild.NamesIndexOrTrigger(statement.Text))
	}
	var due, others attachments
	for _, a := range d.dropped {
		if rebuild.Fold(a.Table) == table && !slices.Contains(later, rebuild.Fold(a.Name)) {
			due = append(due, a)
		} else {
			others = append(others, a)
		}
	}
	d.dropped = others
	return due.restore(ctx, tx)
}

// columnsOf returns the columns of a table or view, in lower case; none if it does not exist.
func columnsOf(ctx context.Context, tx bun.Tx, table string) ([]string, error) {
	var columns []string
	if err := tx.NewRaw("SELECT lower(name) FROM pragma_table_xinfo(?)", table).Scan(ctx, &columns); err != nil {
		return nil, fmt.Errorf("list the columns of table %s: %w", table, err)
	}
	return columns, nil
}
