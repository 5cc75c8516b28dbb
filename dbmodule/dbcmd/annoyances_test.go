package dbcmd_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbcmd"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// -x reaches the program's revisions in Go, as Alembic's does.
func TestArguments(t *testing.T) {
	t.Parallel()
	p := newProgram(t).on(dbtest.Config(t, dbmodule.SQLite))
	var tenant, seen string
	p.config.Arguments = func(values map[string]string) error {
		for key, value := range values {
			if key != "tenant" {
				return errors.New("there is no " + key)
			}
			tenant = value
		}
		return nil
	}
	p.config.Sources = []migrate.Source{{
		FS: fstest.MapFS{"1/revision.txt": {Data: []byte(revisionText("one", "", "one"))}},
		Code: []migrate.Code{{Revision: "one", Upgrade: func(context.Context, bun.IDB) error {
			seen = tenant
			return nil
		}}},
	}}
	require.True(t, isUsage(p.fails([]string{"-x: there is no nobody"}, "upgrade", "-x", "nobody=1").err))
	require.True(t, isUsage(p.fails([]string{"-x =1: want KEY=VALUE"}, "upgrade", "-x", "=1").err))
	require.True(t, isUsage(p.fails([]string{"each key once"}, "upgrade", "-x", "tenant=1", "-x", "tenant=2").err))
	p.must("-x", "tenant=a=b", "upgrade")
	require.Equal(t, "a=b", seen)
	require.Contains(t, p.must("upgrade", "--help").stdout, "-x, --arg KEY=VALUE")

	p.config.Arguments = nil
	p.fails([]string{"unknown shorthand flag: 'x'"}, "upgrade", "-x", "tenant=1")
}

// A server that refuses is named at once, and not when the command gives up.
func TestWaitingIsTold(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	cfg := dbmodule.DefaultConfig()
	cfg.URL, err = dbmodule.ParseURL("postgresql://u:secret@" + address + "/db")
	require.NoError(t, err)
	p := newProgram(t)
	p.config.Settings = func() (dbcmd.Settings, error) {
		return dbcmd.Settings{Database: cfg, ConnectTimeout: 1500 * time.Millisecond}, nil
	}
	p.must("init")
	r := p.fails([]string{"did not answer within"}, "current")
	require.Contains(t, r.stderr, "Waiting up to 1.5s for the database: connect to postgresql://u:***@"+address+"/db")
	require.Contains(t, r.stderr, "refused")
	require.NotContains(t, r.text(), "secret")
	require.Equal(t, 1, strings.Count(r.stderr, "\n"), r.stderr)
}

// A database that is not there can be made.
func TestMissingDatabaseNamesPrepare(t *testing.T) {
	t.Parallel()
	for _, engine := range []dbmodule.Engine{dbmodule.PostgreSQL, dbmodule.MySQL} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			cfg := dbtest.Config(t, engine)
			var err error
			cfg.URL, err = cfg.URL.WithDatabase("not_there")
			require.NoError(t, err)
			p := newProgram(t).on(cfg)
			p.must("init")
			for _, args := range []string{"current", "upgrade", "status"} {
				p.fails([]string{`"program db prepare" makes it`}, args)
			}
		})
	}
}

func TestSymbolicLinks(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	p.must("init")
	elsewhere := filepath.Join(t.TempDir(), "1")
	require.NoError(t, os.Mkdir(elsewhere, 0o755))
	require.NoError(t, os.Symlink(elsewhere, filepath.Join(p.config.Dir, "20261129_one")))
	p.fails([]string{"20261129_one is a symbolic link, which go:embed leaves out"}, "heads")
	require.NoError(t, os.Rename(filepath.Join(p.config.Dir, "20261129_one"), filepath.Join(p.config.Dir, "_one")))
	p.must("heads")
}

func TestMessageLikeAField(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	p.must("init")
	p.must("revision", "--rev-id", "one", "-m", "Revision ID: none")
	require.Contains(t, p.must("show", "one").stdout, "Revision ID: none")
}

// Folders of one day stand in the order in which they were written.
func TestFoldersHaveTheTime(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	p.must("init")
	p.must("revision", "--rev-id", "one", "-m", "x")
	require.Regexp(t, `/\d{14}_one_x$`, p.folder("one"))
	p.add("20261129_two_as_before", revisionText("two", "one", "two"), emptySQL)
	require.Equal(t, "two (head)\n", p.must("heads").stdout)
}

// A program that imports the package of its revisions has to have one before it
// can run init, which adds what that lacks.
func TestInitCompletes(t *testing.T) {
	t.Parallel()
	p := newProgram(t, modelsV1()...)
	require.NoError(t, os.MkdirAll(p.config.Dir, 0o755))
	byHand := "package migrations // by hand\n"
	for name, text := range map[string]string{"migrations.go": byHand, ".gitkeep": ""} {
		require.NoError(t, os.WriteFile(filepath.Join(p.config.Dir, name), []byte(text), 0o644))
	}
	r := p.must("init")
	require.Contains(t, r.stderr, "Kept what was there.")
	require.Equal(t, byHand, p.contents()["migrations.go"])
	p.must("revision", "-m", "create books", "--autogenerate", "--rev-id", "one")
	p.fails([]string{"already exists and is not empty", "_one_create_books"}, "init")

	// The snapshots without the package.
	other := newProgram(t, modelsV1()...)
	other.must("init")
	require.NoError(t, os.Remove(filepath.Join(other.config.Dir, "migrations.go")))
	other.must("init")
	require.Contains(t, other.contents()["migrations.go"], "func Source()")
	other.fails([]string{"nothing is missing"}, "init")
}

// Doctor of a program without revisions does not send anybody to upgrade.
func TestDoctorWithoutRevisions(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Config(t, dbmodule.SQLite)
	p := newProgram(t).on(cfg)
	p.must("init")
	p.must("upgrade")
	r := p.try("doctor")
	require.Contains(t, r.stdout, `this program has none yet: "db revision --autogenerate" writes the first`)
	require.NotContains(t, r.stdout, `run "db upgrade"`)
}

func TestBackupNamesForce(t *testing.T) {
	t.Parallel()
	p := newProgram(t).on(dbtest.Config(t, dbmodule.SQLite))
	p.must("init")
	p.must("upgrade")
	file := filepath.Join(t.TempDir(), "there.db")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	p.fails([]string{"the file exists", "--force"}, "backup", file)
	p.must("backup", "--force", file)
}

// The hint about a rebuild's RENAME comes only where it helps.
func TestLegacyAlterTableHint(t *testing.T) {
	t.Parallel()
	const tables = "-- migrate:upgrade\nCREATE TABLE a (b int, c int);\nCREATE VIEW v AS SELECT b, c FROM a;\n"
	for sql, helps := range map[string]bool{
		"ALTER TABLE a DROP COLUMN c;": false,
		"CREATE TABLE new_a (b int, c int);\nDROP TABLE a;\nALTER TABLE new_a RENAME TO a;": true,
	} {
		p := newProgram(t).on(dbtest.Config(t, dbmodule.SQLite))
		p.must("init")
		p.add("1", revisionText("one", "", "one"), tables+sql+"\n\n-- migrate:downgrade\n")
		r := p.fails([]string{"error in view v"}, "upgrade")
		require.Equal(t, helps, strings.Contains(r.err.Error(), "legacy_alter_table"), "%s: %v", sql, r.err)
	}
}
