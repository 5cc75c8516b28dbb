package migrate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// While a revision waits for a lock on a table, all other transactions that want a
// lock on the table wait behind it. If the revision has locked one table and waits
// for another, and a transaction uses the two in the other order, they deadlock. After
// its deadlock_timeout the server fails one of them.
//
// So a revision locks all its tables before its first statement, in the order of
// their names. If that takes longer than half of deadlock_timeout, it releases all of
// them, so that other transactions continue and none of them fails. After a pause it
// tries again, until DATABASE_LOCK_TIMEOUT has passed.

// maxLockTry limits how long one try can make others wait.
const maxLockTry = 400 * time.Millisecond

// lockTarget is a table to lock. Its name is quoted, with its schema.
type lockTarget struct {
	name string
	mode lockMode
}

// lockFirst locks the tables that the statements of the transaction need.
func (d *postgresDialect) lockFirst(ctx context.Context, tx bun.Tx, statements []Statement) error {
	targets, err := lockTargets(ctx, tx, needsOf(statements))
	if err != nil || len(targets) == 0 {
		return err
	}
	limit := d.run.db.LockTimeout()
	try, err := lockTry(ctx, tx, limit)
	if err != nil {
		return err
	}
	for since := time.Now(); ; {
		on, err := lockAll(ctx, tx, targets, try)
		switch {
		case err == nil:
			return nil
		case codeOf(err) != "55P03" && !errors.Is(err, dbmodule.ErrConflict):
			return fmt.Errorf("lock table %s: %w", on, err)
		case limit > 0 && time.Since(since) >= limit:
			return fmt.Errorf("lock table %s: %w; %s", on, err, d.hint(err))
		}
		if err := sleep(ctx, try); err != nil { // let the others continue
			return err
		}
	}
}

// lockTry returns how long one try to take all locks may last. It is less than the time
// after which the server looks for deadlocks.
func lockTry(ctx context.Context, tx bun.Tx, limit time.Duration) (time.Duration, error) {
	var milliseconds int64
	if err := tx.NewRaw("SELECT setting::bigint FROM pg_settings WHERE name = 'deadlock_timeout'").Scan(ctx, &milliseconds); err != nil {
		return 0, fmt.Errorf("read deadlock_timeout: %w", err)
	}
	try := min(time.Duration(milliseconds)*time.Millisecond/2, maxLockTry)
	if limit > 0 {
		try = min(try, limit)
	}
	return max(try, time.Millisecond), nil
}

// lockAll locks all tables within a time. If one can't be locked, it releases all of them and
// returns the name of that table.
func lockAll(ctx context.Context, tx bun.Tx, targets []lockTarget, within time.Duration) (on string, err error) {
	const savepoint = "before_locks"
	if err := execute(ctx, tx, "SAVEPOINT "+savepoint); err != nil {
		return "", err
	}
	until := time.Now().Add(within)
	for _, t := range targets {
		left := max(time.Until(until).Milliseconds(), 1)
		if err := execute(ctx, tx, fmt.Sprintf("SET LOCAL lock_timeout = %d", left)); err != nil {
			return t.name, err
		}
		if err := execute(ctx, tx, "LOCK TABLE "+t.name+" IN "+t.mode.String()+" MODE"); err != nil {
			return t.name, errors.Join(err, execute(ctx, tx, "ROLLBACK TO SAVEPOINT "+savepoint))
		}
	}
	return "", nil
}

// lockTargets returns the tables that the needs name, in the order of their names. It
// leaves out tables that do not exist yet, and those that this account may not lock: the
// statements themselves lock these.
func lockTargets(ctx context.Context, tx bun.Tx, n lockNeeds) ([]lockTarget, error) {
	modes := map[string]lockMode{}
	add := func(mode lockMode, where string, args ...any) error {
		var names []string
		err := tx.NewRaw(`SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE') AND `+where, args...).Scan(ctx, &names)
		if err != nil {
			return fmt.Errorf("look for the tables to lock: %w", err)
		}
		for _, name := range names {
			modes[name] = max(modes[name], mode)
		}
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(n.tables)) {
		if err := add(n.tables[name], "(c.oid = to_regclass(?0) OR c.oid = (SELECT i.indrelid FROM pg_index AS i WHERE i.indexrelid = to_regclass(?0)))", name); err != nil {
			return nil, err
		}
	}
	for _, name := range n.parted {
		if err := add(lockAccess, `c.oid IN (SELECT unnest(ARRAY[f.conrelid, f.confrelid]) FROM pg_constraint AS f
WHERE f.contype = 'f' AND to_regclass(?0) IN (f.conrelid, f.confrelid))`, name); err != nil {
			return nil, err
		}
	}
	for _, name := range n.written {
		if err := add(lockExclusive, `(c.oid = to_regclass(?0) OR c.oid IN (SELECT f.confrelid FROM pg_constraint AS f
WHERE f.contype = 'f' AND f.conrelid = to_regclass(?0)))`, name); err != nil {
			return nil, err
		}
	}
	targets := make([]lockTarget, 0, len(modes))
	for _, name := range slices.Sorted(maps.Keys(modes)) {
		targets = append(targets, lockTarget{name, modes[name]})
	}
	return targets, nil
}
