package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule/migrate/internal/rebuild"
)

// sqliteDialect has no lock beyond BEGIN IMMEDIATE: each revision looks again,
// inside its transaction, whether it is still to be done.
//
// SQLite changes most of a table by making a new one, copying the rows,
// dropping the old one and renaming. Foreign keys must not be enforced
// meanwhile, which can only be switched outside a transaction; they are
// checked before the commit. Columns, constraints and options of the old table
// that the revision does not know are those of the new one too (see rebuilt),
// and indexes and triggers that go with the old table come back (see
// attachments). What can't be kept so is refused.
type sqliteDialect struct {
	run *run
	// dropped went with tables in this transaction.
	dropped attachments
	// plans are those of the rebuilds that this transaction began, by the
	// index of their first statement.
	plans map[int]*rebuild.Plan
	// numbers are the last numbers of AUTOINCREMENT tables that went before
	// they are made again, by their folded names.
	numbers map[string]int64
	// usable is what was, before the first rebuild, so that it still must be.
	usable *usable
	// allowed are the violations that were there before.
	allowed map[violation]bool
}

func (d *sqliteDialect) lock(context.Context) (func() error, error) {
	return func() error { return nil }, nil
}

func (d *sqliteDialect) enter(context.Context) error                     { return nil }
func (d *sqliteDialect) leave(context.Context)                           {}
func (d *sqliteDialect) separateBooks() bool                             { return false }
func (d *sqliteDialect) ownSettings(context.Context, bun.Tx, bool) error { return nil }

func (d *sqliteDialect) claim(context.Context, bun.Tx) (bool, string, error) { return true, "", nil }

// span does nothing: SQLite has no lock that lasts longer than a transaction
// and that a crash frees. A statement marked no-transaction may therefore run
// in two processes that migrate at once.
func (d *sqliteDialect) span(context.Context) (func() error, error) {
	return func() error { return nil }, nil
}

func (d *sqliteDialect) keepLock(context.Context, bun.Tx) error             { return nil }
func (d *sqliteDialect) atomic() bool                                       { return true }
func (d *sqliteDialect) isolation() sql.IsolationLevel                      { return sql.LevelDefault }
func (d *sqliteDialect) prepare(context.Context, bun.Tx, []Statement) error { return nil }

func (d *sqliteDialect) together(statements []Statement, from int) int {
	return untilMarked(statements, from)
}

func (d *sqliteDialect) plain(Statement) bool                             { return false }
func (d *sqliteDialect) settles(string) bool                              { return false }
func (d *sqliteDialect) programs(context.Context) (bool, error)           { return true, nil }
func (d *sqliteDialect) repeatable(context.Context, work, int, int) error { return nil }

func (d *sqliteDialect) fingerprint(context.Context, string) (string, error) { return "", nil }

func (d *sqliteDialect) alone(ctx context.Context, w work, i int) error {
	return execute(ctx, d.run.conn, w.statements[i].Text)
}

func (d *sqliteDialect) around(ctx context.Context, fn func(check func(bun.Tx) error) error) error {
	d.allowed = nil
	err := d.unenforced(ctx, fn)
	var violated *violationError
	if !errors.As(err, &violated) {
		return err
	}
	// Rows that broke a rule before are no reason to refuse the revision.
	before, checkErr := violations(ctx, d.run.conn)
	if checkErr != nil {
		return errors.Join(err, checkErr)
	}
	d.allowed = before
	if len(violated.beyond(before)) > 0 {
		return err
	}
	return d.unenforced(ctx, fn)
}

// unenforced runs fn while foreign keys are not enforced.
func (d *sqliteDialect) unenforced(ctx context.Context, fn func(check func(bun.Tx) error) error) (err error) {
	if err := execute(ctx, d.run.conn, "PRAGMA foreign_keys = off"); err != nil {
		return err
	}
	defer func() {
		restore := errors.Join(
			execute(context.WithoutCancel(ctx), d.run.conn, "PRAGMA foreign_keys = on"),
			execute(context.WithoutCancel(ctx), d.run.conn, "PRAGMA legacy_alter_table = off"),
		)
		if restore != nil {
			err = errors.Join(err, restore)
		}
	}()
	d.dropped, d.plans, d.numbers, d.usable = nil, map[int]*rebuild.Plan{}, map[string]int64{}, nil
	return fn(func(tx bun.Tx) error { return d.check(ctx, tx) })
}

// check puts back what went with rebuilt tables, and looks at foreign keys.
func (d *sqliteDialect) check(ctx context.Context, tx bun.Tx) error {
	if err := d.dropped.restore(ctx, tx); err != nil {
		return err
	}
	if err := d.renumber(ctx, tx); err != nil {
		return err
	}
	if err := d.usable.still(ctx, tx); err != nil {
		return err
	}
	found, err := violations(ctx, tx)
	if err != nil {
		return err
	}
	violated := &violationError{found: found}
	if len(violated.beyond(d.allowed)) > 0 {
		return violated
	}
	return nil
}

// violation is a row whose foreign key leads nowhere.
type violation struct {
	table, parent string
	row           int64
	key           int
}

func violations(ctx context.Context, db bun.IDB) (map[violation]bool, error) {
	var rows []struct {
		Table  string `bun:"table"`
		Rowid  *int64 `bun:"rowid"`
		Parent string `bun:"parent"`
		Fkid   int    `bun:"fkid"`
	}
	if err := db.NewRaw("PRAGMA foreign_key_check").Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("check foreign keys: %w", err)
	}
	found := map[violation]bool{}
	for _, row := range rows {
		v := violation{table: row.Table, parent: row.Parent, key: row.Fkid}
		if row.Rowid != nil {
			v.row = *row.Rowid
		}
		found[v] = true
	}
	return found, nil
}

// violationError says that rows would refer to nothing.
type violationError struct{ found map[violation]bool }

func (e *violationError) beyond(allowed map[violation]bool) []violation {
	var beyond []violation
	for v := range e.found {
		if !allowed[v] {
			beyond = append(beyond, v)
		}
	}
	return beyond
}

// Error names the tables.
func (e *violationError) Error() string {
	counts := map[string]int{}
	for v := range e.found {
		counts[fmt.Sprintf("%s that refer to %s", v.table, v.parent)]++
	}
	var parts []string
	for what, n := range counts {
		parts = append(parts, fmt.Sprintf("%d rows of %s", n, what))
	}
	return "foreign keys would be broken: " + strings.Join(parts, ", ") + ": correct the rows, or delete them in the revision"
}

func (d *sqliteDialect) exists(err error) bool {
	text := err.Error()
	return strings.Contains(text, "already exists") || strings.Contains(text, "duplicate column name")
}

func (d *sqliteDialect) taken(err error) bool { return d.exists(err) }

func (d *sqliteDialect) hint(err error) string {
	text := err.Error()
	if strings.Contains(text, "error in view") || strings.Contains(text, "error in trigger") {
		if strings.Contains(text, "no such table") {
			return "a view or trigger names the table: around a rebuild's RENAME, put PRAGMA legacy_alter_table = on and = off"
		}
		return "the view or trigger names what the statement takes away: drop it before this statement, and make it anew after it if it is still wanted"
	}
	if strings.Contains(text, "within a transaction") {
		return fmt.Sprintf("put the line %q right before it", directivePrefix+markNoTx)
	}
	return ""
}
