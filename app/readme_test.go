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
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Not parallel: it sets environment variables.
func TestSettingsPageHasEverySetting(t *testing.T) {
	environment(t, nil)
	var got []string
	for line := range strings.Lines(page(t, "docs/settings.md")) {
		// Rows of the one table whose first column is a variable.
		if cell, ok := strings.CutPrefix(line, "| `"); ok && strings.ToUpper(cell[:strings.IndexByte(cell, '`')]) == cell[:strings.IndexByte(cell, '`')] {
			got = append(got, strings.TrimSpace(line))
		}
	}
	var want []string
	for _, s := range listed(t) {
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
			if want := "Go " + parts[0] + "." + parts[1]; !strings.Contains(page(t, "README.md"), want) {
				t.Errorf("go.mod says %s, README has no %q", version, want)
			}
			return
		}
	}
	t.Error("go.mod has no go line")
}

// documents are the texts whose Go is compiled, each group of them in a package
// of its own.
var documents = map[string][]string{
	"readme": {"README.md"},
	"manual": {
		"docs/models-and-tables.md", "docs/sessions.md", "docs/http.md", "docs/coming-from-python.md", "docs/cluster.md", "docs/performance.md",
	},
	"compose": {"docs/compose.md", "docs/live.md"},
}

// snippets returns the blocks of Go in texts.
func snippets(t *testing.T, names ...string) []string {
	t.Helper()
	var rest string
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		rest += string(text)
	}
	var blocks []string
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

// The start that README shows names the newest revision.
func TestReadmeShowsTheStart(t *testing.T) {
	t.Parallel()
	heads := migrator(t).Graph().Heads()
	if len(heads) != 1 || !strings.Contains(page(t, "README.md"), "at revision "+heads[0].ID) {
		t.Errorf("README does not say at revision %v", heads)
	}
}

func TestReadmeIsShort(t *testing.T) {
	t.Parallel()
	text := page(t, "README.md")
	if lines := strings.Count(text, "\n"); lines > 150 || len(text) > 10_000 {
		t.Errorf("README has %d lines and %d bytes; at most 150 and 10,000: move some of it to docs", lines, len(text))
	}
}

// Every page says first what it is for, and every link to a file leads somewhere, its heading included.
func TestPagesOfDocs(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil || len(pages) < 10 {
		t.Fatal(pages, err)
	}
	pages = append(pages, "../README.md", "../CONTRIBUTING.md")
	link := regexp.MustCompile(`\]\(([^)#:]*)(?:#([^)]*))?\)`)
	code := regexp.MustCompile("(?s)\n```.*?\n```\n")
	for _, name := range pages {
		text := page(t, name[len("../"):])
		if name != "../README.md" && !strings.Contains(text, "\nAfter this page ") {
			t.Errorf("%s does not begin with what its reader can do after it: After this page …", name)
		}
		for _, match := range link.FindAllStringSubmatch(code.ReplaceAllString(text, ""), -1) {
			target := name
			if match[1] != "" {
				target = filepath.Join(filepath.Dir(name), match[1])
			}
			info, err := os.Stat(target)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if match[2] != "" && (info.IsDir() || !slices.Contains(anchors(page(t, target[len("../"):])), match[2])) {
				t.Errorf("%s: %s has no heading for #%s", name, target, match[2])
			}
		}
	}
}

// anchors are what links to the headings of a page end with.
func anchors(page string) []string {
	var all []string
	for line := range strings.Lines(page) {
		if heading := strings.TrimLeft(line, "#"); heading != line && strings.HasPrefix(heading, " ") {
			keep := func(r rune) rune {
				switch {
				case r == ' ':
					return '-'
				case r == '-' || unicode.IsLetter(r) || unicode.IsDigit(r):
					return unicode.ToLower(r)
				}
				return -1
			}
			all = append(all, strings.Map(keep, strings.TrimSpace(heading)))
		}
	}
	return all
}

func TestReadmeShowsTheComposedProgram(t *testing.T) {
	t.Parallel()
	program, err := os.ReadFile(filepath.Join("e2e", "testdata", "compose", "main.go.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(snippets(t, "README.md"), string(program)) {
		t.Error("the program that is tested is not the one in README")
	}
}

// known are the packages that snippets use without importing them.
var known = []string{
	"context", "errors", "fmt", "io", "io/fs", "net/http", "os", "testing", "time",
	"github.com/danielgtaylor/huma/v2",
	"github.com/labstack/echo/v4",
	"github.com/openhands-go/server/dbmodule",
	"github.com/openhands-go/server/dbmodule/autogen",
	"github.com/openhands-go/server/dbmodule/dbcmd",
	"github.com/jackc/pgx/v5",
	"github.com/openhands-go/server/dbmodule/dbtest",
	"github.com/openhands-go/server/dbmodule/dbquery",
	"github.com/openhands-go/server/dbmodule/feed",
	"github.com/openhands-go/server/dbmodule/keyset",
	"github.com/openhands-go/server/dbmodule/migrate",
	"github.com/openhands-go/server/httpmodule",
	"github.com/openhands-go/server/httpmodule/httpstream",
	"github.com/openhands-go/server/httpmodule/program",
	"github.com/openhands-go/server/httpmodule/servertest",
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
	var packages []string
	for group, names := range documents {
		for i, snippet := range snippets(t, names...) {
			if pretty, err := format.Source([]byte(snippet)); err != nil || !bytes.Equal(pretty, []byte(snippet)) {
				t.Errorf("not formatted (%v):\n%s", err, snippet)
			}
			name := fmt.Sprintf("%s%d.go", group, i)
			at := filepath.Join(root, group, "snippets", name)
			if strings.HasPrefix(snippet, "package ") {
				pkg := fmt.Sprintf("program%d", i)
				packages = append(packages, "./"+group+"/"+pkg)
				at = filepath.Join(root, group, pkg, name)
			} else {
				snippet = complete(t, snippet)
				if pkg := "./" + group + "/snippets"; !slices.Contains(packages, pkg) {
					packages = append(packages, pkg)
				}
			}
			overlay[at] = filepath.Join(folder, name)
			if err := os.WriteFile(overlay[at], []byte(snippet), 0o600); err != nil {
				t.Fatal(err)
			}
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
