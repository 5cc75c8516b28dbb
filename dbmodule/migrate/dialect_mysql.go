package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"
)

// mysqlDialect takes a named lock on the working connection. If the process is killed, the server
// releases the lock only when the connection's last statement has ended: no other process begins
// while an ALTER TABLE still runs. On a Galera cluster only one node knows a named lock, so there
// the run takes a [lease] too.
type mysqlDialect struct {
	run       *run
	clustered bool
	lease     *lease
	// id is the server's id of the working connection, and name the name of the lock.
	id   int64
	name string
	// locking is set between LOCK TABLES and UNLOCK TABLES on the working connection. A transaction
	// would release these locks.
	locking bool
}

// mysqlLock is the name of the lock for the connection's database. All databases of a server
// share the names of locks, which have at most 64 characters.
const mysqlLock = "CONCAT('dbmodule.revisions.', SHA1(DATABASE()))"

func (d *mysqlDialect) transactionalDDL() bool        { return false }
func (d *mysqlDialect) isolation() sql.IsolationLevel { return sql.LevelDefault }

// releaseConn releases the named lock at once. Otherwise the lock would last until the server
// notices that the connection has ended.
func (d *mysqlDialect) releaseConn(ctx context.Context) {
	_ = execute(ctx, d.run.conn, "DO RELEASE_ALL_LOCKS()") // it ends with the connection anyway
}

func (d *mysqlDialect) needsRecordConn() bool                             { return true }
func (d *mysqlDialect) resetSettings(context.Context, bun.Tx, bool) error { return nil }

// lock takes the lease on a cluster. The named lock comes later, see setUpConn.
func (d *mysqlDialect) lock(ctx context.Context) (unlock func() error, err error) {
	if d.run.ledger.schema == "" {
		return nil, errors.New("no database is selected")
	}
	if d.clustered, err = isClustered(ctx, d.run.recordConn()); err != nil || !d.clustered && !d.run.m.alwaysLease {
		return func() error { return nil }, err
	}
	if d.lease, err = acquireLease(ctx, d.run); err != nil {
		return nil, err
	}
	if d.clustered {
		if err := execute(ctx, d.run.recordConn(), syncWait); err != nil {
			return nil, errors.Join(err, d.lease.release())
		}
	}
	return d.lease.release, nil
}

// syncWait makes a connection wait until its node has the work of the last holder of the
// lease. Behind a proxy it may be another node than the one that granted the lease.
const syncWait = "SET SESSION wsrep_sync_wait = 15"

// setUpConn takes the named lock, which lasts as long as the connection, and sets lock timeouts.
func (d *mysqlDialect) setUpConn(ctx context.Context) error {
	d.locking = false
	if err := d.run.conn.NewRaw("SELECT CONNECTION_ID(), "+mysqlLock).Scan(ctx, &d.id, &d.name); err != nil {
		return err
	}
	w := d.run.waiting()
	for {
		var got *bool
		if err := d.run.conn.NewRaw("SELECT GET_LOCK(?, 0)", d.name).Scan(ctx, &got); err != nil {
			return err
		}
		if got == nil {
			return errors.New("the server refused it")
		}
		if *got {
			break
		}
		if err := w.pause(ctx, d.holder(ctx)); err != nil {
			return err
		}
	}
	if err := d.limitSession(ctx); err != nil || !d.clustered {
		return err
	}
	return execute(ctx, d.run.conn, syncWait)
}

// holder describes the connection that has the lock, "" if that is not known.
func (d *mysqlDialect) holder(ctx context.Context) string {
	var id int64
	var user, host string
	err := d.run.conn.NewRaw("SELECT id, user, host FROM information_schema.processlist WHERE id = IS_USED_LOCK(?)", d.name).Scan(ctx, &id, &user, &host)
	if err != nil {
		return "" // it ended meanwhile, or this user may not look
	}
	return fmt.Sprintf("connection %d of %s on %s", id, user, host)
}

// isClustered reports whether the server is a node of a Galera cluster.
func isClustered(ctx context.Context, db bun.IDB) (bool, error) {
	var name, value string
	err := db.NewRaw("SHOW VARIABLES LIKE 'wsrep_on'").Scan(ctx, &name, &value)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return value == "ON" || value == "1", err
}

// limitSession sets the lock timeouts of the working connection.
func (d *mysqlDialect) limitSession(ctx context.Context) error {
	limit := d.run.db.LockTimeout()
	if limit == 0 {
		return nil
	}
	seconds := max(int(limit.Round(time.Second)/time.Second), 1)
	for _, name := range []string{"lock_wait_timeout", "innodb_lock_wait_timeout"} {
		if err := execute(ctx, d.run.conn, "SET SESSION "+name+" = "+strconv.Itoa(seconds)); err != nil {
			return err
		}
	}
	return nil
}

func (d *mysqlDialect) lockTx(context.Context, bun.Tx) (bool, string, error) { return true, "", nil }

func (d *mysqlDialect) lockRevision(context.Context) (func() error, error) {
	return func() error { return nil }, nil
}

func (d *mysqlDialect) checkLock(ctx context.Context, tx bun.Tx) error {
	if d.lease != nil {
		return d.lease.touchFence(ctx, tx)
	}
	var holder *int64
	if err := tx.NewRaw("SELECT IS_USED_LOCK(?)", d.name).Scan(ctx, &holder); err != nil {
		return fmt.Errorf("look for the lock on revisions: %w", err)
	}
	if holder == nil || *holder != d.id {
		return errors.New("the lock on revisions was lost: its connection ended, or a statement let it go")
	}
	return nil
}

func (d *mysqlDialect) prepare(context.Context, bun.Tx, []Statement) error { return nil }

func (d *mysqlDialect) aroundTx(_ context.Context, fn func(func(bun.Tx) error) error) error {
	return fn(func(bun.Tx) error { return nil })
}

func (d *mysqlDialect) execute(ctx context.Context, tx bun.Tx, w work, i int) error {
	return execute(ctx, tx, w.statements[i].Text)
}

func (d *mysqlDialect) saysDone(err error) bool {
	switch codeOf(err) {
	case "1050", "1060", "1061", "1068", "1304", "1359", "1826", "1005", // exists already
		"1051", "1054", "1091", "1146", "1305", "1360": // does not exist
		return true
	}
	return false
}

func (d *mysqlDialect) canRunTwice(text string) bool { return canRunTwice(text) }

func (d *mysqlDialect) saysExists(err error) bool { return codeOf(err) == "1050" }

func (d *mysqlDialect) hint(err error) string {
	switch code := codeOf(err); {
	case code == "1091" && strings.Contains(err.Error(), "DROP CONSTRAINT"):
		return "if SHOW CREATE TABLE has the check in the definition of a column, MariaDB drops it only with that definition: " +
			"MODIFY the column, without CHECK in this direction of the revision and with it in the other"
	case code == "1205":
		return fmt.Sprintf("others held a lock on the table for longer than DATABASE_LOCK_TIMEOUT=%s, in %d attempts", d.run.db.LockTimeout().Round(time.Millisecond), maxAttempts)
	}
	return ""
}
