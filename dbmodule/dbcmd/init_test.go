package dbcmd_test

import (
	"encoding/json"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInit(t *testing.T) {
	t.Parallel()
	p := newProgram(t, modelsV1()...)
	r := p.must("init")
	require.Equal(t, "  Creating directory "+p.config.Dir+" ...  done\n  Generating "+p.config.Dir+"/migrations.go ...  done\n  Creating directory "+p.config.Dir+"/snapshot ...  done\n", r.stdout)
	require.Equal(t, []string{"migrations.go", "snapshot/mysql.hcl", "snapshot/postgresql.hcl", "snapshot/sqlite.hcl"}, p.tree())
	before := p.contents()
	p.fails([]string{p.config.Dir, "already exists and is not empty"}, "init")
	require.Equal(t, before, p.contents())
	require.Equal(t, "", p.must("heads").stdout)
	require.Equal(t, "", p.must("history").stdout)

	// Another one, in a folder that is there and empty.
	other := filepath.Join(filepath.Dir(p.config.Dir), "store", "my-revisions")
	require.NoError(t, os.MkdirAll(other, 0o755))
	p.must("init", other)
	text, err := os.ReadFile(filepath.Join(other, "migrations.go"))
	require.NoError(t, err)
	require.Contains(t, string(text), "package myrevisions\n")
	formatted, err := format.Source(text)
	require.NoError(t, err)
	require.Equal(t, string(formatted), string(text))
	p.must("revision", "-m", "one", "--dir", other)
	require.True(t, isUsage(p.fails([]string{"init takes one directory"}, "init", "a", "b").err))

	// A file is in the way.
	p.config.Dir = filepath.Join(other, "migrations.go")
	p.fails([]string{"migrations.go"}, "init")
}

// The folder is a Go package that embeds what is in it, from the beginning.
func TestInitCompiles(t *testing.T) {
	t.Parallel()
	p := newProgram(t, modelsV1()...)
	p.must("init")
	p.must("revision", "-m", "create books", "--autogenerate")
	p.must("merge", "--help")
	here, err := os.Getwd()
	require.NoError(t, err)
	replace := map[string]string{}
	for _, name := range p.tree() {
		replace[filepath.Join(here, "overlaid", name)] = filepath.Join(p.config.Dir, name)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "overlay.json")
	require.NoError(t, os.WriteFile(file, overlay, 0o644))
	out, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", file, "./overlaid").CombinedOutput()
	require.NoError(t, err, string(out))
}
