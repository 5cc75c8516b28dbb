package dbcmd_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbcmd"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
)

const emptySQL = "-- migrate:upgrade\n\n-- migrate:downgrade\n"

// What is wrong with revisions is one error of every command that reads them,
// which names the file or revision.
func TestWrongRevisions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil func(p *program)
		wants []string
	}{
		"missing parent": {
			func(p *program) { p.add("1_two", revisionText("two", "nosuch", "two"), emptySQL) },
			[]string{"two", "nosuch"},
		},
		"cycle": {
			func(p *program) {
				p.add("1_two", revisionText("two", "three", "two"), emptySQL)
				p.add("1_three", revisionText("three", "two", "three"), emptySQL)
			},
			[]string{"two", "three"},
		},
		"id twice": {
			func(p *program) { p.add("2_one", revisionText("one", "", "again"), emptySQL) },
			[]string{"one", "2_one"},
		},
		"no revision": {
			func(p *program) { require.NoError(p.t, os.Mkdir(filepath.Join(p.config.Dir, "notes"), 0o755)) },
			[]string{"folder notes is no revision", "revision.txt", `"_"`},
		},
		"no SQL": {
			func(p *program) { p.add("1_two", revisionText("two", "one", "two"), "") },
			[]string{"1_two", "neither SQL nor Go code"},
		},
		"no section": {
			func(p *program) { p.add("1_two", revisionText("two", "one", "two"), "CREATE TABLE a (b int);") },
			[]string{filepath.Join("1_two", "all.sql"), "-- migrate:upgrade"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProgram(t).on(dbtest.Config(t, dbmodule.SQLite))
			p.must("init")
			p.add("1_one", revisionText("one", "", "one"), emptySQL)
			test.spoil(p)
			for _, args := range []string{
				"heads", "history", "branches", "show head", "check --offline", "lint", "upgrade", "upgrade --sql", "downgrade base",
				"current", "status", "stamp head", "prepare", "revision -m x", "merge heads", "edit head", "ensure-version",
			} {
				r := p.fails(test.wants, strings.Fields(args)...)
				require.Empty(t, r.stdout, args)
				require.False(t, isUsage(r.err), args)
			}
		})
	}
}

func TestWrongTargets(t *testing.T) {
	t.Parallel()
	p := newProgram(t).on(dbtest.Config(t, dbmodule.SQLite))
	p.must("init")
	p.add("1", revisionText("abc1", "", "one"), emptySQL)
	p.add("2", revisionText("abc2", "abc1", "two"), emptySQL)
	p.add("3", revisionText("abd3", "abc1", "three"), emptySQL)
	for args, wants := range map[string][]string{
		"upgrade nosuch":            {"nosuch"},
		"upgrade abc":               {"abc1", "abc2"},
		"upgrade":                   {"head", "abc2", "abd3"},
		"upgrade --dry-run":         {"head", "abc2", "abd3"},
		"upgrade --sql":             {"head", "abc2", "abd3"},
		"upgrade nosuch:abc1 --sql": {"nosuch"},
		"downgrade nosuch":          {"nosuch"},
		"downgrade -1":              {"1"},
		"stamp nosuch":              {"nosuch"},
		"stamp nosuch --sql":        {"nosuch"},
		"show abc":                  {"abc1", "abc2"},
		"history -r nosuch:":        {"nosuch"},
		"history -r abc2:abd3":      {"abc2", "abd3"},
		"merge abc2 nosuch":         {"nosuch"},
		"edit nosuch":               {"nosuch"},
		"revision -m x":             {"abc2", "abd3"},
	} {
		r := p.fails(wants, strings.Fields(args)...)
		require.Empty(t, r.stdout, args)
		require.NotContains(t, r.err.Error(), "\n", args)
	}
	for args, wants := range map[string][]string{
		"upgrade abc1:abc2":       {"only --sql takes from:to"},
		"downgrade abc2:abc1":     {"only --sql takes from:to"},
		"downgrade abc1 --sql":    {"downgrade with --sql requires <fromrev>:<torev>"},
		"downgrade":               {"downgrade needs a revision to go back to"},
		"downgrade -1 base":       {"nothing more"},
		"downgrade -x":            {"unknown shorthand flag: 'x'"},
		"upgrade a b":             {"upgrade takes one revision"},
		"stamp":                   {"stamp needs a revision"},
		"stamp a:b c:d --sql":     {"a single starting revision"},
		"stamp abc1:abc2":         {"only --sql takes from:to"},
		"history -r abc1":         {"-r abc1"},
		"upgrade --sql --dry-run": {"sql", "dry-run"},
		"show":                    {"show needs a revision"},
		"status --format yaml":    {"--format takes table or json"},
		"inspect --format yaml":   {"--format takes hcl, sql or go"},
		"check --offline --live":  {"offline", "live"},
		"upgrde":                  {`there is no command "upgrde": did you mean "upgrade"?`},
		"dance":                   {`there is no command "dance": see program db --help`},
		"":                        {"db needs one of its commands: see program db --help"},
		"heads --loud":            {"unknown flag: --loud"},
	} {
		r := p.fails(wants, strings.Fields(args)...)
		require.Empty(t, r.stdout, args)
		if !strings.Contains(args, "--sql --dry-run") && !strings.Contains(args, "--offline --live") { // cobra's own errors
			require.True(t, isUsage(r.err), "%s: %v", args, r.err)
		}
	}
	require.Equal(t, "", p.must("current").stdout, "nothing ran")
}

// Commands about files need no database, and no settings.
func TestNoSettings(t *testing.T) {
	t.Parallel()
	p := newProgram(t, modelsV1()...)
	reasons := errors.New("DATABASE_URL is wrong")
	p.config.Settings = func() (dbcmd.Settings, error) { return dbcmd.Settings{}, reasons }
	p.must("init")
	p.must("revision", "-m", "create books", "--autogenerate", "--rev-id", "one")
	for _, args := range []string{
		"--help", "upgrade --help", "heads", "history", "branches", "show head", "check --offline", "lint", "revision -m two", "edit --help",
	} {
		p.must(strings.Fields(args)...)
	}
	online := []string{
		"upgrade", "upgrade --sql", "upgrade --dry-run", "downgrade -1", "current", "status", "check", "stamp head", "history -i", "history -r current:",
		"show current", "inspect", "prepare", "ensure_version", "revision --autogenerate --live",
	}
	for _, args := range online {
		r := p.fails([]string{"DATABASE_URL is wrong"}, strings.Fields(args)...)
		require.ErrorIs(t, r.err, reasons)
		require.Empty(t, r.stdout)
	}
	p.config.Settings = nil
	for _, args := range online {
		p.fails([]string{"this command needs a database, and this program names none"}, strings.Fields(args)...)
	}
	p.config.Settings = func() (dbcmd.Settings, error) { return dbcmd.Settings{}, nil }
	p.fails([]string{"DATABASE_URL"}, "upgrade")
	p.config.Engines = []dbmodule.Engine{"oracle"}
	p.fails([]string{`engine "oracle"`}, "heads")
}

// A server that is not there is waited for, and not for ever.
func TestNoServer(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	cfg := dbmodule.DefaultConfig()
	var err error
	cfg.URL, err = dbmodule.ParseURL("postgresql://u:secret@127.0.0.1:1/db")
	require.NoError(t, err)
	p.config.Settings = func() (dbcmd.Settings, error) {
		return dbcmd.Settings{Database: cfg, ConnectTimeout: 300_000_000}, nil
	}
	p.must("init")
	for _, args := range []string{"upgrade", "prepare", "current"} {
		r := p.fails([]string{"postgresql://u:***@127.0.0.1:1/db", "did not answer within 300ms"}, args)
		require.NotContains(t, r.text(), "secret")
	}
}

func TestReadOnlyDatabase(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Config(t, dbmodule.SQLite)
	p := newProgram(t, modelsV1()...).on(cfg)
	p.must("init")
	p.must("revision", "-m", "create books", "--autogenerate", "--rev-id", "one")
	p.must("upgrade")
	p.must("revision", "-m", "two", "--rev-id", "two")
	u, err := dbmodule.ParseURL("sqlite:///" + cfg.URL.Path() + "?mode=ro")
	require.NoError(t, err)
	cfg.URL = u
	p.on(cfg)
	require.Equal(t, "one\n", p.must("current").stdout)
	require.Equal(t, "Would run upgrade one -> two, two\n", p.must("upgrade", "--dry-run").stdout)
	p.must("status")
	for _, args := range []string{"upgrade", "downgrade -1", "stamp head"} {
		p.fails([]string{"read-only"}, strings.Fields(args)...)
	}
	require.Equal(t, "one\n", p.must("current").stdout)
}

// In the folder of one program, another's commands neither run nor write the first one's
// revisions, unless the folder is named.
func TestFolderOfAnotherProgram(t *testing.T) {
	t.Parallel()
	first := newProgram(t)
	first.add("1_one", revisionText("one", "", "create books"), "-- migrate:upgrade\nCREATE TABLE books (id integer);\n")
	second := newProgram(t).on(dbtest.Config(t, dbmodule.SQLite))
	second.config.Dir = first.config.Dir
	built := fstest.MapFS{
		"1_two/revision.txt": {Data: []byte(revisionText("two", "", "create songs"))},
		"1_two/all.sql":      {Data: []byte("-- migrate:upgrade\nCREATE TABLE songs (id integer);\n")},
	}
	second.config.Sources = []migrate.Source{{FS: built}}
	before := first.tree()
	for _, args := range []string{"upgrade --dry-run", "upgrade", "heads", "check", "status", "stamp head", "revision -m x", "edit head"} {
		second.fails([]string{first.config.Dir, "another program's", "--dir"}, strings.Fields(args)...)
	}
	require.Equal(t, before, first.tree())
	require.Equal(t, "one (head)\n", second.must("heads", "--dir", first.config.Dir).stdout)

	second.config.Dir = filepath.Join(t.TempDir(), "elsewhere")
	require.Equal(t, "two (head)\n", second.must("heads").stdout)

	// A folder that has some of them is the program's source.
	first.add("2_two", revisionText("two", "one", "create songs"), "-- migrate:upgrade\nCREATE TABLE songs (id integer);\n")
	second.config.Dir = first.config.Dir
	require.Equal(t, "two (head)\n", second.must("heads").stdout)
}

// Deployed, a program has the revisions that it was built with, whatever
// other folder of that name is about.
func TestEmbeddedRevisions(t *testing.T) {
	t.Parallel()
	p := newProgram(t, modelsV1()...)
	p.must("init")
	p.must("revision", "-m", "create books", "--autogenerate", "--rev-id", "one")
	files := fstest.MapFS{}
	for name, text := range p.contents() {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	deployed := newProgram(t, modelsV1()...).on(dbtest.Config(t, dbmodule.SQLite))
	deployed.config.Sources = []migrate.Source{{FS: files}}
	require.Equal(t, "one (head)\n", deployed.must("heads").stdout)
	require.Equal(t, "Running upgrade  -> one, create books\n", deployed.must("upgrade").stderr)
	deployed.must("check")
	deployed.must("lint")
	deployed.fails([]string{"there is no folder of revisions"}, "revision", "-m", "x")
	deployed.fails([]string{"there is no folder of revisions"}, "edit", "head")
	deployed.fails([]string{"is no folder of revisions"}, "heads", "--dir", t.TempDir())

	// Somebody else's.
	require.NoError(t, os.MkdirAll(filepath.Join(deployed.config.Dir, "versions"), 0o755))
	require.Equal(t, "one (head)\n", deployed.must("heads").stdout)

	// The source, newer than the program.
	deployed.config.Dir = p.config.Dir
	p.must("revision", "-m", "two", "--rev-id", "two")
	r := deployed.must("upgrade")
	require.Equal(t, "NOTE: "+p.config.Dir+" has two, which this program was built without: build it again\nRunning upgrade one -> two, two\n", r.stderr)
	require.Equal(t, "two (head)\n", deployed.must("current").stdout)

	// And the program again: its database is ahead.
	deployed.config.Dir = filepath.Join(t.TempDir(), "migrations")
	require.Contains(t, deployed.must("check").stdout, "note: sqlite database: a newer build has applied two\n")
	require.Contains(t, deployed.must("status").stdout, "\nahead    two (head)  ")
	require.Equal(t, "Running downgrade two -> one, two\n", deployed.must("downgrade", "-1").stderr)
}
