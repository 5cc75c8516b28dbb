// Package dbtest gives each test a fresh, empty database of its own on every
// engine that dbmodule serves. [Each] is all that most tests need:
//
//	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
//		db := dbtest.Open(t, cfg, dbmodule.WithModels((*Book)(nil)))
//		…
//	})
//
// [New] opens a database that already has a schema, and the rows that revisions
// inserted:
//
//	db := dbtest.New(t, dbmodule.PostgreSQL, dbtest.WithRevisions(migrations.Source()))
//
// The schema is built once in each process and copied for each test. On SQLite
// the file is copied, and on PostgreSQL a template database. On MariaDB the
// statements that create the tables run again (a schema with views, routines,
// triggers or events is built again each time). Two schemas are the same if their
// DDL is the same. [Fixtures] loads rows from YAML.
//
// Figures for five related tables, on two busy cores: to create and connect a
// database took 5 ms on SQLite, 30 ms on PostgreSQL and 5 ms on MariaDB; to drop
// it took 0.1, 13 and 2 ms. "go test -bench New" measures them. Throwaway servers
// reach these figures with their files in memory: in /dev/shm, if it has 4 GiB
// free and TMPDIR is not set. On that machine's slow disk a database took 4, 270
// and 30 ms.
//
// SQLite needs no server. For PostgreSQL and MariaDB, tests use the servers that
// DBTEST_POSTGRES_URL and DBTEST_MYSQL_URL name; the URL's user must be allowed to
// create databases. If a URL is not set, the first test that needs the
// engine starts a throwaway server from the binaries of this machine, and the
// tests of the process share it. On a PostgreSQL server that a URL names, the
// templates stay for later processes; their names are dbtest_template_ with the
// day. A process that makes new templates two days later drops the old ones.
//
// A throwaway server listens on the loopback interface and on a unix socket, and
// requires a generated password. The server and its folder are removed when the
// test process ends, even if it is killed; you need no TestMain.
//
// If an engine is not installed, its tests are skipped with the reason.
// DBTEST_REQUIRE makes them fail instead: all, or a list such as
// "postgresql,mysql".
package dbtest

import (
	"context"
	"os"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"github.com/openhands-go/server/dbmodule"
)

// shared holds the servers of this process. Starting one takes about half a
// second, and package testing offers no other place that outlives a test.
var shared = newKit(os.Getenv)

// connectLimit bounds how long a test waits for a database that should answer.
const connectLimit = 30 * time.Second

// Engines lists the engines that [Each] runs on: SQLite, PostgreSQL and MySQL.
// Tests of MySQL run on MariaDB unless DBTEST_MYSQL_URL names another server.
func Engines() []dbmodule.Engine {
	return []dbmodule.Engine{dbmodule.SQLite, dbmodule.PostgreSQL, dbmodule.MySQL}
}

// Each runs fn once for each engine, as parallel subtests named after the engines
// ("sqlite", "postgresql", "mysql"). cfg has dbmodule's defaults and the URL of an
// empty database. The database belongs to that subtest alone. It is dropped after
// the subtest, even if connections to it are still open.
func Each(t *testing.T, fn func(t *testing.T, cfg dbmodule.Config)) {
	t.Helper()
	for _, engine := range Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			fn(t, Config(t, engine))
		})
	}
}

// Config returns dbmodule's defaults with the URL of a fresh, empty database
// of the engine, which is dropped when t ends. If the engine is not
// installed, Config skips t, or fails t if DBTEST_REQUIRE names the engine.
func Config(t testing.TB, engine dbmodule.Engine) dbmodule.Config {
	t.Helper()
	return configFor(t, URL(t, engine))
}

// URL is [Config] for tests that start a program: it returns the URL of a fresh
// database for DATABASE_URL, password included.
func URL(t testing.TB, engine dbmodule.Engine) string {
	t.Helper()
	return shared.database(t, engine)
}

// Open opens a database, waits up to 30 seconds until it answers, logs to t
// and closes it when t ends. Any error fails t.
func Open(t testing.TB, cfg dbmodule.Config, opts ...dbmodule.Option) *dbmodule.Database {
	t.Helper()
	db, err := dbmodule.Open(cfg, zaptest.NewLogger(t), opts...)
	if err != nil {
		t.Fatalf("dbtest: open: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("dbtest: close: %v", err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), connectLimit)
	defer cancel()
	if err := db.Connect(ctx); err != nil {
		t.Fatalf("dbtest: open: %v", err)
	}
	return db
}

func configFor(t testing.TB, rawURL string) dbmodule.Config {
	t.Helper()
	u, err := dbmodule.ParseURL(rawURL)
	if err != nil {
		t.Fatalf("dbtest: read the database's URL: %v", err)
	}
	cfg := dbmodule.DefaultConfig()
	cfg.URL = u
	return cfg
}
