package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Not parallel: it sets environment variables.
func TestReadmeHasEverySetting(t *testing.T) {
	environment(t, nil)
	var got []string
	for line := range strings.Lines(readme(t)) {
		// Rows of the one table whose first column is a variable.
		if cell, ok := strings.CutPrefix(line, "| `"); ok && strings.ToUpper(cell[:strings.IndexByte(cell, '`')]) == cell[:strings.IndexByte(cell, '`')] {
			got = append(got, strings.TrimSpace(line))
		}
	}
	var want []string
	for _, s := range settings(t) {
		fallback := "–"
		if s.Default != "" {
			fallback = "`" + s.Default + "`"
		}
		want = append(want, fmt.Sprintf("| `%s` | %s | %s |", s.Name, fallback, s.Meaning))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the table of settings should be:\n%s", strings.Join(want, "\n"))
	}
}

func TestReadmeNamesTheGoVersion(t *testing.T) {
	t.Parallel()
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mod)) {
		if version, ok := strings.CutPrefix(strings.TrimSpace(line), "go "); ok {
			parts := strings.Split(version, ".")
			if want := "Go " + parts[0] + "." + parts[1]; !strings.Contains(readme(t), want) {
				t.Errorf("go.mod says %s, README has no %q", version, want)
			}
			return
		}
	}
	t.Error("go.mod has no go line")
}

// snippets returns the blocks of Go, in README and in the guide to clusters.
func snippets(t *testing.T) []string {
	t.Helper()
	guide, err := os.ReadFile("../docs/cluster.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	rest := readme(t) + string(guide)
	for {
		_, after, found := strings.Cut(rest, "\n```go\n")
		if !found {
			return blocks
		}
		block, next, closed := strings.Cut(after, "\n```\n")
		if !closed {
			t.Fatal("a block of Go does not end")
		}
		blocks, rest = append(blocks, block+"\n"), "\n"+next
	}
}

func TestReadmeShowsTheComposedProgram(t *testing.T) {
	t.Parallel()
	program, err := os.ReadFile(filepath.Join("e2e", "testdata", "compose", "main.go.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(snippets(t), string(program)) {
		t.Error("the program that is tested is not the one in README")
	}
}

// known are the packages that snippets use without importing them.
var known = []string{
	"context", "errors", "net/http", "testing", "time",
	"github.com/danielgtaylor/huma/v2",
	"github.com/labstack/echo/v4",
	"github.com/openhands-go/server/dbmodule",
	"github.com/openhands-go/server/dbmodule/autogen",
	"github.com/openhands-go/server/dbmodule/dbcmd",
	"github.com/openhands-go/server/dbmodule/dbtest",
	"github.com/openhands-go/server/dbmodule/migrate",
	"github.com/openhands-go/server/httpmodule",
	"github.com/spf13/cobra",
	"github.com/uptrace/bun",
	"go.uber.org/fx",
	"go.uber.org/zap",
}

// complete makes a file of a snippet that has no package clause.
func complete(t *testing.T, snippet string) string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "snippet.go", "package readme\n"+snippet, 0)
	if err != nil {
		t.Fatalf("%v in\n%s", err, snippet)
	}
	used := make(map[string]bool)
	ast.Inspect(file, func(node ast.Node) bool {
		if selector, ok := node.(*ast.SelectorExpr); ok {
			if name, ok := selector.X.(*ast.Ident); ok {
				used[name.Name] = true
			}
		}
		return true
	})
	var b strings.Builder
	b.WriteString("package readme\n\nimport (\n")
	for _, pkg := range known {
		name := path.Base(pkg)
		if strings.HasPrefix(name, "v") && len(name) == 2 { // a major version
			name = path.Base(path.Dir(pkg))
		}
		if used[name] {
			fmt.Fprintf(&b, "\t%q\n", pkg)
		}
	}
	return b.String() + ")\n\n" + snippet
}

// TestReadmeCompiles lays the snippets over the module: whole programs in a
// package each, all others together in one.
func TestReadmeCompiles(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	overlay := make(map[string]string)
	packages := []string{"./readme/snippets"}
	for i, snippet := range snippets(t) {
		if pretty, err := format.Source([]byte(snippet)); err != nil || !bytes.Equal(pretty, []byte(snippet)) {
			t.Errorf("not formatted (%v):\n%s", err, snippet)
		}
		name := fmt.Sprintf("snippet%d.go", i)
		at := filepath.Join(root, "readme", "snippets", name)
		if strings.HasPrefix(snippet, "package ") {
			pkg := fmt.Sprintf("program%d", i)
			packages = append(packages, "./readme/"+pkg)
			at = filepath.Join(root, "readme", pkg, name)
		} else {
			snippet = complete(t, snippet)
		}
		overlay[at] = filepath.Join(folder, name)
		if err := os.WriteFile(overlay[at], []byte(snippet), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if len(overlay) < 5 || len(packages) < 2 {
		t.Fatalf("only %d snippets, %d packages", len(overlay), len(packages))
	}
	list, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	overlayFile := filepath.Join(folder, "overlay.json")
	if err := os.WriteFile(overlayFile, list, 0o600); err != nil {
		t.Fatal(err)
	}
	// go list -export compiles and does not link.
	compile := exec.Command("go", append([]string{"list", "-export", "-overlay", overlayFile}, packages...)...)
	compile.Dir = root
	if out, err := compile.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
