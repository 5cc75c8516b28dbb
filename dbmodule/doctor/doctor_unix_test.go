//go:build unix

package doctor_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/doctor"
	"github.com/openhands-go/server/dbmodule/migrate"
)

type Book struct {
	ID    int64  `bun:",pk,autoincrement"`
	Title string `bun:",notnull"`
}

// revisions makes the table of Book.
func revisions(t *testing.T) *migrate.Migrator {
	t.Helper()
	m, err := migrate.New([]migrate.Source{{FS: fstest.MapFS{
		"1/revision.txt": {Data: []byte("books\n\nRevision ID: one\nRevises: \nCreate Date: 2026-11-24T20:30:00Z\n")},
		"1/all.sql":      {Data: []byte("-- migrate:upgrade\nCREATE TABLE books (id INTEGER PRIMARY KEY, title VARCHAR(100) NOT NULL);\n-- migrate:downgrade\nDROP TABLE books;\n")},
	}}})
	require.NoError(t, err)
	return m
}

func options(t *testing.T) doctor.Options {
	return doctor.Options{Models: []any{(*Book)(nil)}, Migrator: revisions(t)}
}

// migrated brings a database to where the program wants it.
func migrated(t *testing.T, cfg dbmodule.Config) *dbmodule.Database {
	t.Helper()
	db := dbtest.Open(t, cfg)
	require.NoError(t, revisions(t).UpgradeHeads(t.Context(), db))
	return db
}

// level returns what a check found.
func level(r doctor.Report, check string) doctor.Level { return finding(r, check).Level }

func finding(r doctor.Report, check string) doctor.Finding {
	i := slices.IndexFunc(r.Findings, func(f doctor.Finding) bool { return f.Check == check })
	if i < 0 {
		return doctor.Finding{}
	}
	return r.Findings[i]
}

// finds checks that each of these is found at its level, and says what to do.
func finds(t *testing.T, r doctor.Report, want map[string]doctor.Level) {
	t.Helper()
	for check, level := range want {
		f := finding(r, check)
		assert.Equal(t, level, f.Level, "%s: %s", check, f.Found)
		if level == doctor.Wrong || level == doctor.Warning {
			assert.NotEmpty(t, f.Do, check)
		}
		assert.NotEmpty(t, f.Found, check)
	}
}

// sound lists what is not fine, but for the named checks.
func sound(t *testing.T, r doctor.Report, except ...string) {
	t.Helper()
	for _, f := range r.Findings {
		if !slices.Contains(except, f.Check) {
			assert.Equal(t, doctor.OK, f.Level, "%s: %s", f.Check, f.Found)
		}
	}
}

// durable is a server with settings as they should be, or not.
func durable(t *testing.T, engine dbmodule.Engine, settings ...string) dbmodule.Config {
	t.Helper()
	return dbtest.StartServer(t, engine, dbtest.Durable(), dbtest.WithSettings(settings...)).Config(t)
}

func TestHealthy(t *testing.T) {
	t.Parallel()
	for engine, cfg := range map[dbmodule.Engine]func() dbmodule.Config{
		dbmodule.SQLite: func() dbmodule.Config { return dbtest.Config(t, dbmodule.SQLite) },
		dbmodule.PostgreSQL: func() dbmodule.Config {
			return durable(t, dbmodule.PostgreSQL, "max_connections=100", "timezone=UTC", "idle_in_transaction_session_timeout=60s")
		},
		dbmodule.MySQL: func() dbmodule.Config { return durable(t, dbmodule.MySQL, "max-connections=100") },
	} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			cfg := cfg()
			cfg.Schema = dbmodule.SchemaMigrate
			require.NoError(t, migrated(t, cfg).Close())
			if engine == dbmodule.SQLite {
				require.NoError(t, os.Chmod(cfg.URL.Path(), 0o600))
			}
			r := doctor.Examine(t.Context(), cfg, options(t))
			require.True(t, r.Healthy())
			sound(t, r, "disk", "file system") // of the machine that tests
			require.Greater(t, len(r.Findings), 20)
			again := dbtest.Open(t, cfg)
			require.NoError(t, revisions(t).UpgradeHeads(t.Context(), again), "it left nothing behind")
		})
	}
}

func TestWrongSettingsOfPostgreSQL(t *testing.T) {
	t.Parallel()
	cfg := durable(t, dbmodule.PostgreSQL,
		"fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=12", "default_transaction_isolation=serializable",
		"statement_timeout=2s", "lock_timeout=100ms", "idle_in_transaction_session_timeout=1s", "timezone=Europe/Paris", "search_path=nowhere")
	finds(t, doctor.Examine(t.Context(), cfg, options(t)), map[string]doctor.Level{
		"fsync": doctor.Wrong, "full_page_writes": doctor.Wrong, "synchronous_commit": doctor.Warning, "max_connections": doctor.Wrong,
		"isolation": doctor.Warning, "statement_timeout": doctor.Warning, "lock_timeout": doctor.Warning,
		"idle_in_transaction_session_timeout": doctor.Warning, "time zone": doctor.Warning, "search_path": doctor.Wrong,
		"create tables": doctor.Wrong, "use tables": doctor.Warning, "revisions": doctor.Warning, "version": doctor.OK,
	})
}

func TestWrongSettingsOfMariaDB(t *testing.T) {
	t.Parallel()
	cfg := durable(t, dbmodule.MySQL,
		"innodb-flush-log-at-trx-commit=0", "innodb-flush-method=nosync", "innodb-doublewrite=0", "log-bin", "sync-binlog=0", "max-connections=12",
		"transaction-isolation=READ-UNCOMMITTED", "sql-mode=", "default-storage-engine=Aria", "wait-timeout=5", "max-statement-time=2",
		"max-allowed-packet=1M", "innodb-lock-wait-timeout=1")
	db := dbtest.Open(t, cfg)
	_, err := db.DB().ExecContext(t.Context(), "ALTER DATABASE `"+cfg.URL.Database()+"` CHARACTER SET latin1")
	require.NoError(t, err)
	_, err = db.DB().ExecContext(t.Context(), "CREATE TABLE old (id INTEGER PRIMARY KEY)")
	require.NoError(t, err)
	finds(t, doctor.Examine(t.Context(), cfg, options(t)), map[string]doctor.Level{
		"innodb_flush_log_at_trx_commit": doctor.Wrong, "innodb_flush_method": doctor.Wrong, "innodb_doublewrite": doctor.Wrong, "sync_binlog": doctor.Warning,
		"max_connections": doctor.Wrong, "isolation": doctor.Wrong, "sql_mode": doctor.Warning, "storage engine": doctor.Wrong, "wait_timeout": doctor.Warning,
		"max_statement_time": doctor.Warning, "max_allowed_packet": doctor.Wrong, "innodb_lock_wait_timeout": doctor.Warning,
		"character set": doctor.Wrong, "collations": doctor.Warning, "create tables": doctor.OK, "version": doctor.OK,
	})
}

func TestWrongSettingsOfSQLite(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Config(t, dbmodule.SQLite)
	db := migrated(t, cfg)
	conn, err := db.DB().Conn(t.Context()) // a setting ends with its unit of work
	require.NoError(t, err)
	for _, statement := range []string{
		"PRAGMA foreign_keys=OFF", "CREATE TABLE a (id INTEGER PRIMARY KEY)", "CREATE TABLE b (id INTEGER REFERENCES a (id))", "INSERT INTO b VALUES (7)",
		"UPDATE alembic_version SET version_num = 'nobodys'", "DELETE FROM alembic_version_history",
	} {
		_, err := conn.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	require.NoError(t, conn.Close())
	path := cfg.URL.Path()
	require.NoError(t, os.Chmod(path, 0o666))
	cfg.URL, err = dbmodule.ParseURL(cfg.URL.String() + "?synchronous=OFF&timeout=0.1")
	require.NoError(t, err)
	cfg.PoolSize, cfg.StatementTimeout, cfg.ConnectTimeout, cfg.Echo = 0, 0, 0, dbmodule.EchoDebug

	// Another program writes, and does not end.
	blocker, err := db.DB().BeginTx(t.Context(), nil)
	require.NoError(t, err)
	finds(t, doctor.Examine(t.Context(), cfg, options(t)), map[string]doctor.Level{
		"synchronous": doctor.Wrong, "busy_timeout": doctor.Warning, "foreign keys": doctor.Warning, "revisions": doctor.Wrong,
		"file's permissions": doctor.Wrong, "writable": doctor.Wrong, "DATABASE_POOL_SIZE": doctor.Warning,
		"DATABASE_STATEMENT_TIMEOUT": doctor.Warning, "DATABASE_CONNECT_TIMEOUT": doctor.Warning, "DATABASE_ECHO": doctor.Warning,
	})
	require.NoError(t, blocker.Rollback())
	require.NoError(t, db.Close())

	// Damage.
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := 4096 + 10; i < 2*4096; i++ {
		content[i] ^= 0x5a
	}
	require.NoError(t, os.WriteFile(path, content, 0o600))
	r := doctor.Examine(t.Context(), cfg, options(t))
	require.Equal(t, doctor.Wrong, level(r, "integrity"), "%+v", r.Findings)
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("no database ", 500)), 0o600))
	r = doctor.Examine(t.Context(), cfg, options(t))
	require.Equal(t, doctor.Wrong, level(r, "connection"))
	require.Contains(t, finding(r, "connection").Do, "restore")
}

// Looking at a database that is not there does not make it.
func TestNoDatabaseYet(t *testing.T) {
	t.Parallel()
	cfg := dbmodule.DefaultConfig()
	var err error
	path := filepath.Join(t.TempDir(), "none", "test.db")
	cfg.URL, err = dbmodule.SQLiteURL(path, false)
	require.NoError(t, err)
	r := doctor.Examine(t.Context(), cfg, options(t))
	finds(t, r, map[string]doctor.Level{"file": doctor.Warning, "folder": doctor.Wrong, "connection": doctor.Skipped})
	require.NoDirExists(t, filepath.Dir(path))
	cfg.URL, err = dbmodule.ParseURL("sqlite://")
	require.NoError(t, err)
	r = doctor.Examine(t.Context(), cfg, options(t))
	finds(t, r, map[string]doctor.Level{"file": doctor.Warning, "connection": doctor.OK, "integrity": doctor.OK})
	require.True(t, r.Healthy())
}

func TestRevisionsAreExamined(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Config(t, dbmodule.SQLite)
	cfg.Schema = dbmodule.SchemaMigrate
	db := dbtest.Open(t, cfg)
	require.Equal(t, doctor.Warning, level(doctor.Examine(t.Context(), cfg, options(t)), "revisions"), "behind, and the start mends it")
	cfg.Schema = dbmodule.SchemaCheck
	require.Equal(t, doctor.Wrong, level(doctor.Examine(t.Context(), cfg, options(t)), "revisions"), "behind, and nobody mends it")
	require.NoError(t, revisions(t).UpgradeHeads(t.Context(), db))
	require.Equal(t, doctor.OK, level(doctor.Examine(t.Context(), cfg, options(t)), "revisions"))
	_, err := db.DB().ExecContext(t.Context(), "UPDATE alembic_version_history SET checksum = 'x'")
	require.NoError(t, err)
	require.Equal(t, doctor.Warning, level(doctor.Examine(t.Context(), cfg, options(t)), "revisions"), "drifted")
}

// The clock is compared with a machine's whose own is wrong.
func TestClock(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		dbtest.Open(t, cfg)
		for off, want := range map[time.Duration]doctor.Level{0: doctor.OK, 10 * time.Second: doctor.Warning, -time.Hour: doctor.Wrong} {
			o := options(t)
			o.Now = func() time.Time { return time.Now().Add(off) }
			if cfg.URL.Engine() == dbmodule.SQLite {
				want = doctor.OK
			}
			require.Equal(t, want, level(doctor.Examine(t.Context(), cfg, o), "clock"), off)
		}
	})
}

// An account that may do little is told what it lacks; what it may not do is
// no problem where it need not.
func TestPermissions(t *testing.T) {
	t.Parallel()
	for _, engine := range []dbmodule.Engine{dbmodule.PostgreSQL, dbmodule.MySQL} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			cfg := dbtest.Config(t, engine)
			raw := dbtest.URL(t, engine)
			var err error
			cfg.URL, err = dbmodule.ParseURL(raw)
			require.NoError(t, err)
			db := migrated(t, cfg)
			name := fmt.Sprintf("reader_%d", time.Now().UnixNano())
			do := func(statements ...string) {
				for _, statement := range statements {
					_, err := db.DB().ExecContext(context.WithoutCancel(t.Context()), strings.ReplaceAll(statement, "$", name))
					require.NoError(t, err)
				}
			}
			database := cfg.URL.Database()
			if engine == dbmodule.PostgreSQL {
				do("CREATE USER $ PASSWORD 'secret' CONNECTION LIMIT 4", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO $",
					"REVOKE CREATE ON SCHEMA public FROM PUBLIC", "REVOKE TEMPORARY ON DATABASE \""+database+"\" FROM PUBLIC")
				t.Cleanup(func() { do("DROP OWNED BY $", "DROP USER $") })
			} else {
				do("CREATE USER $ IDENTIFIED BY 'secret' WITH MAX_USER_CONNECTIONS 4", "GRANT SELECT ON `"+database+"`.* TO $")
				t.Cleanup(func() { do("DROP USER $") })
			}
			u, err := url.Parse(raw)
			require.NoError(t, err)
			u.User = url.UserPassword(name, "secret")
			cfg.URL, err = dbmodule.ParseURL(u.String())
			require.NoError(t, err)
			cfg.Schema = dbmodule.SchemaMigrate
			r := doctor.Examine(t.Context(), cfg, options(t))
			finds(t, r, map[string]doctor.Level{"create tables": doctor.Wrong, "use tables": doctor.Wrong, "max_connections": doctor.Wrong})
			require.Equal(t, "not allowed: INSERT on books, UPDATE on books, DELETE on books", finding(r, "use tables").Found)
			if engine == dbmodule.PostgreSQL {
				require.Equal(t, doctor.Warning, level(r, "temporary tables"))
			}
			cfg.Schema = dbmodule.SchemaCheck
			require.Equal(t, doctor.OK, level(doctor.Examine(t.Context(), cfg, options(t)), "create tables"))
		})
	}
}

func TestReadOnlyServer(t *testing.T) {
	t.Parallel()
	cfg := durable(t, dbmodule.PostgreSQL, "default_transaction_read_only=on")
	require.Equal(t, doctor.Wrong, level(doctor.Examine(t.Context(), cfg, options(t)), "writable"))
	cfg = dbtest.StartServer(t, dbmodule.MySQL).Config(t)
	db := dbtest.Open(t, cfg)
	_, err := db.DB().ExecContext(t.Context(), "SET GLOBAL read_only = 1")
	require.NoError(t, err)
	require.Equal(t, doctor.Wrong, level(doctor.Examine(t.Context(), cfg, options(t)), "writable"))
}

func TestStandby(t *testing.T) {
	t.Parallel()
	server := dbtest.StartServer(t, dbmodule.PostgreSQL)
	cfg := server.Config(t)
	db := migrated(t, cfg)
	var data string
	require.NoError(t, db.DB().NewRaw("SHOW data_directory").Scan(t.Context(), &data))
	require.NoError(t, db.Close())
	signal := filepath.Join(data, "standby.signal") // makes one of it at its next start
	require.NoError(t, os.WriteFile(signal, nil, 0o600))
	info, err := os.Stat(filepath.Join(data, "PG_VERSION"))
	require.NoError(t, err)
	owner := info.Sys().(*syscall.Stat_t)
	require.NoError(t, os.Chown(signal, int(owner.Uid), int(owner.Gid)))
	require.NoError(t, server.Kill())
	require.NoError(t, server.Restart(t.Context()))
	f := finding(doctor.Examine(t.Context(), cfg, options(t)), "writable")
	require.Equal(t, doctor.Wrong, f.Level)
	require.Contains(t, f.Found, "standby")
}

// Who waits for whom is told.
func TestLocksOfPostgreSQL(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Config(t, dbmodule.PostgreSQL)
	db := migrated(t, cfg)
	holder, err := db.DB().BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = holder.ExecContext(t.Context(), "LOCK TABLE books")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		_, err := db.DB().ExecContext(t.Context(), "INSERT INTO books VALUES (1, 'x')")
		done <- err
	}()
	require.Eventually(t, func() bool {
		return level(doctor.Examine(t.Context(), cfg, doctor.Options{}), "locks") == doctor.Warning
	}, time.Minute, time.Second)
	require.NoError(t, holder.Rollback())
	require.NoError(t, <-done)
}

// A session that was left open in a transaction is told.
func TestIdleTransactions(t *testing.T) {
	t.Parallel()
	for _, engine := range []dbmodule.Engine{dbmodule.PostgreSQL, dbmodule.MySQL} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			cfg := dbtest.StartServer(t, engine).Config(t)
			o := doctor.Options{Idle: time.Second}
			require.Equal(t, doctor.OK, level(doctor.Examine(t.Context(), cfg, o), "idle transactions"))
			db := migrated(t, cfg)
			tx, err := db.DB().BeginTx(t.Context(), nil)
			require.NoError(t, err)
			_, err = tx.ExecContext(t.Context(), "INSERT INTO books VALUES (1, 'x')")
			require.NoError(t, err)
			require.Eventually(t, func() bool {
				return level(doctor.Examine(t.Context(), cfg, o), "idle transactions") == doctor.Warning
			}, time.Minute, time.Second)
			require.NoError(t, tx.Rollback())
			require.Equal(t, doctor.OK, level(doctor.Examine(t.Context(), cfg, o), "idle transactions"))
		})
	}
}

// Whatever fails, no password is in what is found.
func TestNoSecretIsFound(t *testing.T) {
	t.Parallel()
	const secret = "tOpS3cret"
	var urls []string
	for _, engine := range []dbmodule.Engine{dbmodule.PostgreSQL, dbmodule.MySQL} {
		u, err := url.Parse(dbtest.URL(t, engine))
		require.NoError(t, err)
		u.User = url.UserPassword("dbtest", secret)
		urls = append(urls, u.String(), u.Scheme+"://me:"+secret+"@127.0.0.1:1/db", u.Scheme+"://me:"+secret+"@no-such-host.invalid/db")
	}
	for _, raw := range append(urls, "postgresql://me:"+secret+"@:x/db") {
		cfg := dbmodule.DefaultConfig()
		_ = cfg.URL.Decode(raw) // a wrong one is found later
		r := doctor.Examine(t.Context(), cfg, doctor.Options{})
		require.False(t, r.Healthy())
		require.NotContains(t, fmt.Sprintf("%v %+v", r, r), secret)
	}
}

// Which kind of pooler stands between is told, and named statements through
// one that shares connections are wrong.
func TestPooler(t *testing.T) {
	t.Parallel()
	raw := dbtest.URL(t, dbmodule.PostgreSQL)
	for _, test := range []struct {
		mode, options, found string
		level                doctor.Level
	}{
		{"", "", "none that shares", doctor.OK},
		{"session", "", "none that shares", doctor.OK},
		{"transaction", "", "transaction pooling", doctor.OK},
		{"transaction", "?default_query_exec_mode=cache_statement", "named statements", doctor.Wrong},
	} {
		through := raw
		if test.mode != "" {
			through = dbtest.StartPooler(t, raw, test.mode, 5)
		}
		cfg := dbmodule.DefaultConfig()
		require.NoError(t, cfg.URL.UnmarshalText([]byte(through+test.options)))
		f := finding(doctor.Examine(t.Context(), cfg, doctor.Options{}), "pooler")
		require.Equal(t, test.level, f.Level, "%+v: %s", test, f.Found)
		require.Contains(t, f.Found, test.found)
	}
}
