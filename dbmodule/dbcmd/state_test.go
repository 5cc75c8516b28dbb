package dbcmd_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// Everything that can be strange about a database is told by status and check.
func TestStrangeStates(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		p := newProgram(t).on(cfg)
		p.must("init")
		p.add("1_one", revisionText("one", "", "one"), "-- migrate:upgrade\nCREATE TABLE a (b int);\n\n-- migrate:downgrade\nDROP TABLE a;\n")
		p.must("upgrade")

		// Changed after it was applied.
		path := filepath.Join(p.config.Dir, "1_one", "all.sql")
		sql, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, []byte("-- migrate:upgrade\nCREATE TABLE a (b bigint);\n\n-- migrate:downgrade\nDROP TABLE a;\n"), 0o644))
		require.Regexp(t, regexp.MustCompile(`(?m)^drifted  one \(head\) `), p.must("status").stdout)
		require.Contains(t, p.must("status").stdout, "state     1 changed after they had been applied\n")
		r := p.fails([]string{"revision one was changed after it had been applied"}, "check")

		// What check says to write makes the change good.
		replaces := regexp.MustCompile(`Replaces: [0-9a-f]{64}`).FindString(r.text())
		require.NotEmpty(t, replaces, r.text())
		about := filepath.Join(p.config.Dir, "1_one", "revision.txt")
		require.NoError(t, os.WriteFile(about, []byte(revisionText("one", "", "one")+replaces+"\n"), 0o644))
		p.must("check")
		require.NoError(t, os.WriteFile(about, []byte(revisionText("one", "", "one")), 0o644))
		require.NoError(t, os.WriteFile(path, sql, 0o644))
		p.must("check")

		// Stopped in the middle: only where DDL can't be undone something is left.
		p.add("2_two", revisionText("two", "one", "two"), "-- migrate:upgrade\nCREATE TABLE c (d int);\n\nCREATE TABLE a (b int);\n\n-- migrate:downgrade\nDROP TABLE c;\n")
		r = p.fails([]string{"two", "2_two/all.sql", "statement 2 of 2"}, "upgrade")
		require.Equal(t, "Running upgrade one -> two, two\n", r.stderr)
		if cfg.URL.Engine() == dbmodule.MySQL {
			status := p.must("status").stdout
			require.Contains(t, status, "1 done in part, 1 pending\n")
			require.Regexp(t, regexp.MustCompile(`(?m)^dirty    two \(head\) `), status)
			require.Contains(t, status, "\ntwo stopped after 1 of 2 statements: ")
			p.fails([]string{"revision two is done in part"}, "check")
			p.fails([]string{"two"}, "downgrade", "base")
			require.NoError(t, os.WriteFile(filepath.Join(p.config.Dir, "2_two", "all.sql"),
				[]byte("-- migrate:upgrade\nCREATE TABLE c (d int);\n\nCREATE TABLE e (b int);\n\n-- migrate:downgrade\nDROP TABLE e;\nDROP TABLE c;\n"), 0o644))
			require.Equal(t, "Running upgrade one -> two, two\n", p.must("upgrade").stderr)
			p.must("check")
			p.must("downgrade", "-1")
		}
		require.Equal(t, "one\n", p.must("current").stdout)
		require.NoError(t, os.RemoveAll(filepath.Join(p.config.Dir, "2_two")))
		p.must("check")

		// Somebody else's revision.
		db := dbtest.Open(t, cfg)
		_, err = db.DB().ExecContext(t.Context(), "UPDATE alembic_version SET version_num = 'feedbeef'")
		require.NoError(t, err)
		status := p.must("status").stdout
		require.Contains(t, status, "at        feedbeef\nstate     1 unknown to this program, 1 pending\n")
		require.Regexp(t, regexp.MustCompile(`(?m)^unknown  feedbeef `), status)
		p.fails([]string{"problems", "it is at revision feedbeef", `"program db stamp --purge REVISION"`}, "check")
		p.fails([]string{"feedbeef", "stamp --purge"}, "upgrade")
		p.fails([]string{"feedbeef"}, "current")
		p.must("stamp", "--purge", "one")
		p.must("check")

		var read struct {
			Database  string
			Engine    string
			State     struct{ Current, Heads []string }
			Revisions []struct {
				Revision, Status, Build string
				Stamped, Head           bool
			}
		}
		require.NoError(t, json.Unmarshal([]byte(p.must("status", "--format", "json").stdout), &read))
		require.Equal(t, p.must("status", "--format", "json").stdout, p.must("status", "--json").stdout)
		require.Equal(t, []string{"one"}, read.State.Current)
		require.Equal(t, string(cfg.URL.Engine()), read.Engine)
		require.Len(t, read.Revisions, 1)
		require.Equal(t, "applied", read.Revisions[0].Status)
		require.True(t, read.Revisions[0].Stamped)
	})
}

// A stamp says what it settles.
func TestStampOfWhatIsDoneInPart(t *testing.T) {
	t.Parallel()
	p := newProgram(t).on(dbtest.Config(t, dbmodule.MySQL))
	p.must("init")
	p.add("1_one", revisionText("one", "", "one"), "-- migrate:upgrade\nCREATE TABLE a (b int);\nCREATE TABLE a (b int);\n\n-- migrate:downgrade\nDROP TABLE a;\n")
	p.fails([]string{"statement 2 of 2"}, "upgrade")
	require.Equal(t, "Settled one, which was done in part\n", p.must("stamp", "base").stderr)
	require.Equal(t, "Nothing to do: the database is at base\n", p.must("stamp", "base").stderr)
	p.fails([]string{"statement 1 of 2"}, "upgrade")
	require.Equal(t, "Settled one, which was done in part\nRunning stamp_revision  -> one\n", p.must("stamp", "head").stderr)
	p.must("check")
}

// A merge of two databases' version tables, or a row that was written by hand.
func TestOverlappingRows(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Config(t, dbmodule.SQLite)
	p := newProgram(t).on(cfg)
	p.must("init")
	p.add("1", revisionText("aa11", "", "first"), emptySQL)
	p.add("2", revisionText("bb22", "aa11", "second"), emptySQL)
	p.must("upgrade")
	_, err := dbtest.Open(t, cfg).DB().ExecContext(t.Context(), "INSERT INTO alembic_version VALUES ('aa11')")
	require.NoError(t, err)

	const row = "the version table has a row for aa11 and one for a revision that comes after it"
	p.fails([]string{row, `"program db stamp REVISION"`}, "check")
	require.Contains(t, p.fails(nil, "doctor").stdout, row)
	require.Contains(t, p.must("status").stdout, "state     1 recorded beside a later one\n")
	p.fails([]string{"bb22 and also aa11, which comes before it: stamp bb22"}, "upgrade")
	p.must("stamp", "bb22")
	p.must("check")
	require.Equal(t, "bb22 (head)\n", p.must("current").stdout)
}

// Alembic's forms, which the graph's own tests compare with Alembic itself.
func TestListings(t *testing.T) {
	t.Parallel()
	p := newProgram(t).on(dbtest.Config(t, dbmodule.SQLite))
	p.must("init")
	p.add("1", revisionText("aa11", "", "first"), emptySQL)
	p.add("2", revisionText("bb22", "aa11", "left"), emptySQL)
	p.add("3", revisionText("cc33", "aa11", "right"), emptySQL)
	p.add("4", revisionText("dd44", "bb22, cc33", "both"), emptySQL)
	p.must("upgrade", "bb22")
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"heads"}, "dd44 (head)\n"},
		{[]string{"current"}, "bb22\n"},
		{[]string{"branches"}, "aa11 (branchpoint)\n     -> bb22\n     -> cc33\n\n"},
		{[]string{"history"}, "bb22, cc33 -> dd44 (head) (mergepoint), both\naa11 -> bb22, left\naa11 -> cc33, right\n<base> -> aa11 (branchpoint), first\n"},
		{[]string{"history", "-i", "-r", "current:head"}, "bb22, cc33 -> dd44 (head) (mergepoint), both\naa11 -> bb22 (current), left\n"},
		{[]string{"history", "-r-1:cc33"}, "aa11 -> cc33, right\n<base> -> aa11 (branchpoint), first\n"},
		{[]string{"history", "--rev-range", ":aa11", "--indicate-current"}, "<base> -> aa11 (branchpoint), first\n"},
		{[]string{"show", "current"}, "Rev: bb22\nParent: aa11\nPath: " + p.config.Dir + "/2/revision.txt\n\n" +
			"    left\n    \n    Revision ID: bb22\n    Revises: aa11\n    Branch Labels:\n    Depends On:\n    Create Date: 2026-11-24T20:30:00Z\n\n"},
	} {
		r := p.must(test.args...)
		require.Equal(t, test.want, r.stdout, test.args)
		require.Empty(t, r.stderr)
	}
	require.Contains(t, p.must("heads", "--verbose").stdout, "Rev: dd44 (head) (mergepoint)\nMerges: bb22, cc33\n")
	require.Contains(t, p.must("current", "-v").stdout, "Current revision(s) for sqlite:")
	require.Contains(t, p.must("history", "-v").stdout, "Branches into: bb22, cc33\n")
	require.Contains(t, p.must("branches", "-v").stdout, "Rev: aa11 (branchpoint)\n")
}

func TestEdit(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	p.must("init")
	p.must("revision", "-m", "one", "--rev-id", "one")
	p.fails([]string{"no editor is set", "VISUAL or EDITOR", p.folder("one")}, "edit", "head")
	p.config.Editor = "ls -1"
	folder := p.folder("one")
	require.Equal(t, folder+"/mysql.sql\n"+folder+"/postgresql.sql\n"+folder+"/revision.txt\n"+folder+"/sqlite.sql\n", p.must("edit", "one").stdout)
	require.Equal(t, p.must("edit", "one").stdout, p.must("edit", "head").stdout)
	p.config.Editor = "false"
	p.fails([]string{`run the editor "false"`}, "edit", "head")
	p.config.Editor = "no-such-editor"
	p.fails([]string{"no-such-editor"}, "edit", "head")
	p.fails([]string{"no revision files indicated by symbol"}, "edit", "base")
	p.on(dbtest.Config(t, dbmodule.SQLite))
	p.config.Editor = "ls"
	p.fails([]string{"no revision files indicated by symbol"}, "edit", "current")
	p.must("upgrade")
	require.Contains(t, p.must("edit", "current").stdout, "revision.txt")
}
