package app_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/openhands-go/server/httpmodule/program/envfile"
)

// shellPages have commands for the server. Tests of dbcmd run those of the pages about migrations.
var shellPages = []string{"README.md", "CONTRIBUTING.md", "docs/operations.md", "docs/settings.md", "docs/cluster.md", "docs/compose.md"}

// fenced returns the blocks of a page that are in a language.
func fenced(t *testing.T, name, language string) (blocks []string) {
	t.Helper()
	for _, match := range regexp.MustCompile("(?sm)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(page(t, name), -1) {
		blocks = append(blocks, match[1])
	}
	return blocks
}

var (
	remark    = regexp.MustCompile(`(^|\s)#.*$`)
	ourselves = regexp.MustCompile(`(?:(?:^|\s)(?:\./)?openhands-server|go run \.)((?: [^\s|&>;]+)*)`)
	curled    = regexp.MustCompile(`curl .*?localhost:3000(/[^\s?"']*)`)
	assigned  = regexp.MustCompile(`(?:^|\s)([A-Z][A-Z0-9_]*)=`)
	made      = regexp.MustCompile(`^make (\w+)`)
	script    = regexp.MustCompile(`docs/deploy/\w+\.sh`)
)

// What the pages tell to type is there: commands with their flags, routes, variables, targets and scripts.
//
// Not parallel: it sets environment variables.
func TestPagesSayWhatCanBeTyped(t *testing.T) {
	environment(t, nil)
	makefile, err := os.ReadFile("../Makefile")
	require.NoError(t, err)
	routes := pathsOfDocument(t)
	found := map[string]int{}
	for _, name := range shellPages {
		for _, block := range fenced(t, name, "sh") {
			for line := range strings.Lines(block) {
				line = remark.ReplaceAllString(strings.TrimSpace(line), "")
				for _, match := range ourselves.FindAllStringSubmatch(line, -1) {
					found["command"]++
					checkCommand(t, name, strings.Fields(match[1]))
				}
				for _, match := range curled.FindAllStringSubmatch(line, -1) {
					found["route"]++
					assert.True(t, routes.MatchString(match[1]), "%s: there is no route %s", name, match[1])
				}
				for _, match := range assigned.FindAllStringSubmatch(line, -1) {
					found["variable"]++
					checkVariable(t, name, match[1])
				}
				if match := made.FindStringSubmatch(line); match != nil {
					found["target"]++
					assert.Contains(t, string(makefile), "\n"+match[1]+":", name)
				}
				for _, path := range script.FindAllString(line, -1) {
					found["script"]++
					assert.FileExists(t, filepath.Join("..", path), name)
				}
			}
		}
	}
	for _, kind := range []string{"command", "route", "variable", "target", "script"} {
		assert.Positive(t, found[kind], "no %s is found", kind)
	}
}

// checkVariable fails for one that is neither the server's nor of a program beside it.
func checkVariable(t *testing.T, where, name string) {
	t.Helper()
	for _, others := range []string{"OTEL_", "OH_WEBHOOKS_", "OLD_KEY", "NEW_KEY"} {
		if strings.HasPrefix(name, others) {
			return
		}
	}
	knownSetting(t, where, name)
}

// checkCommand asks for the help of a command line, which has to know each flag, and is about the command itself.
func checkCommand(t *testing.T, where string, words []string) {
	t.Helper()
	r := call(t, append(words, "--help")...)
	if r.code != 0 {
		t.Errorf("%s: %q: %s", where, words, r.stderr)
		return
	}
	_, usage, _ := strings.Cut(r.stdout, "Usage:\n")
	usage, _, _ = strings.Cut(usage, "\n")
	path := strings.Fields(usage)[1:] // without the program's name
	at := 0
	for at < len(path) && at < len(words) && path[at] == words[at] {
		at++
	}
	// Behind the command stand its arguments. A program or command that has others below it takes none.
	parent := strings.Contains(r.stdout, "COMMAND --help") || strings.Contains(r.stdout, "[command] --help")
	if parent && at < len(words) && !strings.HasPrefix(words[at], "-") {
		t.Errorf("%s: there is no command %q", where, words)
	}
}

// pathsOfDocument matches the routes of the server's OpenAPI document.
func pathsOfDocument(t *testing.T) *regexp.Regexp {
	t.Helper()
	r := call(t, "openapi")
	require.Zero(t, r.code, r.stderr)
	var document struct{ Paths map[string]any }
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &document))
	var all []string
	for path := range document.Paths {
		all = append(all, regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(path), `[^/]+`))
	}
	return regexp.MustCompile("^(" + strings.Join(all, "|") + ")$")
}

// The file of settings and the configuration of Prometheus can be read by what reads them.
//
// Not parallel: it sets environment variables.
func TestPagesShowFilesThatCanBeRead(t *testing.T) {
	environment(t, nil)
	variables, err := envfile.Parse(fenced(t, "docs/settings.md", "sh")[0])
	require.NoError(t, err)
	require.Len(t, variables, 4)
	for _, v := range variables {
		checkVariable(t, "docs/settings.md", v.Name)
	}
	for _, name := range []string{"docs/operations.md", "docs/compose.md"} {
		blocks := fenced(t, name, "yaml")
		require.NotEmpty(t, blocks, name)
		for _, block := range blocks {
			var content any
			assert.NoError(t, yaml.Unmarshal([]byte(block), &content), name)
		}
	}
}
