package dbcmd_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
)

func TestLint(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		sql    map[string]string // files of the second revision
		models []any
		stdout []string
		err    string // "" if it succeeds
	}{
		"in order": {
			sql:    map[string]string{"all.sql": emptySQL},
			stdout: []string{"2 revisions in order, up, down and up again on SQLite.\n"},
		},
		"an engine is missing": {
			sql: map[string]string{"sqlite.sql": emptySQL, "mysql.sql": emptySQL},
			err: "2_two: there is no SQL for postgresql: add 2_two/postgresql.sql",
		},
		"no SQL of one engine": {
			sql: map[string]string{"all.sql": "-- migrate:upgrade\nUPDATE books SET title = 'it\\'s';\n\n-- migrate:downgrade\n", "sqlite.sql": emptySQL},
			err: "2_two: 2_two/all.sql, read as postgresql's: line 2: ",
		},
		"no way back": {
			sql: map[string]string{"all.sql": "-- migrate:upgrade\n"},
			err: `2_two/all.sql: it can't be taken back: add a section "-- migrate:downgrade"`,
		},
		"data is deleted": {
			sql: map[string]string{"all.sql": "-- migrate:upgrade\nUPDATE books SET pages = 0;\n\nDELETE FROM books;\n\n-- migrate:downgrade\nDELETE FROM books;\n"},
			stdout: []string{
				"note: 2_two/all.sql:4: it deletes data: DELETE FROM books\n",
				"2 revisions in order",
			},
		},
		"SQL fails": {
			sql: map[string]string{"all.sql": "-- migrate:upgrade\nCREATE TABLE books (id int);\n\n-- migrate:downgrade\n"},
			err: "2_two: upgrade on SQLite: upgrade revision two (two): 2_two/all.sql line 2, statement 1 of 1, CREATE TABLE books (id int): ",
		},
		"down leaves something": {
			sql:    map[string]string{"all.sql": "-- migrate:upgrade\nCREATE TABLE IF NOT EXISTS pens (id int);\n\n-- migrate:downgrade\n"},
			stdout: []string{},
			err:    "2_two: its downgrade on SQLite does not restore the schema from before the upgrade; it lacks: DROP TABLE `pens`",
		},
		"SQL does other than the models": {
			sql: map[string]string{"all.sql": "-- migrate:upgrade\nDROP INDEX ix_books_title;\n\n-- migrate:downgrade\nCREATE INDEX ix_books_title ON books (title);\n"},
			err: "sqlite, after all revisions: the tables differ from the models: ",
		},
		"models have changed": {
			sql:    map[string]string{"all.sql": emptySQL},
			models: modelsV2(),
			stdout: []string{"problem: ", "snapshot/sqlite.hcl: new upgrade operations detected: ", "snapshot/mysql.hcl: ", "snapshot/postgresql.hcl: "},
			err:    "lint: 4 problems, the first of which is: ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProgram(t, modelsV1()...)
			p.must("init")
			p.must("revision", "-m", "create books", "--rev-id", "one", "--autogenerate")
			p.add("2_two", revisionText("two", "one", "two"), "")
			for name, text := range test.sql {
				require.NoError(t, os.WriteFile(filepath.Join(p.config.Dir, "2_two", name), []byte(text), 0o644))
			}
			if test.models != nil {
				p.config.Models = test.models
			}
			r := p.try("lint")
			for _, want := range test.stdout {
				require.Contains(t, r.stdout, want)
			}
			if test.err == "" {
				require.NoError(t, r.err)
				return
			}
			require.ErrorContains(t, r.err, test.err)
			require.NotContains(t, r.stdout, "in order")
		})
	}
}

// Tables that give their names to their copies delete nothing.
func TestLintKnowsRebuilds(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	p.config.Engines = []dbmodule.Engine{dbmodule.SQLite}
	p.must("init")
	p.add("1", revisionText("one", "", "one"), `-- migrate:upgrade
CREATE TABLE a (b int);
CREATE TABLE new_a (b int, c int);
INSERT INTO new_a (b) SELECT b FROM a;
DROP TABLE a;
ALTER TABLE new_a RENAME TO a;
CREATE TABLE "gone" (d int, e int);
ALTER TABLE "gone" DROP COLUMN e;
DROP TABLE "gone";

-- migrate:downgrade
DROP TABLE a;
`)
	require.Equal(t, strings.Join([]string{
		"note: 1/all.sql:8: it deletes data: ALTER TABLE \"gone\" DROP COLUMN e",
		"note: 1/all.sql:9: it deletes data: DROP TABLE \"gone\"",
		"1 revision in order, up, down and up again on SQLite.\n",
	}, "\n"), p.must("lint").stdout)
}

// Branches that depend on one another run in their order.
func TestLintBranches(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	p.must("init")
	sql := func(table string) string {
		return "-- migrate:upgrade\nCREATE TABLE " + table + " (b int);\n\n-- migrate:downgrade\nDROP TABLE " + table + ";\n"
	}
	p.add("1", revisionText("one", "", "one"), sql("one"))
	p.add("2", strings.Replace(revisionText("two", "", "two"), "Revises:", "Depends On: one\nRevises:", 1), sql("two"))
	p.add("3", revisionText("three", "one", "three"), sql("three"))
	p.add("4", revisionText("four", "one", "four"), sql("four"))
	p.add("5", revisionText("five", "three, four", "five"), emptySQL)
	p.add("6", revisionText("six", "five", "six"), sql("six"))
	require.Equal(t, "6 revisions in order, up, down and up again on SQLite.\n", p.must("lint").stdout)
}
