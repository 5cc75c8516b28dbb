package dbcmd_test

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/backup"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Config(t, dbmodule.SQLite)
	p := newProgram(t, modelsV1()...).on(cfg)
	p.must("init")
	p.must("revision", "--autogenerate", "-m", "create", "--rev-id", "one")
	p.must("upgrade")
	exec := func(statement string) {
		db := dbtest.Open(t, cfg)
		_, err := db.DB().ExecContext(t.Context(), statement)
		require.NoError(t, err)
		require.NoError(t, db.Close())
	}
	exec("INSERT INTO authors (name) VALUES ('Ann'), ('Bob')")
	file := filepath.Join(t.TempDir(), "backup.db")

	r := p.must("backup", file)
	require.Regexp(t, `(?m)^backup    `+file+`$`, r.stdout)
	require.Regexp(t, `(?m)^verified  integrity and foreign keys$`, r.stdout)
	require.Regexp(t, `(?m)^at        one$`, r.stdout)
	require.Regexp(t, `(?m)^ +2  authors$`, r.stdout)
	p.fails([]string{"exists"}, "backup", file)
	p.must("backup", "--force", file)

	exec("DELETE FROM authors")
	r = p.must("restore", file)
	require.Regexp(t, `(?m)^restored  `+file+`$`, r.stdout)
	require.Regexp(t, `(?m)^kept      .*\.replaced-`, r.stdout)
	db := dbtest.Open(t, cfg)
	var n int
	require.NoError(t, db.DB().NewRaw("SELECT count(*) FROM authors").Scan(t.Context(), &n))
	require.Equal(t, 2, n)

	// That connection is open.
	err := p.try("restore", file).err
	require.ErrorIs(t, err, backup.ErrInUse)
	require.ErrorContains(t, err, "stop the server")
	require.NoError(t, db.Close())

	// What is behind, ahead or unknown is said.
	p.must("revision", "-m", "another", "--rev-id", "two")
	require.Contains(t, p.must("restore", file).stderr, "note: it lacks two")
	exec("UPDATE alembic_version SET version_num = 'nobodys'; DELETE FROM alembic_version_history")
	p.must("backup", "--force", file)
	p.fails([]string{"at nobodys, which this program does not know", "nothing was changed", "--force"}, "restore", file)
	require.Contains(t, p.must("restore", "--force", file).stderr, "note: the backup is at nobodys")
	require.True(t, isUsage(p.try("backup").err))
	require.True(t, isUsage(p.try("restore", "a", "b").err))
}

func TestBackupOfADatabaseInMemory(t *testing.T) {
	t.Parallel()
	cfg := dbmodule.DefaultConfig()
	var err error
	cfg.URL, err = dbmodule.ParseURL("sqlite://")
	require.NoError(t, err)
	p := newProgram(t).on(cfg)
	file := filepath.Join(t.TempDir(), "x.db")
	p.fails([]string{"in memory"}, "backup", file)
	require.NoFileExists(t, file)
}

// The command lines that are named do what they are named for.
func TestBackupNamesTheEnginesOwnProgram(t *testing.T) {
	t.Parallel()
	for _, engine := range []dbmodule.Engine{dbmodule.PostgreSQL, dbmodule.MySQL} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			cfg := dbtest.Config(t, engine)
			raw := dbtest.URL(t, engine)
			var err error
			cfg.URL, err = dbmodule.ParseURL(raw)
			require.NoError(t, err)
			u, err := url.Parse(raw)
			require.NoError(t, err)
			password, _ := u.User.Password()
			db := dbtest.Open(t, cfg)
			_, err = db.DB().ExecContext(t.Context(), "CREATE TABLE books (id INTEGER PRIMARY KEY)")
			require.NoError(t, err)
			_, err = db.DB().ExecContext(t.Context(), "INSERT INTO books VALUES (1), (2)")
			require.NoError(t, err)
			byHand, drop, there := "CREATE FUNCTION by_hand() RETURNS integer LANGUAGE sql AS 'SELECT 1'", "DROP FUNCTION by_hand", "SELECT count(*) FROM pg_proc WHERE proname = 'by_hand'"
			if engine == dbmodule.MySQL {
				byHand, drop, there = "CREATE EVENT by_hand ON SCHEDULE EVERY 1 DAY DISABLE DO DELETE FROM books", "DROP EVENT by_hand", "SELECT count(*) FROM information_schema.events WHERE event_schema = DATABASE()"
			}
			_, err = db.DB().DB.ExecContext(t.Context(), byHand)
			require.NoError(t, err)

			p := newProgram(t).on(cfg)
			file := filepath.Join(t.TempDir(), "it's.dump")
			run := func(command string) {
				err := p.try(command, file).err
				require.Error(t, err)
				require.NotContains(t, err.Error(), password)
				_, line, found := strings.Cut(err.Error(), "asks for the password: ")
				require.True(t, found, err.Error())
				program, _, _ := strings.Cut(line, " ")
				if _, err := exec.LookPath(program); err != nil {
					require.NotEqual(t, "all", os.Getenv("DBTEST_REQUIRE"), "%v", err)
					t.Skip(err)
				}
				shell := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(line, " --password ", " ", 1))
				shell.Env = append(os.Environ(), "PGPASSWORD="+password, "MYSQL_PWD="+password)
				out, err := shell.CombinedOutput()
				require.NoError(t, err, "%s\n%s", line, out)
			}
			run("backup")
			_, err = db.DB().ExecContext(t.Context(), "DELETE FROM books")
			require.NoError(t, err)
			_, err = db.DB().DB.ExecContext(t.Context(), drop)
			require.NoError(t, err)
			require.ErrorContains(t, p.try("restore", file).err, "on an empty database")
			run("restore")
			var n int
			require.NoError(t, db.DB().NewRaw(there).Scan(t.Context(), &n))
			require.Equal(t, 1, n)
			require.NoError(t, db.DB().NewRaw("SELECT count(*) FROM books").Scan(t.Context(), &n))
			require.Equal(t, 2, n)
		})
	}
}
