package dbcmd_test

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// What SQL can't say, the printed SQL does not pass over in silence.
func TestSQLBeforeGoCode(t *testing.T) {
	t.Parallel()
	p := newProgram(t).on(dbtest.Config(t, dbmodule.SQLite))
	nothing := func(context.Context, bun.IDB) error { return nil }
	p.config.Sources = []migrate.Source{{
		FS: fstest.MapFS{
			"1/revision.txt": {Data: []byte(revisionText("one", "", "one"))},
			"1/all.sql":      {Data: []byte("-- migrate:upgrade\nCREATE TABLE a (b int);\n\n-- migrate:downgrade\nDROP TABLE a;\n")},
			"2/revision.txt": {Data: []byte(revisionText("two", "one", "two"))},
			"3/revision.txt": {Data: []byte(revisionText("three", "two", "three"))},
			"3/all.sql":      {Data: []byte("-- migrate:upgrade\nCREATE TABLE c (d int);\n\n-- migrate:downgrade\nDROP TABLE c;\n")},
		},
		Code: []migrate.Code{{Revision: "two", Upgrade: nothing, Downgrade: nothing}},
	}}
	r := p.must("upgrade", "--sql")
	const note = "NOTE: this SQL ends before upgrade of revision two (two), which is Go code: when it has run, \"program db upgrade\" does the rest, 2 revisions"
	require.True(t, strings.HasPrefix(r.stdout, "-- "+note+"\n"), r.stdout)
	require.Equal(t, note+"\n", r.stderr)
	require.Contains(t, r.stdout, "CREATE TABLE a")
	require.NotContains(t, r.stdout, "CREATE TABLE c")
	r = p.must("downgrade", "three:base", "--sql")
	require.Contains(t, r.stderr, "before downgrade of revision two")
	require.Contains(t, r.stdout, "DROP TABLE c")
	require.NotContains(t, r.stdout, "DROP TABLE a")
	p.fails([]string{"revision two is Go code: it has no SQL to show"}, "upgrade", "one:head", "--sql")
	require.NotContains(t, p.must("upgrade", "one", "--sql").text(), "NOTE")
}
