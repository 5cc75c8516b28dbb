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

// sqliteDialect has no lock but BEGIN IMMEDIATE. So each revision checks inside its
// transaction whether another process has run it.
//
// On SQLite most changes of a table are a rebuild: the revision creates a new table, copies the
// rows, drops the old table and renames the new one. Foreign keys must be off meanwhile. They can
// be switched off only outside a transaction, and are checked before COMMIT. The new table keeps
// the columns, constraints and options of the old one that the revision does not know (see
// package rebuild). The dialect creates the old table's indexes and triggers again (see
// attachments). It refuses a rebuild that can't keep everything.
type sqliteDialect struct {
	transactionalDialect

	run *run
	// dropped are the attachments of the tables that this transaction has dropped.
	dropped attachments
	// plans are the plans of the rebuilds that this transaction has begun, by the index of
	// their CREATE TABLE.
	plans map[int]*rebuild.Plan
	// numbers are the last AUTOINCREMENT numbers of tables that are dropped before they are
	// created again, by their folded names.
	numbers map[string]int64
	// usable says which views and triggers worked before the first rebuild or DROP TABLE; nil if
	// there was none yet. They must work after the revision.
	usable *usable
	// allowed are the violations of foreign keys that existed before the revision.
	allowed map[violation]bool
}

func (d *sqliteDialect) resetSettings(context.Context, bun.Tx, bool) error { return nil }

func (d *sqliteDialect) lockTx(context.Context, bun.Tx) (bool, string, error) { return true, "", nil }

// lockRevision does nothing: SQLite has no lock that outlasts a transaction and ends with the
// process. So two processes that migrate at once may both run a statement that is marked
// no-transaction.
func (d *sqliteDialect) lockRevision(context.Context) (func() error, error) {
	return func() error { return nil }, nil
}

func (d *sqliteDialect) checkLock(context.Context, bun.Tx) error            { return nil }
func (d *sqliteDialect) isolation() sql.IsolationLevel                      { return sql.LevelDefault }
func (d *sqliteDialect) prepare(context.Context, bun.Tx, []Statement) error { return nil }

func (d *sqliteDialect) executeAlone(ctx context.Context, w work, i int) error {
	return execute(ctx, d.run.conn, w.statements[i].Text)
}

func (d *sqliteDialect) aroundTx(ctx context.Context, fn func(check func(bun.Tx) error) error) error {
	d.allowed = nil
	err := d.withoutForeignKeys(ctx, fn)
	var violated *violationError
	if !errors.As(err, &violated) {
		return err
	}
	// Violations that existed before the revision are no reason to refuse it.
	before, checkErr := violations(ctx, d.run.conn)
	if checkErr != nil {
		return errors.Join(err, checkErr)
	}
	d.allowed = before
	if len(violated.beyond(before)) > 0 {
		return err
	}
	return d.withoutForeignKeys(ctx, fn)
}

// withoutForeignKeys runs fn with foreign keys off.
func (d *sqliteDialect) withoutForeignKeys(ctx context.Context, fn func(check func(bun.Tx) error) error) (err error) {
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

// check creates the attachments of rebuilt tables again. It returns an error if a view or trigger no
// longer works, or if the revision violates foreign keys.
func (d *sqliteDialect) check(ctx context.Context, tx bun.Tx) error {
	if err := d.dropped.restore(ctx, tx); err != nil {
		return err
	}
	if err := d.renumber(ctx, tx); err != nil {
		return err
	}
	if err := d.usable.checkStillWorks(ctx, tx); err != nil {
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

// violation is a row with a foreign key to a row that does not exist.
type violation struct {
	table, parent string
	row           int64
	key           int
}

// violations returns all violations of foreign keys in the database.
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

// violationError is the error of a revision that would violate foreign keys.
type violationError struct{ found map[violation]bool }

// beyond returns the violations that are not allowed.
func (e *violationError) beyond(allowed map[violation]bool) []violation {
	var beyond []violation
	for v := range e.found {
		if !allowed[v] {
			beyond = append(beyond, v)
		}
	}
	return beyond
}

// Error names the tables, and how many of their rows violate a foreign key.
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

func (d *sqliteDialect) saysDone(err error) bool {
	text := err.Error()
	return strings.Contains(text, "already exists") || strings.Contains(text, "duplicate column name")
}

func (d *sqliteDialect) canRunTwice(string) bool { return false }

func (d *sqliteDialect) saysExists(err error) bool { return d.saysDone(err) }

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
