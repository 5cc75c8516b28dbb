package doctor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/uptrace/bun"
)

// postgresChecks use the connection.
var postgresChecks = []check{
	{"version", postgresVersion},
	{"writable", postgresWritable},
	{"encoding", postgresEncoding},
	{"search_path", postgresSearchPath},
	{"isolation", postgresIsolation},
	{"time zone", postgresTimeZone},
	{"fsync", postgresFsync},
	{"full_page_writes", postgresFullPageWrites},
	{"synchronous_commit", postgresSynchronousCommit},
	{"max_connections", postgresConnections},
	{"statement_timeout", postgresStatementTimeout},
	{"lock_timeout", postgresLockTimeout},
	{"idle_in_transaction_session_timeout", postgresIdleTimeout},
	{"pooler", postgresPooler},
	{"encryption", postgresEncryption},
	{"temporary tables", postgresTemporary},
	{"idle transactions", postgresIdleTransactions},
	{"locks", postgresLocks},
}

func postgresVersion(ctx context.Context, t *target) Finding {
	const oldest, maintained = 120000, 140000
	var text string
	if err := t.scan(ctx, "SELECT version()", &text); err != nil {
		return unread(err)
	}
	for _, other := range []string{"CockroachDB", "Yugabyte", "Redshift"} {
		if strings.Contains(text, other) {
			return warning(other+" speaks PostgreSQL's protocol, and that is all we know: this program is not tested with it", "test what you rely on, or use PostgreSQL")
		}
	}
	name := "PostgreSQL " + t.variables["server_version"]
	switch n, _ := strconv.Atoi(t.variables["server_version_num"]); {
	case n < oldest:
		return wrong(name+" is too old", "upgrade to PostgreSQL 15 or newer")
	case n < maintained:
		return warning(name+" gets no more corrections from its makers", "upgrade to PostgreSQL 15 or newer")
	}
	return fine(name)
}

func postgresWritable(ctx context.Context, t *target) Finding {
	var standby bool
	if err := t.scan(ctx, "SELECT pg_is_in_recovery()", &standby); err != nil {
		return unread(err)
	}
	switch {
	case standby:
		return wrong("the server is a standby, which takes no writes", "name the primary in DATABASE_URL, or all hosts with target_session_attrs=read-write")
	case t.variables["default_transaction_read_only"] == "on":
		return wrong("default_transaction_read_only is on", "set it off for the server, database and role: ALTER ROLE … RESET default_transaction_read_only")
	}
	return fine("a primary")
}

func postgresEncoding(_ context.Context, t *target) Finding {
	if encoding := t.variables["server_encoding"]; encoding != "UTF8" {
		return wrong(encoding+": it can't hold all text", "create a new database with ENCODING 'UTF8' and copy the data into it")
	}
	return fine("UTF8")
}

func postgresSearchPath(ctx context.Context, t *target) Finding {
	var schema sql.NullString
	if err := t.scan(ctx, "SELECT current_schema()", &schema); err != nil {
		return unread(err)
	}
	if !schema.Valid {
		return wrong("no schema of search_path="+t.variables["search_path"]+" is there, so tables have no place", "create the schema, or name another: ?search_path= in DATABASE_URL")
	}
	return fine("tables are in " + schema.String)
}

func postgresIsolation(_ context.Context, t *target) Finding {
	level := t.variables["default_transaction_isolation"]
	if level != "read committed" {
		return warning(level+" is the default: units of work meet conflicts more often, and are run again", "set default_transaction_isolation back to read committed, and ask for more where it is needed")
	}
	return fine(level)
}

func postgresTimeZone(_ context.Context, t *target) Finding {
	zone := t.variables["TimeZone"]
	switch zone {
	case "UTC", "Etc/UTC", "GMT", "Etc/GMT", "Etc/UCT", "UCT", "Universal", "Zulu":
		return fine(zone)
	}
	return warning(zone+": SQL that makes dates of times, and columns without a time zone, depend on it", "set it for the role: ALTER ROLE … SET timezone = 'UTC', or ?timezone=UTC in DATABASE_URL")
}

func postgresFsync(_ context.Context, t *target) Finding {
	if t.variables["fsync"] != "on" {
		return wrong("off: a power cut can destroy the whole database", "set fsync = on in postgresql.conf and reload")
	}
	return fine("on")
}

func postgresFullPageWrites(_ context.Context, t *target) Finding {
	if t.variables["full_page_writes"] != "on" {
		return wrong("off: a power cut can leave pages that are half written", "set full_page_writes = on in postgresql.conf and reload")
	}
	return fine("on")
}

func postgresSynchronousCommit(_ context.Context, t *target) Finding {
	value := t.variables["synchronous_commit"]
	standbys := t.variables["synchronous_standby_names"] != ""
	switch {
	case value == "off":
		return warning("off: a crash loses what was acknowledged in the last moments", "set synchronous_commit = on for the server, database and role")
	case value == "local" && standbys:
		return warning("local: a failover loses what the standby has not got yet", "set synchronous_commit = on")
	}
	return fine(value)
}

func postgresConnections(ctx context.Context, t *target) Finding {
	number := func(name string) int { n, _ := strconv.Atoi(t.variables[name]); return n }
	room := number("max_connections") - number("superuser_reserved_connections") - number("reserved_connections")
	limits := []int{}
	var role, database int
	err := t.scan(ctx, "SELECT r.rolconnlimit, d.datconnlimit FROM pg_roles r, pg_database d WHERE r.rolname = current_user AND d.datname = current_database()", &role, &database)
	if err != nil {
		return unread(err)
	}
	for _, limit := range []int{role, database} {
		if limit >= 0 {
			limits = append(limits, limit)
		}
	}
	for _, limit := range limits {
		room = min(room, limit)
	}
	return connectionsFit(t, room, "max_connections, or the limit of role or database,")
}

// connectionsFit compares how many connections this process may open with how many the server allows. setting
// names the limits that the advice is about.
func connectionsFit(t *target, room int, setting string) Finding {
	// Migrations and the cancelling of statements use connections of their own.
	const own = 3
	pool := t.config.PoolSize + max(t.config.MaxOverflow, 0)
	found := fmt.Sprintf("the server gives %d, and one process of this program may take %d", room, pool+own)
	advice := "lower DATABASE_POOL_SIZE and DATABASE_MAX_OVERFLOW, or raise " + setting + " on the server"
	switch {
	case pool+own > room:
		return wrong(found, advice)
	case 2*(pool+own) > room:
		return warning(found+": there is room for one process only, and none beside it at an update", advice)
	}
	return fine(found)
}

// milliseconds returns the value of a setting in milliseconds, and 0 if it is no number.
func (t *target) milliseconds(name string) time.Duration {
	n, err := strconv.Atoi(t.variables[name])
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Millisecond
}

func postgresStatementTimeout(_ context.Context, t *target) Finding {
	const longRevision = time.Minute
	switch d := t.milliseconds("statement_timeout"); {
	case d == 0:
		return fine("none on the server: this program keeps its own")
	case d < t.config.StatementTimeout:
		return warning(fmt.Sprintf("the server ends statements after %s, before DATABASE_STATEMENT_TIMEOUT=%s, those of revisions too", d, t.config.StatementTimeout), "ALTER ROLE … SET statement_timeout = 0 for this account")
	case d < longRevision:
		return warning(fmt.Sprintf("the server ends statements after %s, those of revisions too", d), "ALTER ROLE … SET statement_timeout = 0 for this account")
	default:
		return fine(d.String())
	}
}

func postgresLockTimeout(_ context.Context, t *target) Finding {
	const short = time.Second
	d := t.milliseconds("lock_timeout")
	switch {
	case d == 0:
		return fine("none on the server")
	case d < short:
		return warning(fmt.Sprintf("statements fail that wait %s for a lock, which is usual under load", d), "ALTER ROLE … SET lock_timeout = 0 for this account")
	}
	return fine(d.String())
}

func postgresIdleTimeout(_ context.Context, t *target) Finding {
	const short = 10 * time.Second
	d := t.milliseconds("idle_in_transaction_session_timeout")
	switch {
	case d == 0:
		return warning("none: the transaction of a client that hangs keeps its locks for ever", "set it, for example to 60s, for the role or by ?idle_in_transaction_session_timeout=60s in DATABASE_URL")
	case d < short:
		return warning(fmt.Sprintf("connections are ended that do nothing for %s in a transaction, which a busy program can do", d), "set it to 60s")
	}
	return fine(d.String())
}

// postgresPooler detects a pooler with transaction pooling: two connections, the first of which is
// idle, then use the same server process.
func postgresPooler(ctx context.Context, t *target) Finding {
	first, second, err := t.backends(ctx)
	named := strings.Contains(t.config.URL.String(), "default_query_exec_mode=cache_statement")
	lost := isLostStatement(err)
	switch {
	case err != nil && !lost:
		return unread(err)
	case first != second && !lost:
		return fine("none that shares connections between transactions")
	case named || lost:
		return wrong("a pooler shares connections between transactions, and default_query_exec_mode=cache_statement leaves named statements on them", "remove default_query_exec_mode from DATABASE_URL")
	}
	return fine("one with transaction pooling, which this program can do with")
}

// isLostStatement reports whether err says that a prepared statement exists already, or does not
// exist. Behind a pooler that happens if another client uses the connection to the server.
func isLostStatement(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "42P05" || pg.Code == "26000")
}

// backends returns the ids of the server processes of two connections that are open at the same
// time.
func (t *target) backends(ctx context.Context) (first, second int, err error) {
	idle, err := t.db.DB().Conn(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, idle.Close()) }()
	if first, err = backend(ctx, idle); err != nil {
		return 0, 0, err
	}
	other, err := t.db.DB().Conn(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, other.Close()) }()
	second, err = backend(ctx, other)
	return first, second, err
}

func backend(ctx context.Context, conn bun.Conn) (pid int, err error) {
	err = conn.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&pid)
	return pid, err
}

func postgresEncryption(ctx context.Context, t *target) Finding {
	var encrypted, sameMachine bool
	err := t.scan(ctx, `SELECT coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false),
		inet_server_addr() IS NULL OR inet_client_addr() <<= '127.0.0.0/8' OR inet_client_addr() = '::1' OR inet_client_addr() = inet_server_addr()`, &encrypted, &sameMachine)
	switch {
	case err != nil:
		return unread(err)
	case encrypted:
		return fine("TLS")
	case sameMachine:
		return fine("none, on this machine")
	}
	return warning("what travels to the server can be read and changed on its way", "set sslmode=verify-full and sslrootcert in DATABASE_URL, and ssl on the server")
}

func postgresTemporary(ctx context.Context, t *target) Finding {
	var allowed bool
	if err := t.scan(ctx, "SELECT has_database_privilege(current_database(), 'TEMPORARY')", &allowed); err != nil {
		return unread(err)
	}
	if !allowed {
		return warning("not allowed: revisions that use them would fail", "GRANT TEMPORARY ON DATABASE to the account")
	}
	return fine("allowed")
}

func postgresIdleTransactions(ctx context.Context, t *target) Finding {
	var n int
	var oldest float64
	err := t.scan(ctx, fmt.Sprintf(`SELECT count(*), coalesce(max(extract(epoch FROM clock_timestamp() - state_change)), 0)::float8 FROM pg_stat_activity
		WHERE datname = current_database() AND state LIKE 'idle in transaction%%' AND clock_timestamp() - state_change > interval '%d seconds'`, int(t.opts.Idle.Seconds())), &n, &oldest)
	if err != nil {
		return unread(err)
	}
	if n > 0 {
		return warning(fmt.Sprintf("%d sessions do nothing in a transaction, the oldest for %s: they keep locks and hinder VACUUM", n, seconds(oldest)),
			"find them in pg_stat_activity (state = 'idle in transaction') and end them with pg_terminate_backend(pid)")
	}
	return fine("none older than " + t.opts.Idle.String())
}

func postgresLocks(ctx context.Context, t *target) Finding {
	var n int
	var longest float64
	err := t.scan(ctx, `SELECT count(*), coalesce(max(extract(epoch FROM clock_timestamp() - query_start)), 0)::float8 FROM pg_stat_activity
		WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0 AND clock_timestamp() - query_start > interval '5 seconds'`, &n, &longest)
	if err != nil {
		return unread(err)
	}
	if n > 0 {
		return warning(fmt.Sprintf("%d sessions wait for locks, the first for %s", n, seconds(longest)),
			"SELECT pid, pg_blocking_pids(pid), query FROM pg_stat_activity says who holds them")
	}
	return fine("nobody waits longer than 5s")
}

// seconds converts a number of seconds, for messages.
func seconds(n float64) time.Duration {
	return time.Duration(n * float64(time.Second)).Round(time.Second)
}
