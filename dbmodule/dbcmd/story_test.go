package dbcmd_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// What a team does from its first table on, on every engine.
func TestStory(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		p := newProgram(t, modelsV1()...).on(cfg)
		db := dbtest.Open(t, cfg)
		exec := func(statement string) {
			t.Helper()
			_, err := db.DB().ExecContext(t.Context(), statement)
			require.NoError(t, err)
		}

		p.must("init")
		require.Equal(t, "", p.must("current").stdout)
		r := p.must("revision", "-m", "create Books!", "--rev-id", "one", "--autogenerate")
		require.Equal(t, "  Generating "+p.folder("one")+" ...  done\n", r.stdout)
		require.FileExists(t, filepath.Join(p.folder("one"), "revision.txt"))
		require.Contains(t, p.folder("one"), "_one_create_books")

		r = p.must("upgrade")
		require.Equal(t, "", r.stdout)
		require.Equal(t, "Running upgrade  -> one, create Books!\n", r.stderr)
		require.Equal(t, "No new upgrade operations detected.\n", p.must("check", "--live").stdout)
		require.Equal(t, "Nothing to do: the database is at one\n", p.must("upgrade").stderr)
		exec("INSERT INTO authors (name) VALUES ('Ursula')")
		exec("INSERT INTO books (title, pages, author_id) VALUES ('The Dispossessed', 341, 1)")
		before := p.must("inspect", "--format", "sql").stdout
		require.Contains(t, before, "title")

		// The models change. A rename is two other things until it is told.
		p.config.Models = modelsV2()
		p.fails([]string{"new upgrade operations detected", "problems"}, "check")
		require.Contains(t, p.must("revision", "-m", "name", "--autogenerate", "--sql").stdout, "title", "what it would write")
		p.must("revision", "-m", "name", "--rev-id", "two", "--autogenerate", "--rename", "books.title=books.name")
		require.Equal(t, "No new upgrade operations detected.\n", p.must("check", "--offline").stdout)
		p.fails([]string{"not up to date", "two", `run "program db upgrade"`}, "check")
		p.fails([]string{"not on all head revisions"}, "current", "--check-heads")
		linted := p.must("lint").stdout
		require.Contains(t, linted, "\n2 revisions in order, up, down and up again on SQLite.\n")
		require.Equal(t, 3, strings.Count(linted, "[rename-column]\n"), linted) // on each engine, nothing else
		require.Equal(t, 4, strings.Count(linted, "\n"), linted)
		require.Equal(t, "Would run upgrade one -> two, name\n", p.must("upgrade", "--dry-run").stdout)
		require.Equal(t, "one\n", p.must("current").stdout)
		require.Equal(t, "Running upgrade one -> two, name\n", p.must("upgrade", "head").stderr)

		require.Equal(t, "No new upgrade operations detected.\n", p.must("check", "--live").stdout)
		require.Equal(t, "two (head)\n", p.must("current", "--check-heads").stdout)
		require.Equal(t, "one -> two (head) (current), name\n<base> -> one, create Books!\n", p.must("history", "-i").stdout)
		require.Regexp(t, regexp.MustCompile(`(?m)^state     up to date$`), p.must("status").stdout)
		require.Regexp(t, regexp.MustCompile(`(?m)^applied  two \(head\)  20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ +[\d.]+(µs|ms|s) +test 1.0  name$`), p.must("status").stdout)
		var name string
		require.NoError(t, db.DB().QueryRowContext(t.Context(), "SELECT name FROM books").Scan(&name))
		require.Equal(t, "The Dispossessed", name, "a rename keeps the data")

		require.Equal(t, "Would run downgrade two -> one, name\n", p.must("downgrade", "-1", "--dry-run").stdout)
		require.Equal(t, "Running downgrade two -> one, name\n", p.must("downgrade", "-1").stderr)
		require.NoError(t, db.DB().QueryRowContext(t.Context(), "SELECT title FROM books").Scan(&name))
		require.Equal(t, "The Dispossessed", name)
		p.config.Models = modelsV1()
		require.Equal(t, before, p.must("inspect", "--format", "sql").stdout, "the schema is as it was")
		p.config.Models = modelsV2()

		// Two people write a revision at the same time.
		p.must("upgrade")
		p.must("revision", "-m", "mine", "--rev-id", "mine")
		p.must("revision", "-m", "theirs", "--rev-id", "theirs", "--head", "two", "--splice")
		p.fails([]string{"head", "mine", "theirs"}, "upgrade")
		require.Equal(t, "mine (head)\ntheirs (head)\n", p.must("heads").stdout)
		require.Equal(t, "two (branchpoint)\n    -> mine (head)\n    -> theirs (head)\n\n", p.must("branches").stdout)
		p.must("merge", "heads", "-m", "both", "--rev-id", "both")
		require.Equal(t, "both (head)\n", p.must("heads").stdout)
		require.Equal(t, "Running upgrade two -> theirs, theirs\nRunning upgrade two -> mine, mine\nRunning upgrade mine, theirs -> both, both\n",
			p.must("upgrade").stderr)
		require.Equal(t, "both (head) (mergepoint)\n", p.must("current").stdout)
		p.must("lint")

		require.Equal(t, "Running stamp_revision both -> one\n", p.must("stamp", "one").stderr)
		require.Equal(t, "one\n", p.must("current").stdout)
		require.Equal(t, "Running stamp_revision  -> both\n", p.must("stamp", "--purge", "head").stderr)
		require.Equal(t, "both (head) (mergepoint)\n", p.must("current").stdout)
		require.Contains(t, p.must("status").stdout, "stamped")
		p.must("downgrade", "base")
		require.Equal(t, "", p.must("current").stdout)
		require.Contains(t, p.must("status").stdout, "at        base\nstate     5 pending\n")
		p.must("ensure_version")
	})
}

// folder finds the folder of a revision.
func (p *program) folder(id string) string {
	p.t.Helper()
	entries, err := os.ReadDir(p.config.Dir)
	require.NoError(p.t, err)
	for _, entry := range entries {
		if strings.Contains("_"+entry.Name()+"_", "_"+id+"_") {
			return filepath.Join(p.config.Dir, entry.Name())
		}
	}
	require.Fail(p.t, "no folder of revision "+id)
	return ""
}
