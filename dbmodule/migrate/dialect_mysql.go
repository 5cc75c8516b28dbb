package migrate

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"time"

	"github.com/uptrace/bun"
)

// mysqlDialect holds a named lock on the very connection that works: the
// server lets it go when that connection's last statement has ended, so that
// no other process begins while a killed one's ALTER TABLE still runs. On a
// Galera cluster, whose named locks belong to one node, it holds a [lease] too.
type mysqlDialect struct {
	run   *run
	lease *lease
}

// mysqlLock names the lock for the connection's database; names of locks
// belong to the server and have at most 64 characters.
const mysqlLock = "CONCAT('dbmodule.revisions.', SHA1(DATABASE()))"

func (d *mysqlDialect) atomic() bool                  { return false }
func (d *mysqlDialect) isolation() sql.IsolationLevel { return sql.LevelDefault }

func (d *mysqlDialect) lock(ctx context.Context) (unlock func() error, err error) {
	w := d.run.waiting()
	for {
		var got *bool
		if err := d.run.conn.NewRaw("SELECT GET_LOCK("+mysqlLock+", 0)").Scan(ctx, &got); err != nil {
			return nil, err
		}
		if got == nil {
			return nil, errors.New("the server refused it: is a database selected?")
		}
		if *got {
			break
		}
		if err := w.pause(ctx, d.holder(ctx)); err != nil {
			return nil, err
		}
	}
	// The connection is closed after the run, which lets the lock go.
	if err := d.limitSession(ctx); err != nil {
		return nil, err
	}
	clustered, err := d.clustered(ctx)
	if err != nil || !clustered && !d.run.m.alwaysLease {
		return func() error { return nil }, err
	}
	l, err := acquireLease(ctx, d.run)
	if err != nil {
		return nil, err
	}
	if clustered {
		// The last holder's work may have yet to reach this connection's node,
		// which a proxy may make another than the one that gave the lease.
		if err := execute(ctx, d.run.conn, "SET SESSION wsrep_sync_wait = 15"); err != nil {
			return nil, errors.Join(err, l.release())
		}
	}
	d.lease = l
	return l.release, nil
}

// holder describes who has the lock.
func (d *mysqlDialect) holder(ctx context.Context) string {
	var id int64
	var user, host string
	err := d.run.conn.NewRaw("SELECT id, user, host FROM information_schema.processlist WHERE id = IS_USED_LOCK("+mysqlLock+")").Scan(ctx, &id, &user, &host)
	if err != nil {
		return "" // it ended meanwhile, or this user may not look
	}
	return fmt.Sprintf("connection %d of %s on %s", id, user, host)
}

// clustered reports whether the server is a node of a Galera cluster.
func (d *mysqlDialect) clustered(ctx context.Context) (bool, error) {
	var name, value string
	err := d.run.conn.NewRaw("SHOW VARIABLES LIKE 'wsrep_on'").Scan(ctx, &name, &value)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return value == "ON" || value == "1", err
}

// limitSession sets the limits of waiting for locks; the connection is the
// run's own.
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

func (d *mysqlDialect) claim(context.Context, bun.Tx) (bool, string, error) { return true, "", nil }

func (d *mysqlDialect) span(context.Context) (func() error, error) {
	return func() error { return nil }, nil
}

func (d *mysqlDialect) keepLock(ctx context.Context, tx bun.Tx) error {
	if d.lease == nil {
		return nil
	}
	return d.lease.pass(ctx, tx)
}

func (d *mysqlDialect) prepare(context.Context, bun.Tx, []Statement) error { return nil }

func (d *mysqlDialect) around(_ context.Context, fn func(func(bun.Tx) error) error) error {
	return fn(func(bun.Tx) error { return nil })
}

func (d *mysqlDialect) execute(ctx context.Context, tx bun.Tx, w work, i int) error {
	return execute(ctx, tx, w.statements[i].Text)
}

// reMySQLData matches the statements that MySQL does not commit by itself.
var reMySQLData = regexp.MustCompile(`(?i)^(insert|update|delete|replace|select|with|set|do)\b`)

func (d *mysqlDialect) together(statements []Statement, from int) int {
	if !statements[from].NoTransaction && reMySQLData.MatchString(statements[from].Text) {
		return from + 1
	}
	return from
}

func (d *mysqlDialect) alone(ctx context.Context, statement string) error {
	return execute(ctx, d.run.conn, statement)
}

// reAutoIncrement matches what SHOW CREATE TABLE says about rows.
var reAutoIncrement = regexp.MustCompile(` AUTO_INCREMENT=\d+`)

// fingerprint describes everything that DDL makes in the database, but for the
// two tables and the lease.
func (d *mysqlDialect) fingerprint(ctx context.Context) (string, error) {
	sum := sha256.New()
	var tables []string
	if err := d.run.conn.NewRaw(`SELECT table_name FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_name NOT IN (?, ?, ?) ORDER BY table_name`, versionTable, historyTable, leaseTable).Scan(ctx, &tables); err != nil {
		return "", fmt.Errorf("list tables: %w", err)
	}
	for _, table := range tables {
		if err := d.digest(ctx, sum, "SHOW CREATE TABLE ?", bun.Ident(table)); err != nil {
			return "", err
		}
	}
	for _, query := range []string{
		"SELECT trigger_name, event_object_table, action_timing, event_manipulation, action_statement FROM information_schema.triggers WHERE trigger_schema = DATABASE() ORDER BY 1",
		"SELECT routine_name, routine_type, routine_definition FROM information_schema.routines WHERE routine_schema = DATABASE() ORDER BY 1, 2",
		"SELECT event_name, event_definition FROM information_schema.events WHERE event_schema = DATABASE() ORDER BY 1",
		"SELECT default_character_set_name, default_collation_name FROM information_schema.schemata WHERE schema_name = DATABASE()",
	} {
		if err := d.digest(ctx, sum, query); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:12]), nil
}

// digest adds the result of a query to sum.
func (d *mysqlDialect) digest(ctx context.Context, sum io.Writer, query string, args ...any) error {
	var rows []map[string]any
	if err := d.run.conn.NewRaw(query, args...).Scan(ctx, &rows); err != nil {
		return fmt.Errorf("describe the schema: %w", err)
	}
	for _, row := range rows {
		if _, err := sum.Write(reAutoIncrement.ReplaceAll(fmt.Append(nil, row), nil)); err != nil { // maps print sorted
			return err
		}
	}
	return nil
}

func (d *mysqlDialect) exists(err error) bool {
	switch codeOf(err) {
	case "1050", "1060", "1061", "1068", "1304", "1359", "1826", "1005", // there already
		"1051", "1054", "1091", "1146", "1305", "1360": // not there
		return true
	}
	return false
}

func (d *mysqlDialect) hint(err error) string {
	if codeOf(err) == "1205" {
		return fmt.Sprintf("others held a lock on the table for longer than DATABASE_LOCK_TIMEOUT=%s, in %d attempts", d.run.db.LockTimeout().Round(time.Millisecond), maxAttempts)
	}
	return ""
}
