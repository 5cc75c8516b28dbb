package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule/migrate/internal/rebuild"
)

// usable records which views and triggers work. SQLite keeps a view, and creates a trigger,
// that names tables or columns which do not exist. Statements that use it then fail.
type usable struct {
	works map[use]bool // false if SQLite can't compile the statement
}

// use is a statement that uses a view, or that runs triggers of a table or view.
type use struct{ table, statement string }

// uses returns a statement for each view, and for each table or view with triggers one
// statement of each kind (INSERT, UPDATE, DELETE) that has triggers. SQLite compiles the
// triggers of a table with a statement of their kind.
func uses(ctx context.Context, tx bun.Tx) ([]use, error) {
	var rows []struct{ Name, Type string }
	if err := tx.NewRaw("SELECT DISTINCT tbl_name AS name, type FROM sqlite_schema WHERE type IN ('view', 'trigger') ORDER BY type, tbl_name").Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("list views and triggers: %w", err)
	}
	var all []use
	for _, row := range rows {
		if row.Type == "view" {
			all = append(all, use{row.Name, "SELECT * FROM " + rebuild.Quote(row.Name)})
			continue
		}
		found, err := writes(ctx, tx, row.Name)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// writes returns the statements with which SQLite compiles the triggers of a table or view.
func writes(ctx context.Context, tx bun.Tx, table string) ([]use, error) {
	name := rebuild.Quote(table)
	var columns []string
	if err := tx.NewRaw("SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0", table).Scan(ctx, &columns); err != nil {
		return []use{{table, "SELECT * FROM " + name}}, nil //nolint:nilerr // the columns of a view that fails can't be read: that it fails is found out by its use
	}
	if len(columns) == 0 {
		return nil, nil
	}
	sets, values := make([]string, len(columns)), make([]string, len(columns))
	for i, column := range columns {
		sets[i] = rebuild.Quote(column) + " = " + rebuild.Quote(column)
		values[i], columns[i] = "NULL", rebuild.Quote(column)
	}
	var triggers []string
	if err := tx.NewRaw("SELECT lower(sql) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?", table).Scan(ctx, &triggers); err != nil {
		return nil, fmt.Errorf("list the triggers of %s: %w", table, err)
	}
	var found []use
	for keyword, statement := range map[string]string{
		"insert": "INSERT INTO " + name + " (" + strings.Join(columns, ", ") + ") VALUES (" + strings.Join(values, ", ") + ")",
		"update": "UPDATE " + name + " SET " + strings.Join(sets, ", "),
		"delete": "DELETE FROM " + name,
	} {
		// Without a trigger of this kind, the statement would fail on a view.
		if slices.ContainsFunc(triggers, func(sql string) bool {
			head, _, _ := strings.Cut(sql, "begin")
			return strings.Contains(head, keyword)
		}) {
			found = append(found, use{table, statement})
		}
	}
	return found, nil
}

// compiles returns an error if SQLite can't compile the statement. It does not run it.
func (u use) compiles(ctx context.Context, tx bun.Tx) error {
	rows, err := tx.QueryContext(ctx, "?", bun.Safe("EXPLAIN "+u.statement))
	if err != nil {
		return err
	}
	for rows.Next() {
	}
	return firstOf(rows.Err(), rows.Close())
}

// firstOf returns the first of the errors that is not nil.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// usableNow records which views and triggers work now.
func usableNow(ctx context.Context, tx bun.Tx) (*usable, error) {
	all, err := uses(ctx, tx)
	if err != nil {
		return nil, err
	}
	u := &usable{works: map[use]bool{}}
	for _, use := range all {
		u.works[use] = use.compiles(ctx, tx) == nil
	}
	return u, nil
}

// checkStillWorks returns an error if a view or trigger worked before and does not work now. A nil usable
// returns nil.
func (u *usable) checkStillWorks(ctx context.Context, tx bun.Tx) error {
	if u == nil {
		return nil
	}
	all, err := uses(ctx, tx)
	if err != nil {
		return err
	}
	for _, use := range all {
		err := use.compiles(ctx, tx)
		if err == nil || u.failed(use) {
			continue
		}
		what, nameErr := use.broken(ctx, tx)
		if nameErr != nil {
			return nameErr
		}
		return fmt.Errorf("%s would fail from now on: %w; drop it before, and make it as it should be after", what, err)
	}
	return nil
}

// failed reports whether a statement of the same kind on the same table failed before. The columns
// in the statement may have changed since then.
func (u *usable) failed(now use) bool {
	verb, _, _ := strings.Cut(now.statement, " ")
	for before, worked := range u.works {
		if !worked && before.table == now.table && strings.HasPrefix(before.statement, verb) {
			return true
		}
	}
	return false
}

// broken returns the name of the view, or of the triggers that make the statement fail each by
// itself.
func (u use) broken(ctx context.Context, tx bun.Tx) (string, error) {
	if strings.HasPrefix(u.statement, "SELECT") {
		return "view " + u.table, nil
	}
	var triggers []attachment
	if err := tx.NewRaw("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? ORDER BY name", u.table).Scan(ctx, &triggers); err != nil {
		return "", fmt.Errorf("list the triggers of %s: %w", u.table, err)
	}
	// The revision will be rolled back, which undoes these DROPs.
	for _, trigger := range triggers {
		if err := execute(ctx, tx, "DROP TRIGGER "+rebuild.Quote(trigger.Name)); err != nil {
			return "", err
		}
	}
	var names []string
	for _, trigger := range triggers {
		if err := execute(ctx, tx, trigger.SQL); err != nil || u.compiles(ctx, tx) != nil {
			names = append(names, trigger.Name)
		}
		if err := execute(ctx, tx, "DROP TRIGGER IF EXISTS "+rebuild.Quote(trigger.Name)); err != nil {
			return "", err
		}
	}
	if len(names) == 0 {
		return "a view under table " + u.table, nil
	}
	return "trigger " + strings.Join(names, ", ") + " of table " + u.table, nil
}
