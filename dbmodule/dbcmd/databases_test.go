package dbcmd_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbcmd"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// --database chooses models, revisions, folder and settings of another database.
func TestDatabases(t *testing.T) {
	t.Parallel()
	main := newProgram(t).on(dbtest.Config(t, dbmodule.SQLite))
	main.add("1_one", revisionText("one", "", "create books"), "-- migrate:upgrade\nCREATE TABLE books (id integer);\n")
	audit := newProgram(t, modelsV1()...).on(dbtest.Config(t, dbmodule.SQLite))
	require.NotContains(t, main.must("upgrade", "--help").stdout, "--database")
	main.fails([]string{"unknown flag: --database"}, "heads", "--database", "audit")
	main.config.Databases = map[string]dbcmd.Config{"audit": audit.config, "empty": {}}

	main.must("init", "--database", "audit")
	main.must("revision", "--database", "audit", "-m", "create", "--autogenerate", "--rev-id", "two")
	require.Contains(t, audit.tree(), "snapshot/sqlite.hcl")
	require.Equal(t, "one (head)\n", main.must("heads").stdout)
	require.Equal(t, "two (head)\n", main.must("heads", "--database", "audit").stdout)
	main.must("upgrade")
	r := main.fails(nil, "check", "--database", "audit")
	require.Contains(t, r.text(), "run \"program db upgrade --database audit\"")
	main.must("upgrade", "--database", "audit")
	require.Equal(t, "one (head)\n", main.must("current").stdout)
	require.Equal(t, "two (head)\n", main.must("current", "--database", "audit").stdout)
	main.must("check", "--database", "audit")

	require.Contains(t, main.must("upgrade", "--help").stdout, "audit, empty")
	r = main.fails([]string{`there is no database "audt": there are audit, empty`}, "current", "--database", "audt")
	require.True(t, isUsage(r.err))
	main.fails([]string{"there is no database \"\""}, "current", "--database", "")
	main.fails([]string{"set Settings in its dbcmd.Config"}, "current", "--database", "empty", "--dir", main.config.Dir)

	root := &cobra.Command{Use: "program"}
	root.AddCommand(dbcmd.New(main.config))
	var offered bytes.Buffer
	root.SetOut(&offered)
	root.SetErr(io.Discard)
	root.SetArgs([]string{cobra.ShellCompRequestCmd, "db", "upgrade", "--database", "audit", ""})
	require.NoError(t, root.ExecuteContext(t.Context()))
	require.Contains(t, offered.String(), "\ntwo\tcreate\n")
}

// A named database's folder has the database's name.
func TestFolderOfADatabase(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	p := newProgram(t)
	built := fstest.MapFS{"1_two/revision.txt": {Data: []byte(revisionText("two", "", "x"))}, "1_two/all.sql": {Data: []byte("-- migrate:upgrade\nSELECT 1;\n")}}
	p.config.Databases = map[string]dbcmd.Config{"audit": {}, "built": {Sources: []migrate.Source{{FS: built}}}}
	p.must("init", "--database", "audit")
	_, err := os.Stat(filepath.Join(folder, "auditmigrations", "migrations.go"))
	require.NoError(t, err)
	require.Equal(t, "two (head)\n", p.must("heads", "--database", "built").stdout)
}
