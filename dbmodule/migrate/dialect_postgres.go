package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
)

// postgresDialect takes an advisory lock in each transaction, which the server releases with
// the transaction. So no revision runs without the lock: not behind a pooler either, and not while
// the server still runs a statement of a process that died. A process that waits for the lock
// polls it, each time in a new transaction: a statement that waits would hold a snapshot, for which
// CREATE INDEX CONCURRENTLY waits.
//
// A revision of several transactions also takes a second lock, in a transaction without a
// snapshot on another connection.
type postgresDialect struct {
	transactionalDialect

	run *run
	// spanTx is the transaction that holds the second lock, nil if there is none.
	spanTx *bun.Tx
	// watched are the tables of which a statement of the present transaction drops something,
	// as they were before. texts are the statements of both directions of the revision.
	watched []watchedTable
	texts   []string
}

// The keys of the two advisory locks: the bytes of "dbrevise" and "dbrevisf". Each transaction
// of a revision takes the first lock exclusively. A revision of several transactions takes the
// second one exclusively; the transactions of other revisions share it.
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

// postgresOwnSettings returns statements that undo SET and set_config, such as an empty
// search_path, another role, or a read-only default. They reset the role first, because another role
// may have fewer rights. Unless forGood is set, they last until the transaction ends.
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
	if d.spanTx == nil {
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
			d.spanTx = &tx
			return func() error {
				d.spanTx = nil
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

// trySpan begins a transaction with the second lock. If another process has the lock, holder
// describes that process. The transaction does not end with ctx: the run records how far the
// revision is before another process may begin.
func (d *postgresDialect) trySpan(ctx context.Context, conn bun.Conn) (tx bun.Tx, holder string, err error) {
	tx, err = conn.BeginTx(context.WithoutCancel(ctx), &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return tx, "", err
	}
	// The transaction is idle while the revision's statements run. A server can limit that.
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

// endLock releases the second lock by ending its transaction.
func endLock(tx bun.Tx) error {
	if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) && !errors.Is(err, dbmodule.ErrUnavailable) {
		return fmt.Errorf("migrate: release the lock on revisions: %w", err)
	}
	return nil
}

// holder describes the process that has a lock.
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
	if d.spanTx == nil {
		return nil
	}
	if err := execute(ctx, *d.spanTx, "SELECT 1"); err != nil {
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
		if err := d.checkNothingLost(ctx, tx); err != nil {
			return err
		}
		return d.restoreKeys(ctx, tx)
	})
}

func (d *postgresDialect) execute(ctx context.Context, tx bun.Tx, w work, i int) error {
	statement := w.statements[i].Text
	if name := schemaIfNotExists(statement); name != "" {
		// PostgreSQL demands the right to create schemas even if the schema exists. An account that
		// works in a schema of an administrator need not have it.
		var there bool
		err := tx.NewRaw("SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = ?)", name).Scan(ctx, &there)
		if err != nil || there {
			return err
		}
	}
	if index := droppedIndex(statement); index != "" {
		drops, err := dropsUnique(ctx, tx, index)
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

// droppedIndex returns the name that DROP INDEX writes, if it drops one index and nothing with it;
// "" for other statements.
func droppedIndex(statement string) string {
	const enough = 8 // DROP INDEX IF EXISTS s . i, and one that must not come
	r := sqlscan.Reader{Tokens: sqlscan.PostgreSQL.First(statement, enough)}
	if !r.Accept("DROP", "INDEX") {
		return ""
	}
	r.Accept("IF", "EXISTS")
	name := r.Any().Text
	if r.Accept(".") {
		name += "." + r.Any().Text
	}
	if !r.Ended() {
		return ""
	}
	return name
}

// dropsUnique returns the statement that drops the unique constraint whose index has this name;
// "" if there is none. Models have unique indexes only, so revisions drop indexes. Other tools
// create unique constraints, whose index can't be dropped by itself.
func dropsUnique(ctx context.Context, tx bun.Tx, index string) (statement string, err error) {
	err = tx.NewRaw(`SELECT coalesce(max(pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname)), '')
FROM pg_catalog.pg_constraint WHERE contype = 'u' AND conindid = pg_catalog.to_regclass(?)`, index).Scan(ctx, &statement)
	if err != nil {
		return "", fmt.Errorf("look for the constraint of index %s: %w", index, err)
	}
	return statement, nil
}

// schemaIfNotExists returns the name in CREATE SCHEMA IF NOT EXISTS name; "" for other statements.
func schemaIfNotExists(statement string) string {
	const words = 6
	tokens := sqlscan.PostgreSQL.First(statement, words+1)
	if len(tokens) != words || !tokens[0].Is("CREATE") || !tokens[1].Is("SCHEMA") || !tokens[2].Is("IF") || !tokens[3].Is("NOT") || !tokens[4].Is("EXISTS") {
		return ""
	}
	return tokens[5].PostgresName()
}

func (d *postgresDialect) saysDone(err error) bool {
	switch codeOf(err) {
	case "42P07", "42710", "42701", "42P06", // exists already
		"42P01", "42704", "42703": // does not exist
		return true
	}
	return false
}

func (d *postgresDialect) saysExists(err error) bool { return codeOf(err) == "42P07" }

func (d *postgresDialect) hint(err error) string {
	switch codeOf(err) {
	case "25001":
		return fmt.Sprintf("it can't run in a transaction: put the line %q right before it", directivePrefix+markNoTx)
	case "55P04":
		return fmt.Sprintf("put the line %q right before the ALTER TYPE that adds the value", directivePrefix+markNoTx)
	case "0A000":
		if strings.Contains(err.Error(), "cannot alter type of a column used") {
			return "drop what uses the column before this statement, and create it again after it"
		}
	case "2BP01":
		return "drop what depends on it before this statement, and create again after it what is still wanted; CASCADE would drop it without a word"
	case "55006":
		if strings.Contains(err.Error(), "pending trigger events") {
			return "rows of the table wait for a deferred constraint: put the line \"SET CONSTRAINTS ALL IMMEDIATE;\" before this statement, so that they are checked now"
		}
	case "55P03":
		return fmt.Sprintf("others held a lock on the table for longer than DATABASE_LOCK_TIMEOUT=%s, in %d attempts", d.run.db.LockTimeout().Round(time.Millisecond), maxAttempts)
	}
	return ""
}
