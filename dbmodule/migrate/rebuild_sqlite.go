package migrate

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule/migrate/internal/rebuild"
)

// reDropTable matches DROP TABLE, which also drops the table's indexes and triggers.
var reDropTable = regexp.MustCompile(`(?i)^drop\s+table\b`)

// execute runs the i-th statement. It changes the statements of a rebuild, so that the new table
// also has what the old one has and the revision does not know.
func (d *sqliteDialect) execute(ctx context.Context, tx bun.Tx, w work, i int) error {
	statement := w.statements[i].Text
	for n := range w.rebuilds {
		r := &w.rebuilds[n]
		switch i {
		case r.Create:
			return d.create(ctx, tx, w, r)
		case r.Drop:
			return d.drop(ctx, tx, statement, w, r)
		}
		for c, at := range r.Copies {
			if i == at {
				return d.copy(ctx, tx, statement, r, c)
			}
		}
	}
	if reDropTable.MatchString(statement) {
		return d.drop(ctx, tx, statement, w, nil)
	}
	if err := d.restoreBefore(ctx, tx, w, i); err != nil {
		return err
	}
	err := execute(ctx, tx, statement)
	for _, r := range w.rebuilds {
		if plan := d.plans[r.Create]; err != nil && r.Aside && i > r.Create && plan != nil {
			return explained(err, plan)
		}
	}
	return err
}

// create runs the CREATE TABLE of a rebuild.
func (d *sqliteDialect) create(ctx context.Context, tx bun.Tx, w work, r *rebuild.Rebuild) error {
	if err := d.noteUsable(ctx, tx); err != nil {
		return err
	}
	plan := d.plans[r.Create]
	if !r.Aside {
		var err error
		if plan, err = d.planRebuild(ctx, tx, r); err != nil {
			return err
		}
	} else if plan == nil {
		// An earlier transaction dropped the old table.
		return execute(ctx, tx, w.statements[r.Create].Text)
	}
	return explained(execute(ctx, tx, plan.Create), plan)
}

// explained adds to an error the names of the columns that the new table keeps although the
// revision does not know them.
func explained(err error, plan *rebuild.Plan) error {
	if err == nil || len(plan.Carried) == 0 {
		return err
	}
	return fmt.Errorf("%w; the new table is to keep column %s, which the revision does not know", err, strings.Join(plan.Carried, ", "))
}

// planRebuild plans a rebuild of the old table as it is in the database. If the rebuild would lose
// values, it returns an error.
func (d *sqliteDialect) planRebuild(ctx context.Context, tx bun.Tx, r *rebuild.Rebuild) (*rebuild.Plan, error) {
	var definitions []string
	if err := tx.NewRaw("SELECT sql FROM sqlite_schema WHERE type = 'table' AND lower(name) = ? AND sql NOT LIKE 'create virtual%'", r.Source).
		Scan(ctx, &definitions); err != nil {
		return nil, fmt.Errorf("read table %s: %w", r.Source, err)
	}
	var plan *rebuild.Plan
	var err error
	if len(definitions) == 0 {
		plan = r.AsItStands()
	} else if plan, err = r.On(definitions[0]); err != nil {
		return nil, fmt.Errorf("table %s can't be rebuilt: %w", r.Final, err)
	}
	if lost, err := columnsWithValues(ctx, tx, r.Source, plan.Lost); err != nil {
		return nil, err
	} else if len(lost) > 0 {
		return nil, fmt.Errorf("the rebuild of table %s would lose the values of column %s, which the revision does not copy: "+
			"add the column to CREATE TABLE and to INSERT. To delete the values, write ALTER TABLE … DROP COLUMN before the rebuild, or have the downgrade section make the column again", r.Final, strings.Join(lost, ", "))
	}
	d.plans[r.Create] = plan
	return plan, nil
}

// columnsWithValues returns those of the columns that have a value other than NULL in some row.
func columnsWithValues(ctx context.Context, tx bun.Tx, table string, columns []string) ([]string, error) {
	var found []string
	for _, name := range columns {
		exists, err := tx.NewSelect().TableExpr("?", bun.Ident(table)).Where("? IS NOT NULL", bun.Ident(name)).Exists(ctx)
		if err != nil {
			return nil, fmt.Errorf("look for values of %s.%s: %w", table, name, err)
		}
		if exists {
			found = append(found, name)
		}
	}
	return found, nil
}

// copy runs the i-th statement that copies rows into the new table.
func (d *sqliteDialect) copy(ctx context.Context, tx bun.Tx, statement string, r *rebuild.Rebuild, i int) error {
	if plan := d.plans[r.Create]; plan != nil {
		statement = plan.Copies[i]
	}
	return execute(ctx, tx, statement)
}

// drop drops a table, and remembers the attachments that SQLite drops with it. r is the rebuild
// that replaces the table, nil if there is none.
func (d *sqliteDialect) drop(ctx context.Context, tx bun.Tx, statement string, w work, r *rebuild.Rebuild) error {
	if err := d.noteUsable(ctx, tx); err != nil {
		return err
	}
	if r != nil && r.Aside {
		if err := d.setAside(ctx, tx, r); err != nil {
			return err
		}
		r = nil // the new table has the name of the old one
	}
	if r != nil {
		if err := d.keepNumber(ctx, tx, w, r); err != nil {
			return err
		}
	}
	before, err := attached(ctx, tx)
	if err != nil {
		return err
	}
	if err := execute(ctx, tx, statement); err != nil {
		return err
	}
	after, err := attached(ctx, tx)
	gone := before.without(after)
	if r != nil {
		for i := range gone {
			gone[i].Final = r.Final
		}
	}
	d.dropped = append(d.dropped, gone...)
	return err
}

// setAside plans the rebuild of a table that is dropped before it is created again. If its rows
// would lose values or get other rowids, it returns an error. It remembers the table's
// AUTOINCREMENT counter.
func (d *sqliteDialect) setAside(ctx context.Context, tx bun.Tx, r *rebuild.Rebuild) error {
	plan, err := d.planRebuild(ctx, tx, r)
	if err != nil {
		return err
	}
	if plan.Rowid != "" {
		var renumbered bool
		if err := tx.NewRaw("SELECT count(*) > 0 AND max(?) <> count(*) FROM ?", bun.Ident(plan.Rowid), bun.Ident(r.Source)).Scan(ctx, &renumbered); err != nil {
			return fmt.Errorf("look at the numbers of the rows of %s: %w", r.Final, err)
		}
		if renumbered {
			return fmt.Errorf("table %s is dropped before it is made again, and its rows would get other rowids: "+
				"make the new table first under another name, copy the rows, drop the old table and rename the new one", r.Final)
		}
	}
	if !plan.Numbered {
		return nil
	}
	var last []int64
	if err := tx.NewRaw("SELECT seq FROM main.sqlite_sequence WHERE lower(name) = ?", r.Source).Scan(ctx, &last); err != nil {
		return fmt.Errorf("look for the last number of %s: %w", r.Final, err)
	}
	if len(last) > 0 {
		d.numbers[r.Final] = last[0]
	}
	return nil
}

// renumber restores the AUTOINCREMENT counters that setAside remembered.
func (d *sqliteDialect) renumber(ctx context.Context, tx bun.Tx) error {
	for table, last := range d.numbers {
		for _, statement := range rebuild.Number(table, last) {
			if err := execute(ctx, tx, statement); err != nil {
				return fmt.Errorf("keep the last number of %s: %w", table, err)
			}
		}
	}
	return nil
}

// keepNumber copies the old table's AUTOINCREMENT counter to the new table, unless the revision
// itself writes sqlite_sequence.
func (d *sqliteDialect) keepNumber(ctx context.Context, tx bun.Tx, w work, r *rebuild.Rebuild) error {
	plan := d.plans[r.Create]
	if plan == nil || !plan.Numbered {
		return nil
	}
	for _, statement := range w.statements[r.Create:r.Drop] {
		if strings.Contains(strings.ToLower(statement.Text), "sqlite_sequence") {
			return nil
		}
	}
	for _, statement := range rebuild.KeepNumber(r.Source, r.Target) {
		if err := execute(ctx, tx, statement); err != nil {
			return fmt.Errorf("keep the last number of %s: %w", r.Final, err)
		}
	}
	return nil
}

// noteUsable records which views and triggers work, unless it did so before in this transaction.
func (d *sqliteDialect) noteUsable(ctx context.Context, tx bun.Tx) (err error) {
	if d.usable == nil {
		d.usable, err = usableNow(ctx, tx)
	}
	return err
}
