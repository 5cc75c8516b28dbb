package dbtest_test

import (
	"context"
	"errors"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// eachServer runs fn for every engine that has servers.
func eachServer(t *testing.T, fn func(t *testing.T, engine dbmodule.Engine)) {
	t.Helper()
	for _, engine := range []dbmodule.Engine{dbmodule.PostgreSQL, dbmodule.MySQL} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			fn(t, engine)
		})
	}
}

// ping asks over a connection of its own.
func ping(t *testing.T, cfg dbmodule.Config, limit time.Duration) error {
	t.Helper()
	db, err := dbmodule.Open(cfg, nil)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	err = db.Ping(ctx)
	require.NoError(t, db.Close())
	return err
}

func TestServerFaults(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, engine dbmodule.Engine) {
		server := dbtest.StartServer(t, engine)
		cfg, rawURL := server.Config(t), server.URL()
		stored := func() (n int) {
			db := dbtest.Open(t, cfg)
			require.NoError(t, db.DB().NewRaw("SELECT COUNT(*) FROM kept").Scan(t.Context(), &n))
			return n
		}
		db := dbtest.Open(t, cfg)
		for _, statement := range []string{"CREATE TABLE kept (n INTEGER)", "INSERT INTO kept VALUES (1)"} {
			_, err := db.DB().ExecContext(t.Context(), statement)
			require.NoError(t, err)
		}

		require.NoError(t, server.Kill())
		require.NoError(t, server.Kill(), "a second time")
		require.Error(t, ping(t, cfg, time.Second))
		require.Error(t, server.Pause(), "nothing to pause")
		require.NoError(t, server.Restart(t.Context()))
		require.Equal(t, rawURL, server.URL())
		require.Equal(t, 1, stored(), "what was committed before the crash")

		require.NoError(t, server.Restart(t.Context()), "while it runs, with clients")
		require.Equal(t, 1, stored())

		require.NoError(t, server.Pause())
		require.Error(t, ping(t, cfg, 300*time.Millisecond))
		require.NoError(t, server.Resume())
		require.NoError(t, server.Resume(), "a second time")
		require.Equal(t, 1, stored())

		require.NoError(t, server.Pause())
		require.NoError(t, server.Restart(t.Context()), "while it is paused")
		require.Equal(t, 1, stored())

		require.NoError(t, server.Pause())
		require.NoError(t, server.Stop(), "while it is paused")
		require.NoError(t, server.Stop(), "a second time")
		require.NoDirExists(t, server.Folder())
		require.ErrorContains(t, server.Restart(t.Context()), "stopped for good")
		require.Error(t, server.Pause())
		require.NoError(t, server.Resume())
		require.NoError(t, server.Kill())
	})
}

// A connection that is open while its server is paused gets no answer, though
// on PostgreSQL a process of its own serves it.
func TestPauseReachesOpenConnections(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, engine dbmodule.Engine) {
		server := dbtest.StartServer(t, engine)
		db := dbtest.Open(t, server.Config(t))
		conn, err := db.DB().Conn(t.Context())
		require.NoError(t, err)
		defer func() { assert.NoError(t, conn.Close()) }()
		query := func(limit time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			_, err := conn.ExecContext(ctx, "SELECT 1")
			return err
		}
		require.NoError(t, query(10*time.Second))
		require.NoError(t, server.Pause())
		answer := make(chan error, 1)
		go func() { answer <- query(20 * time.Second) }()
		select {
		case err := <-answer:
			require.Fail(t, "a paused server answered", "%v", err)
		case <-time.After(200 * time.Millisecond):
		}
		require.NoError(t, server.Resume())
		require.NoError(t, <-answer)
	})
}

func TestServerLetsNobodyElseIn(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, engine dbmodule.Engine) {
		server := dbtest.StartServer(t, engine)
		right, err := url.Parse(server.URL())
		require.NoError(t, err)
		assert.Equal(t, "127.0.0.1", right.Hostname())

		onSocket := *right
		onSocket.Host = ""
		if engine == dbmodule.PostgreSQL {
			onSocket.RawQuery = url.Values{"host": {server.Socket()}, "port": {right.Port()}}.Encode()
		} else {
			onSocket.RawQuery = url.Values{"unix_socket": {server.Socket()}}.Encode()
		}
		for where, base := range map[string]url.URL{"port": *right, "socket": onSocket} {
			for name, user := range map[string]*url.Userinfo{
				"no password":    url.User("dbtest"),
				"wrong password": url.UserPassword("dbtest", "dbtest"),
				"root":           url.User("root"),
				"postgres":       url.User("postgres"),
				"anonymous":      url.User("somebody"),
				"":               right.User,
			} {
				base.User = user
				u, err := dbmodule.ParseURL(base.String())
				require.NoError(t, err)
				cfg := dbmodule.DefaultConfig()
				cfg.URL = u
				err = ping(t, cfg, 10*time.Second)
				if name == "" {
					require.NoError(t, err, "%s: the right password", where)
				} else {
					require.Error(t, err, "%s: %s", where, name)
				}
			}
		}
		info, err := os.Stat(server.Folder())
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	})
}

func TestServerOptions(t *testing.T) {
	t.Parallel()
	type settings map[string]string // query → answer
	for name, test := range map[string]struct {
		engine dbmodule.Engine
		opts   []dbtest.ServerOption
		want   settings
	}{
		"PostgreSQL": {dbmodule.PostgreSQL, nil, settings{
			"SHOW fsync": "off", "SHOW synchronous_commit": "on", "SHOW server_encoding": "UTF8", "SHOW autovacuum": "off",
		}},
		"PostgreSQL durable": {dbmodule.PostgreSQL, []dbtest.ServerOption{dbtest.Durable(), dbtest.WithSettings("max_connections=7")}, settings{
			"SHOW fsync": "on", "SHOW full_page_writes": "on", "SHOW max_connections": "7", "SHOW autovacuum": "on",
		}},
		"MariaDB": {dbmodule.MySQL, nil, settings{
			"SELECT @@innodb_flush_log_at_trx_commit": "2", "SELECT @@character_set_database": "utf8mb4",
		}},
		"MariaDB durable": {dbmodule.MySQL, []dbtest.ServerOption{dbtest.Durable(), dbtest.WithSettings("max_connections=13")}, settings{
			"SELECT @@innodb_flush_log_at_trx_commit": "1", "SELECT @@max_connections": "13",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.Open(t, dbtest.StartServer(t, test.engine, test.opts...).Config(t))
			for query, want := range test.want {
				var got string
				require.NoError(t, db.DB().QueryRowContext(t.Context(), query).Scan(&got))
				assert.Equal(t, want, got, query)
			}
		})
	}
}

func TestServerThatDoesNotStartSaysWhy(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, engine dbmodule.Engine) {
		require.NoError(t, dbtest.StartServer(t, engine).Stop()) // skips where there is none
		_, err := dbtest.NewServer(t.Context(), engine, dbtest.WithSettings("no_such_setting=1"))
		require.ErrorContains(t, err, "dbtest: start server: ")
		require.ErrorContains(t, err, "no_such_setting")
	})
}

func TestStartServerIsForServers(t *testing.T) {
	t.Parallel()
	o := ended(t, func(t testing.TB) { dbtest.StartServer(t, dbmodule.SQLite) })
	assert.Contains(t, o.failed, `"sqlite" has none`)
}

// A program has no test to skip or fail.
func TestServerOfAProgram(t *testing.T) {
	t.Parallel()
	_, err := dbtest.NewServer(t.Context(), dbmodule.SQLite)
	require.ErrorContains(t, err, `"sqlite" has none`)
	eachServer(t, func(t *testing.T, engine dbmodule.Engine) {
		_, err := dbtest.NewKit(nil, true).NewServer(t.Context(), engine)
		require.ErrorIs(t, err, dbtest.ErrNotInstalled)

		server, err := dbtest.NewServer(t.Context(), engine)
		if errors.Is(err, dbtest.ErrNotInstalled) {
			t.Skip(err)
		}
		require.NoError(t, err)
		dbtest.Open(t, server.Config(t))
		require.NoError(t, server.Stop())
	})
}
