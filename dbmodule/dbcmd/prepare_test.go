package dbcmd_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// On a server without the database, several processes prepare it at once;
// afterwards everything agrees.
func TestPrepare(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		missing(t, &cfg)
		p := newProgram(t, modelsV1()...).on(cfg)
		p.must("init")
		p.must("revision", "-m", "create books", "--autogenerate", "--rev-id", "one")
		p.must("revision", "-m", "two", "--rev-id", "two")
		if cfg.URL.Engine() != dbmodule.SQLite {
			p.fails([]string{"does not exist"}, "upgrade")
		}

		var wait sync.WaitGroup
		results := make([]result, 3)
		for i := range results {
			wait.Go(func() { results[i] = p.try("prepare") })
		}
		wait.Wait()
		said := ""
		for _, r := range results {
			require.NoError(t, r.err, r.text())
			require.Empty(t, r.stdout)
			said += r.stderr
		}
		require.Contains(t, said, "Running upgrade  -> one, create books\n")
		if cfg.URL.Engine() != dbmodule.SQLite {
			require.Contains(t, said, "Created database "+cfg.URL.Database()+"\n")
		}

		require.Equal(t, "Nothing to do: the database is at two\n", p.must("prepare").stderr)
		require.Equal(t, "No new upgrade operations detected.\n", p.must("check", "--live").stdout)
		require.Contains(t, p.must("status").stdout, "state     up to date\n")
		require.Equal(t, "two (head)\n", p.must("current", "--check-heads").stdout)
	})
}

// missing turns the settings to a database that is not there, and drops it
// when t ends.
func missing(t *testing.T, cfg *dbmodule.Config) {
	t.Helper()
	if cfg.URL.Engine() == dbmodule.SQLite {
		u, err := dbmodule.ParseURL("sqlite:///" + filepath.Join(t.TempDir(), "new.db"))
		require.NoError(t, err)
		cfg.URL = u
		return
	}
	name := cfg.URL.Database() + "_x"
	name = name[max(0, len(name)-63):]
	neighbour := dbtest.Open(t, *cfg)
	drop := "DROP DATABASE IF EXISTS " + name
	if cfg.URL.Engine() == dbmodule.PostgreSQL {
		drop += " WITH (FORCE)"
	}
	t.Cleanup(func() {
		_, err := neighbour.DB().Exec(drop)
		require.NoError(t, err)
	})
	u, err := cfg.URL.WithDatabase(name)
	require.NoError(t, err)
	cfg.URL = u
}
