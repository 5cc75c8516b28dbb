package dbcmd_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

const docsPage = "../../docs/migrations.md"

// reFence matches a block of code, and the comment about the test before it.
var reFence = regexp.MustCompile("(?s)(?:<!-- test: ([^\n]*) -->\n)?```(\\w+)\n(.*?)```")

// The commands of docs/migrations.md run, in its order.
func TestCommandsOfTheDocumentation(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(docsPage)
	require.NoError(t, err)
	p := newProgram(t, modelsV1()...).on(dbtest.Config(t, dbmodule.SQLite))
	p.config.Editor = "true"
	ran := map[string]bool{}
	for _, fence := range reFence.FindAllStringSubmatch(string(page), -1) {
		switch fence[1] {
		case "":
		case "the models change":
			p.config.Models = modelsV2()
		case "somebody else writes a revision":
			p.must("revision", "-m", "mine", "--rev-id", "mine")
			p.must("revision", "-m", "theirs", "--rev-id", "theirs", "--head", p.parentOf("mine"), "--splice")
		default:
			t.Errorf("what does %q mean?", fence[1])
		}
		if fence[2] != "sh" {
			continue
		}
		for line := range strings.Lines(fence[3]) {
			line, _, _ = strings.Cut(strings.TrimSpace(line), " > ")
			args, ok := strings.CutPrefix(line, "library db ")
			require.True(t, ok, "%q is no command of the program", line)
			words := shellWords(args)
			p.must(words...)
			ran[words[0]] = true
		}
	}
	for _, command := range []string{"init", "revision", "check", "lint", "upgrade", "downgrade", "merge", "status"} {
		require.True(t, ran[command], "%s is not in %s", command, docsPage)
	}
}

// parentOf is the revision before one.
func (p *program) parentOf(id string) string {
	p.t.Helper()
	text := p.contents()[filepath.Base(p.folder(id))+"/revision.txt"]
	_, rest, found := strings.Cut(text, "\nRevises: ")
	require.True(p.t, found, text)
	parent, _, _ := strings.Cut(rest, "\n")
	return parent
}

// shellWords splits a line at spaces that are not between quotes.
func shellWords(line string) []string {
	var words []string
	for _, m := range regexp.MustCompile(`"([^"]*)"|(\S+)`).FindAllStringSubmatch(line, -1) {
		words = append(words, m[1]+m[2])
	}
	return words
}

// Lint finds nothing in what the page tells to write under traffic, and the
// markers that it shows are those that are read.
func TestSQLOfTheDocumentation(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(docsPage)
	require.NoError(t, err)
	p := newProgram(t)
	p.config.Engines = []dbmodule.Engine{dbmodule.PostgreSQL}
	p.must("init")
	before := ""
	for i, fence := range reFence.FindAllStringSubmatch(string(page), -1) {
		if fence[2] != "sql" {
			continue
		}
		id := fmt.Sprintf("r%d", i)
		p.add(id, revisionText(id, before, id), "")
		require.NoError(t, os.WriteFile(filepath.Join(p.config.Dir, id, "postgresql.sql"), []byte(fence[3]), 0o644))
		before = id
	}
	require.NotEmpty(t, before)
	require.NotContains(t, p.must("lint").text(), "under traffic")
}
