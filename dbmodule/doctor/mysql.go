package doctor

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// mysqlChecks use the connection.
var mysqlChecks = []check{
	{"version", mysqlVersion},
	{"writable", mysqlWritable},
	{"character set", mysqlCharset},
	{"collations", mysqlCollations},
	{"sql_mode", mysqlMode},
	{"isolation", mysqlIsolation},
	{"time zone", mysqlTimeZone},
	{"storage engine", mysqlEngine},
	{"innodb_flush_log_at_trx_commit", mysqlFlush},
	{"innodb_flush_method", mysqlFlushMethod},
	{"innodb_doublewrite", mysqlDoublewrite},
	{"sync_binlog", mysqlSyncBinlog},
	{"max_connections", mysqlConnections},
	{"wait_timeout", mysqlWaitTimeout},
	{"max_statement_time", mysqlStatementTime},
	{"innodb_lock_wait_timeout", mysqlLockWait},
	{"max_allowed_packet", mysqlPacket},
	{"cluster", mysqlCluster},
	{"encryption", mysqlEncryption},
	{"idle transactions", mysqlIdleTransactions},
}

func (t *target) isMariaDB() bool { return strings.Contains(t.variables["version"], "MariaDB") }

func mysqlVersion(_ context.Context, t *target) Finding {
	version := t.variables["version"]
	if strings.Contains(version, "TiDB") {
		return warning("TiDB speaks MySQL's protocol, and that is all we know: this program is not tested with it", "test what you rely on, or use MariaDB")
	}
	major, minor := majorMinor(version)
	switch {
	case t.isMariaDB() && (major < 10 || major == 10 && minor < 5):
		return wrong("MariaDB "+version+" is too old", "upgrade to MariaDB 10.11 or newer")
	case t.isMariaDB() && major == 10 && minor < 11:
		return warning("MariaDB "+version+" is older than what this program is tested with", "upgrade to MariaDB 10.11 or newer")
	case !t.isMariaDB() && major < 8:
		return wrong("MySQL "+version+" is too old", "upgrade to MySQL 8, or use MariaDB 10.11 or newer")
	case !t.isMariaDB():
		return warning("MySQL "+version+": this program is tested with MariaDB", "test what you rely on")
	}
	return fine(version)
}

func majorMinor(version string) (major, minor int) {
	parts := strings.SplitN(version, ".", 3)
	major, _ = strconv.Atoi(parts[0])
	if len(parts) > 1 {
		minor, _ = strconv.Atoi(parts[1])
	}
	return major, minor
}

// on reports whether a switch is on: MariaDB and MySQL return ON for some, 1 for others.
func on(value string) bool { return value == "ON" || value == "1" }

func mysqlWritable(_ context.Context, t *target) Finding {
	if on(t.global["read_only"]) || on(t.global["super_read_only"]) {
		return wrong("the server is read-only, as a replica is", "name the primary in DATABASE_URL, or SET GLOBAL read_only = 0 if this is to be it")
	}
	return fine("yes")
}

func mysqlCharset(_ context.Context, t *target) Finding {
	if charset := t.variables["character_set_database"]; charset != "utf8mb4" {
		return wrong(charset+" is the database's default: new tables can't hold all text", "ALTER DATABASE … CHARACTER SET utf8mb4, and convert the tables that are there")
	}
	return fine("utf8mb4")
}

func mysqlCollations(ctx context.Context, t *target) Finding {
	var n int
	var names *string
	err := t.scan(ctx, `SELECT count(*), group_concat(table_name ORDER BY table_name SEPARATOR ', ') FROM information_schema.tables
		WHERE table_schema = database() AND table_type = 'BASE TABLE' AND table_collation NOT LIKE 'utf8mb4%'`, &n, &names)
	if err != nil {
		return unread(err)
	}
	if n > 0 && names != nil {
		return warning("these tables are not utf8mb4: "+*names, "ALTER TABLE … CONVERT TO CHARACTER SET utf8mb4")
	}
	return fine("all tables are utf8mb4")
}

func mysqlMode(_ context.Context, t *target) Finding {
	session, global := t.variables["sql_mode"], t.global["sql_mode"]
	strict := func(mode string) bool {
		return strings.Contains(mode, "STRICT_TRANS_TABLES") || strings.Contains(mode, "STRICT_ALL_TABLES")
	}
	switch {
	case !strict(session) || strings.Contains(session, "NO_BACKSLASH_ESCAPES"):
		return wrong("this session's is "+session+", though strict mode was asked for", "see whether a proxy stands between that resets sessions")
	case !strict(global):
		return warning("strict for this program, not for others, whose values are cut without an error", "SET GLOBAL sql_mode = CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES'), and in the server's file")
	}
	return fine("strict")
}

func mysqlIsolation(_ context.Context, t *target) Finding {
	level := t.variables["tx_isolation"]
	if level == "" {
		level = t.variables["transaction_isolation"]
	}
	switch level {
	case "READ-UNCOMMITTED":
		return wrong(level+" is the default: rows are read that are never committed", "SET GLOBAL TRANSACTION ISOLATION LEVEL REPEATABLE READ, and in the server's file")
	case "SERIALIZABLE":
		return warning(level+" is the default: every read locks", "SET GLOBAL TRANSACTION ISOLATION LEVEL REPEATABLE READ, and ask for more where it is needed")
	}
	return fine(level)
}

func mysqlTimeZone(_ context.Context, t *target) Finding {
	if zone := t.variables["time_zone"]; zone != "+00:00" && zone != "UTC" {
		return wrong("this session's is "+zone+", though UTC was asked for", "see whether a proxy stands between that resets sessions")
	}
	return fine("UTC")
}

func mysqlEngine(_ context.Context, t *target) Finding {
	if engine := t.variables["default_storage_engine"]; engine != "InnoDB" {
		return wrong(engine+" is the default: new tables have no transactions", "set default_storage_engine = InnoDB in the server's file")
	}
	return fine("InnoDB")
}

func mysqlFlush(_ context.Context, t *target) Finding {
	value := t.global["innodb_flush_log_at_trx_commit"]
	switch {
	case value == "0":
		return wrong("0: a crash of the server loses what was acknowledged in the last second", "set it to 1 in the server's file")
	case value != "1" && value != "3":
		return warning(value+": a power cut loses what was acknowledged in the last second", "set it to 1 in the server's file")
	}
	return fine(value)
}

func mysqlFlushMethod(_ context.Context, t *target) Finding {
	value := t.global["innodb_flush_method"]
	if strings.EqualFold(value, "nosync") {
		return wrong(value+": a power cut can destroy the whole database", "remove it from the server's file")
	}
	return fine(value)
}

func mysqlDoublewrite(_ context.Context, t *target) Finding {
	value := t.global["innodb_doublewrite"]
	if value == "OFF" || value == "0" {
		return wrong("off: a power cut can leave pages that are half written", "set it on in the server's file")
	}
	return fine(value)
}

func mysqlSyncBinlog(_ context.Context, t *target) Finding {
	switch {
	case !on(t.global["log_bin"]):
		return fine("not needed: there is no binary log")
	case t.global["sync_binlog"] != "1":
		return warning(t.global["sync_binlog"]+": a power cut leaves replicas and point-in-time backups without the last transactions", "set it to 1 in the server's file")
	}
	return fine("1")
}

func mysqlConnections(_ context.Context, t *target) Finding {
	room, err := strconv.Atoi(t.global["max_connections"])
	if err != nil {
		return unread(err)
	}
	if own, _ := strconv.Atoi(t.variables["max_user_connections"]); own > 0 {
		room = min(room, own)
	}
	return connectionsFit(t, room, "max_connections, or the account's max_user_connections,")
}

// seconds returns the value of a variable in seconds, and 0 if it is no number.
func (t *target) seconds(name string) time.Duration {
	n, err := strconv.ParseFloat(t.variables[name], 64)
	if err != nil {
		return 0
	}
	return time.Duration(n * float64(time.Second))
}

func mysqlWaitTimeout(_ context.Context, t *target) Finding {
	const short = time.Minute
	d := t.seconds("wait_timeout")
	recycled := t.config.PoolRecycle > 0 && t.config.PoolRecycle < d
	if d < short && !recycled && !t.config.PoolPrePing {
		return warning(fmt.Sprintf("the server ends connections that are not used for %s, and the pool then has dead ones", d), "set DATABASE_POOL_RECYCLE below it or DATABASE_POOL_PRE_PING=true, or wait_timeout to minutes")
	}
	return fine(d.String())
}

func mysqlStatementTime(_ context.Context, t *target) Finding {
	d := t.seconds("max_statement_time")
	if ms, err := strconv.Atoi(t.variables["max_execution_time"]); err == nil {
		d = time.Duration(ms) * time.Millisecond // MySQL's variable, in milliseconds
	}
	switch {
	case d == 0:
		return fine("none on the server: this program keeps its own")
	case d < t.config.StatementTimeout || d < time.Minute:
		return warning(fmt.Sprintf("the server ends statements after %s, those of revisions too", d), "set max_statement_time = 0 for this account")
	}
	return fine(d.String())
}

func mysqlLockWait(_ context.Context, t *target) Finding {
	d := t.seconds("innodb_lock_wait_timeout")
	if limit := t.config.StatementTimeout; limit > 0 && d > limit {
		return fine(fmt.Sprintf("%s, of which this program waits DATABASE_STATEMENT_TIMEOUT=%s", d, limit))
	}
	if d < 2*time.Second {
		return warning(fmt.Sprintf("%s: units of work fail that wait for a row, which is usual under load", d), "set it to 10 or more")
	}
	return fine(d.String())
}

func mysqlPacket(_ context.Context, t *target) Finding {
	const little, enough = 4 << 20, 16 << 20
	n, err := strconv.Atoi(t.global["max_allowed_packet"])
	switch {
	case err != nil:
		return unread(err)
	case n < little:
		return wrong(fmt.Sprintf("%d bytes: larger rows are refused", n), "set it to 64M in the server's file")
	case n < enough:
		return warning(fmt.Sprintf("%d bytes: larger rows are refused", n), "set it to 64M in the server's file")
	}
	return fine(fmt.Sprintf("%d bytes", n))
}

func mysqlCluster(ctx context.Context, t *target) Finding {
	if !on(t.variables["wsrep_on"]) {
		return fine("none")
	}
	status, err := t.pairs(ctx, "SHOW GLOBAL STATUS LIKE 'wsrep%'")
	switch {
	case err != nil:
		return unread(err)
	case status["wsrep_cluster_status"] != "Primary" || status["wsrep_ready"] != "ON":
		return wrong("this node of a Galera cluster has no quorum", "bring the other nodes back, or bootstrap one")
	case t.variables["wsrep_sync_wait"] == "0":
		return warning("reads of a Galera cluster may lack what another node acknowledged", "set wsrep_sync_wait = 1, by ?init_command=SET wsrep_sync_wait=1 in DATABASE_URL")
	}
	return fine("Galera, " + status["wsrep_cluster_size"] + " nodes")
}

func mysqlEncryption(ctx context.Context, t *target) Finding {
	status, err := t.pairs(ctx, "SHOW SESSION STATUS LIKE 'Ssl_cipher'")
	if err != nil {
		return unread(err)
	}
	if status["Ssl_cipher"] != "" {
		return fine("TLS")
	}
	var host string
	err = t.scan(ctx, "SELECT host FROM information_schema.processlist WHERE id = CONNECTION_ID()", &host)
	name := host
	if i := strings.LastIndexByte(host, ':'); i > 0 {
		name = host[:i]
	}
	switch {
	case err != nil:
		return unread(err)
	case name == "localhost" || strings.HasPrefix(name, "127.") || name == "::1":
		return fine("none, on this machine")
	}
	return warning("what travels to the server can be read and changed on its way", "set ssl_mode=VERIFY_IDENTITY and ssl_ca in DATABASE_URL")
}

func mysqlIdleTransactions(ctx context.Context, t *target) Finding {
	var n int
	var oldest float64
	err := t.scan(ctx, fmt.Sprintf(`SELECT count(*), coalesce(max(p.time), 0) + 0e0 FROM information_schema.innodb_trx t
		JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
		WHERE p.command = 'Sleep' AND p.time > %d`, int(t.opts.Idle.Seconds())), &n, &oldest)
	if err != nil {
		return skipped("only an account with the privilege PROCESS can see others' transactions")
	}
	if n > 0 {
		return warning(fmt.Sprintf("%d sessions do nothing in a transaction, the oldest for %s: they keep locks", n, seconds(oldest)),
			"find them in information_schema.innodb_trx and end them with KILL trx_mysql_thread_id")
	}
	return fine("none older than " + t.opts.Idle.String())
}
