package app_test

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/modfile"
)

var versionSuffix = regexp.MustCompile(`/v\d+$`)

// Each direct dependency has its reason in docs/architecture.md.
func TestDependenciesHaveReasons(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "go.mod"))
	require.NoError(t, err)
	mod, err := modfile.Parse("go.mod", text, nil)
	require.NoError(t, err)
	page, err := os.ReadFile(filepath.Join("..", "docs", "architecture.md"))
	require.NoError(t, err)
	_, table, found := strings.Cut(string(page), "## Dependencies")
	require.True(t, found)
	for _, dependency := range mod.Require {
		name := path.Base(versionSuffix.ReplaceAllString(dependency.Mod.Path, ""))
		if !dependency.Indirect {
			assert.Regexp(t, `(?m)^\| [^|]*\b`+regexp.QuoteMeta(name)+`\b`, table, "say why %s is there", dependency.Mod.Path)
		}
	}
}

// docs/licences.md lists the modules of the binary.
func TestLicencesAreListed(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "docs", "licences.md"))
	require.NoError(t, err)
	var listed []string
	for _, row := range regexp.MustCompile(`(?m)^\| (\S+\.\S+) \| (\S.*) \|$`).FindAllStringSubmatch(string(page), -1) {
		listed = append(listed, row[1])
	}
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", "..")
	out, err := list.Output()
	require.NoError(t, err)
	linked := strings.Fields(string(out))
	slices.Sort(linked)
	assert.Equal(t, slices.Compact(linked), listed, "make licences prints the licence of each")
}
