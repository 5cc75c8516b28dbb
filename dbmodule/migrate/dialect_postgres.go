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
	"github.com/openhands-go/server/dbmodule/migrate/internal/sqlscan"
)

// postgresDialect takes an advisory lock in each transaction, which the server releases with
// the transaction. So a revision never runs without its lock, also behind a pooler, or while
// the server still works for a process that died. A process that waits for the lock tries
// again and again, each time in a new transaction: a statement that waits would have a
// snapshot, and CREATE INDEX CONCURRENTLY waits for snapshots.
//
// A revision of several transactions also takes a second lock, in a transaction without a
// snapshot on a second connection.
type postgresDialect struct {
	transactionalDialect

	run *run
	// spanning is the transaction with the second lock.
	spanning *bun.Tx
	// watched are tables that may lose more than the revision knows, and texts are
	// the statements of both its directions. They last one transaction.
	watched []takeable
	texts   []string
}

// The numbers of the two advisory locks: the letters "dbrevise" and "dbrevisf". Each
// transaction of a revision takes the first exclusively. A revision of several transactions
// takes the second exclusively, and the transactions of other revisions share it.
const (
	postgresLock = 0x6462726576697365
	postgresSpan = 0x6462726576697366
)

func (d *postgresDialect) isolation() sql.IsolationLevel { return sql.LevelReadCommitted }

func (d *postgresDialect) resetSettings(ctx context.Context, tx bun.Tx, forGood bool) error {
	for _, statement := range postgresOwnSettings(forGood) {
		if err := execute(ctx, tx, statement); err != nil {
			return fmt.Errorf("go back to the connection's own settings: %w", err)
		}
	}
	return nil
}

// postgresOwnSettings undo SET and set_config: an empty search_path, another
// role, a read-only default. Roles come first, which may do less than the
// account. What is not for good ends with the transaction.
func postgresOwnSettings(forGood bool) []string {
	local := "LOCAL "
	if forGood {
		local = ""
	}
	return []string{
		"SET " + local + "SESSION AUTHORIZATION DEFAULT",
		"SET " + local + "role TO DEFAULT",
		fmt.Sprintf(`SELECT pg_catalog.set_config(name, reset_val, %t) FROM pg_catalog.pg_settings
WHERE source = 'session' AND setting IS DISTINCT FROM reset_val AND name NOT LIKE 'transaction\_%%' AND context IN ('user', 'superuser')`, !forGood),
	}
}

func (d *postgresDialect) lockTx(ctx context.Context, tx bun.Tx) (got bool, holder string, err error) {
	if d.spanning == nil {
		if got, err = tryLock(ctx, tx, "pg_try_advisory_xact_lock_shared", postgresSpan); !got || err != nil {
			return false, d.holder(ctx, tx, postgresSpan), err
		}
	}
	if got, err = tryLock(ctx, tx, "pg_try_advisory_xact_lock", postgresLock); !got || err != nil {
		return false, d.holder(ctx, tx, postgresLock), err
	}
	return true, "", nil
}

func tryLock(ctx context.Context, tx bun.Tx, function string, key int64) (got bool, err error) {
	err = tx.NewRaw("SELECT "+function+"(?)", key).Scan(ctx, &got)
	return got, err
}

func (d *postgresDialect) lockRevision(ctx context.Context) (release func() error, err error) {
	conn, err := d.run.db.DB().Conn(ctx)
	if err != nil {
		return nil, err
	}
	w := d.run.waiting()
	for {
		tx, holder, err := d.trySpan(ctx, conn)
		if err == nil && holder == "" {
			d.spanning = &tx
			return func() error {
				d.spanning = nil
				return errors.Join(endLock(tx), giveBack(conn))
			}, nil
		}
		if err == nil {
			err = w.pause(ctx, holder)
		}
		if err != nil {
			return nil, errors.Join(err, giveBack(conn))
		}
	}
}

// trySpan begins a transaction with the second lock, or says who has it. The
// transaction ends with the run, not with ctx: what is unfinished is recorded
// before another process may begin.
func (d *postgresDialect) trySpan(ctx context.Context, conn bun.Conn) (tx bun.Tx, holder string, err error) {
	tx, err = conn.BeginTx(context.WithoutCancel(ctx), &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return tx, "", err
	}
	// It is idle for as long as statements take, which servers can forbid.
	err = execute(ctx, tx, "SELECT set_config(name, '0', true) FROM pg_settings "+
		"WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')")
	if err == nil {
		var got bool
		if got, err = tryLock(ctx, tx, "pg_try_advisory_xact_lock", postgresSpan); got && err == nil {
			return tx, "", nil
		}
	}
	if err == nil {
		holder = d.holder(ctx, tx, postgresSpan)
	}
	return tx, holder, errors.Join(err, endLock(tx))
}

func endLock(tx bun.Tx) error {
	if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) && !errors.Is(err, dbmodule.ErrUnavailable) {
		return fmt.Errorf("migrate: release the lock on revisions: %w", err)
	}
	return nil
}

// holder describes who has a lock.
func (d *postgresDialect) holder(ctx context.Context, db bun.IDB, key int64) string {
	const unknown = "another process that migrates"
	var pid int
	var name, address string
	err := db.NewRaw(`SELECT a.pid, a.application_name, coalesce(host(a.client_addr), 'this machine')
FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.pid <> pg_backend_pid()
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND l.classid = ? AND l.objid = ? LIMIT 1`, key>>32, key&0xffffffff).Scan(ctx, &pid, &name, &address)
	if err != nil {
		return unknown // it ended meanwhile, or this user may not look
	}
	return strings.TrimSpace(fmt.Sprintf("%s: server process %d of a client on %s %s", unknown, pid, address, name))
}

func (d *postgresDialect) checkLock(ctx context.Context, _ bun.Tx) error {
	if d.spanning == nil {
		return nil
	}
	if err := execute(ctx, *d.spanning, "SELECT 1"); err != nil {
		return fmt.Errorf("the lock on revisions was lost: %w", err)
	}
	return nil
}

func (d *postgresDialect) prepare(ctx context.Context, tx bun.Tx, statements []Statement) error {
	d.watched = nil
	if err := d.lockFirst(ctx, tx, statements); err != nil {
		return err
	}
	limit := d.run.db.LockTimeout()
	if limit == 0 {
		return execute(ctx, tx, "SET LOCAL lock_timeout TO DEFAULT")
	}
	return execute(ctx, tx, fmt.Sprintf("SET LOCAL lock_timeout = %d", max(limit.Milliseconds(), 1)))
}

func (d *postgresDialect) aroundTx(ctx context.Context, fn func(func(bun.Tx) error) error) error {
	return fn(func(tx bun.Tx) error {
		if err := d.nothingTaken(ctx, tx); err != nil {
			return err
		}
		return d.keysKept(ctx, tx)
	})
}

func (d *postgresDialect) execute(ctx context.Context, tx bun.Tx, w work, i int) error {
	statement := w.statements[i].Text
	if name := schemaIfNotExists(statement); name != "" {
		// Even where it makes nothing it asks for the right to make schemas,
		// which who works in one that an administrator made need not have.
		var there bool
		err := tx.NewRaw("SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = ?)", name).Scan(ctx, &there)
		if err != nil || there {
			return err
		}
	}
	if m := reDropIndex.FindStringSubmatch(statement); m != nil {
		drops, err := dropsUnique(ctx, tx, m[1])
		if err != nil {
			return err
		}
		if drops != "" {
			return execute(ctx, tx, drops)
		}
	}
	if err := d.watch(ctx, tx, w, i); err != nil {
		return err
	}
	return d.retyped(ctx, tx, w, i)
}

// reDropIndex matches a statement that drops one index.
var reDropIndex = regexp.MustCompile(`(?is)^DROP\s+INDEX\s+(?:IF\s+EXISTS\s+)?` + sqlName + `$`)

// dropsUnique returns the statement that drops a unique constraint, if its index has this
// name, or "". Models have unique indexes only, while other tools make constraints, whose
// index can't be dropped by itself.
func dropsUnique(ctx context.Context, tx bun.Tx, index string) (statement string, err error) {
	err = tx.NewRaw(`SELECT coalesce(max(pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname)), '')
FROM pg_catalog.pg_constraint WHERE contype = 'u' AND conindid = pg_catalog.to_regclass(?)`, index).Scan(ctx, &statement)
	if err != nil {
		return "", fmt.Errorf("look for the constraint of index %s: %w", index, err)
	}
	return statement, nil
}

// schemaIfNotExists is the name in CREATE SCHEMA IF NOT EXISTS name, or "".
func schemaIfNotExists(statement string) string {
	const words = 6
	tokens := sqlscan.PostgreSQL.First(statement, words+1)
	if len(tokens) != words || !tokens[0].Is("CREATE") || !tokens[1].Is("SCHEMA") || !tokens[2].Is("IF") || !tokens[3].Is("NOT") || !tokens[4].Is("EXISTS") {
		return ""
	}
	return storedName(tokens[5])
}

// storedName is a name as the server stores it: in small letters unless it is quoted.
func storedName(token sqlscan.Token) string {
	if token.Kind == sqlscan.Name {
		return strings.ReplaceAll(token.Text[1:len(token.Text)-1], `""`, `"`)
	}
	return strings.ToLower(token.Text)
}

// reConcurrently finds the name of an index that is built beside writers.
var reConcurrently = regexp.MustCompile(`(?is)^CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?("(?:[^"]|"")+"|[\w$]+)\s+ON\s`)

func (d *postgresDialect) executeAlone(ctx context.Context, w work, i int) error {
	statement := w.statements[i].Text
	if m := reConcurrently.FindStringSubmatch(statement); m != nil {
		if err := d.dropInvalid(ctx, m[1]); err != nil {
			return err
		}
	}
	return d.retyped(ctx, d.run.conn, w, i)
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

func (d *postgresDialect) saysDone(err error) bool {
	switch codeOf(err) {
	case "42P07", "42710", "42701", "42P06", // there already
		"42P01", "42704", "42703": // not there
		return true
	}
	return false
}

// reUnnamedIndex matches an index that is built beside writers and gets its name from
// the server.
var reUnnamedIndex = regexp.MustCompile(`(?is)^CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+ON\s`)

func (d *postgresDialect) doneTwice(text string) bool { return reUnnamedIndex.MatchString(text) }

func (d *postgresDialect) saysExists(err error) bool { return codeOf(err) == "42P07" }

func (d *postgresDialect) hint(err error) string {
	switch codeOf(err) {
	case "25001":
		return fmt.Sprintf("it can't run in a transaction: put the line %q right before it", directivePrefix+markNoTx)
	case "55P04":
		return fmt.Sprintf("put the line %q right before the ALTER TYPE that adds the value", directivePrefix+markNoTx)
	case "55006":
		if strings.Contains(err.Error(), "pending trigger events") {
			return "rows of the table wait for a deferred constraint: put the line \"SET CONSTRAINTS ALL IMMEDIATE;\" before this statement, so that they are checked now"
		}
	case "55P03":
		return fmt.Sprintf("others held a lock on the table for longer than DATABASE_LOCK_TIMEOUT=%s, in %d attempts", d.run.db.LockTimeout().Round(time.Millisecond), maxAttempts)
	}
	return ""
}
