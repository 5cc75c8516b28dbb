package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"
)

// attachment is an index or a trigger: what SQLite drops along with a table.
type attachment struct {
	Kind    string
	Name    string
	Table   string
	SQL     string
	Columns []string `bun:"-"` // those that an index is on, expressions aside
}

type attachments []attachment

// attached lists the indexes and triggers of a database, but for the indexes
// that are part of a table, such as a UNIQUE constraint's.
func attached(ctx context.Context, db bun.IDB) (attachments, error) {
	var all attachments
	if err := db.NewRaw(
		"SELECT type AS kind, name, tbl_name AS \"table\", sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY rowid",
	).Scan(ctx, &all); err != nil {
		return nil, fmt.Errorf("list indexes and triggers: %w", err)
	}
	for i := range all {
		if all[i].Kind != "index" {
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

// restore makes those again whose table is there again, unless something has
// their name. An index goes with a column that it was on, as it does on the
// other engines.
func (all attachments) restore(ctx context.Context, tx bun.Tx) error {
	if len(all) == 0 {
		return nil
	}
	present, err := attached(ctx, tx)
	if err != nil {
		return err
	}
	for _, a := range all.without(present) {
		fits, err := a.fits(ctx, tx)
		if err != nil {
			return err
		}
		if !fits {
			continue
		}
		if err := execute(ctx, tx, a.SQL); err != nil {
			return fmt.Errorf("put %s %s back on the rebuilt table %s: %w; drop the %s before, and make it as it should be after",
				a.Kind, a.Name, a.Table, err, a.Kind)
		}
	}
	return nil
}

// fits tells whether there is a table, or a view, with all its columns.
func (a attachment) fits(ctx context.Context, tx bun.Tx) (bool, error) {
	exists, err := tx.NewSelect().TableExpr("sqlite_master").
		Where("type IN ('table', 'view') AND lower(name) = lower(?)", a.Table).Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("look for table %s: %w", a.Table, err)
	}
	if !exists {
		return false, nil
	}
	var columns []string
	if err := tx.NewRaw("SELECT lower(name) FROM pragma_table_xinfo(?)", a.Table).Scan(ctx, &columns); err != nil {
		return false, fmt.Errorf("list the columns of table %s: %w", a.Table, err)
	}
	return !slices.ContainsFunc(a.Columns, func(name string) bool {
		return !slices.Contains(columns, strings.ToLower(name))
	}), nil
}
