package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// postgresDialect holds an advisory lock in a transaction of its own: unlike a
// session's lock it also holds behind a pooler that shares connections between
// transactions, since an open transaction keeps its connection. That
// transaction has no snapshot, so CREATE INDEX CONCURRENTLY does not wait for
// it, and it is polled for, since a waiting statement would have one.
type postgresDialect struct {
	run  *run
	held bun.Tx
}

// postgresLock is the advisory lock of whoever migrates a database: "dbrevise"
// as a number.
const postgresLock = 0x6462726576697365

func (d *postgresDialect) atomic() bool                  { return true }
func (d *postgresDialect) isolation() sql.IsolationLevel { return sql.LevelReadCommitted }

func (d *postgresDialect) lock(ctx context.Context) (unlock func() error, err error) {
	conn, err := d.run.db.DB().Conn(ctx)
	if err != nil {
		return nil, err
	}
	w := d.run.waiting()
	for {
		// The lock ends with the run, not with ctx: an unfinished revision
		// must be rolled back before another process may begin.
		tx, got, err := d.try(ctx, conn)
		if err != nil {
			return nil, errors.Join(err, giveBack(conn))
		}
		if got {
			d.held = tx
			return func() error { return errors.Join(endLock(tx), giveBack(conn)) }, nil
		}
		if err := w.pause(ctx, d.holder(ctx, conn)); err != nil {
			return nil, errors.Join(err, giveBack(conn))
		}
	}
}

func endLock(tx bun.Tx) error {
	if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) && !errors.Is(err, dbmodule.ErrUnavailable) {
		return fmt.Errorf("migrate: release the lock on revisions: %w", err)
	}
	return nil
}

func (d *postgresDialect) try(ctx context.Context, conn bun.Conn) (tx bun.Tx, got bool, err error) {
	tx, err = conn.BeginTx(context.WithoutCancel(ctx), &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return tx, false, err
	}
	defer func() {
		if !got {
			err = errors.Join(err, endLock(tx))
		}
	}()
	// It is idle for as long as a revision takes, which servers can forbid.
	if err := execute(ctx, tx, "SELECT set_config(name, '0', true) FROM pg_settings "+
		"WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')"); err != nil {
		return tx, false, err
	}
	err = tx.NewRaw("SELECT pg_try_advisory_xact_lock(?)", int64(postgresLock)).Scan(ctx, &got)
	return tx, got, err
}

// holder describes who has the lock.
func (d *postgresDialect) holder(ctx context.Context, conn bun.Conn) string {
	var pid int
	var name, address string
	err := conn.NewRaw(`SELECT a.pid, a.application_name, coalesce(host(a.client_addr), 'this machine')
FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND l.classid = ? AND l.objid = ? LIMIT 1`, int64(postgresLock)>>32, int64(postgresLock)&0xffffffff).Scan(ctx, &pid, &name, &address)
	if err != nil {
		return "" // it ended meanwhile, or this user may not look
	}
	return strings.TrimSpace(fmt.Sprintf("server process %d of a client on %s %s", pid, address, name))
}

func (d *postgresDialect) keepLock(ctx context.Context, _ bun.Tx) error {
	if err := execute(ctx, d.held, "SELECT 1"); err != nil {
		return fmt.Errorf("the lock on revisions was lost: %w", err)
	}
	return nil
}

func (d *postgresDialect) limitLocks(ctx context.Context, tx bun.Tx) error {
	if err := d.keepLock(ctx, tx); err != nil {
		return err
	}
	limit := d.run.db.LockTimeout()
	if limit == 0 {
		return nil
	}
	return execute(ctx, tx, fmt.Sprintf("SET LOCAL lock_timeout = %d", max(limit.Milliseconds(), 1)))
}

func (d *postgresDialect) around(_ context.Context, fn func(func(bun.Tx) error) error) error {
	return fn(func(bun.Tx) error { return nil })
}

func (d *postgresDialect) execute(ctx context.Context, tx bun.Tx, statement string) error {
	return execute(ctx, tx, statement)
}

func (d *postgresDialect) together(statements []Statement, from int) int {
	return untilMarked(statements, from)
}

func (d *postgresDialect) fingerprint(context.Context) (string, error) { return "", nil }

// reConcurrently finds the name of an index that is built beside writers.
var reConcurrently = regexp.MustCompile(`(?is)^CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?("(?:[^"]|"")+"|[\w$]+)\s+ON\s`)

func (d *postgresDialect) alone(ctx context.Context, statement string) error {
	if m := reConcurrently.FindStringSubmatch(statement); m != nil {
		if err := d.dropInvalid(ctx, m[1]); err != nil {
			return err
		}
	}
	return execute(ctx, d.run.conn, statement)
}

// dropInvalid removes what an earlier attempt to build an index left: it is in
// the way of the next one, and slows writers down for nothing.
func (d *postgresDialect) dropInvalid(ctx context.Context, quoted string) error {
	var names []string
	err := d.run.conn.NewRaw(`SELECT c.oid::regclass::text FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE NOT i.indisvalid AND c.oid = to_regclass(?)`, quoted).Scan(ctx, &names)
	for _, name := range names {
		err = errors.Join(err, execute(ctx, d.run.conn, "DROP INDEX CONCURRENTLY IF EXISTS "+name))
	}
	return err
}

func (d *postgresDialect) exists(err error) bool {
	switch codeOf(err) {
	case "42P07", "42710", "42701", "42P06", // there already
		"42P01", "42704", "42703": // not there
		return true
	}
	return false
}

func (d *postgresDialect) hint(err error) string {
	switch codeOf(err) {
	case "25001":
		return fmt.Sprintf("it can't run in a transaction: put the line %q right before it", directivePrefix+markNoTx)
	case "55P03":
		return fmt.Sprintf("others held a lock on the table for longer than DATABASE_LOCK_TIMEOUT=%s, in %d attempts", d.run.db.LockTimeout().Round(time.Millisecond), maxAttempts)
	}
	return ""
}

// codeOf returns the engine's own code of an error, or "".
func codeOf(err error) string {
	var known *dbmodule.Error
	if errors.As(err, &known) {
		return known.Code
	}
	return ""
}
