package migrate_test

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
)

func TestBadRevisions(t *testing.T) {
	t.Parallel()
	const good = "message\n\nRevision ID: a1\nRevises:\n"
	const sql = "-- migrate:upgrade\nSELECT 1;\n"
	nothing := func(context.Context, bun.IDB) error { return nil }
	for name, test := range map[string]struct {
		files map[string]string
		code  []migrate.Code
		want  []string
	}{
		"no revision.txt":           {map[string]string{"x/all.sql": sql}, nil, []string{"folder x is no revision", "revision.txt"}},
		"no message":                {map[string]string{"x/revision.txt": "Revision ID: a1\nRevises:\n", "x/all.sql": sql}, nil, []string{"x/revision.txt", "message"}},
		"no id":                     {map[string]string{"x/revision.txt": "m\n\nRevises:\n", "x/all.sql": sql}, nil, []string{`"Revision ID" is missing`}},
		"no parent field":           {map[string]string{"x/revision.txt": "m\n\nRevision ID: a1\n", "x/all.sql": sql}, nil, []string{`"Revises" is missing`}},
		"bad id":                    {map[string]string{"x/revision.txt": "m\n\nRevision ID: a+1\nRevises:\n", "x/all.sql": sql}, nil, []string{`"a+1"`}},
		"reserved id":               {map[string]string{"x/revision.txt": "m\n\nRevision ID: head\nRevises:\n", "x/all.sql": sql}, nil, []string{`"head" means something else`}},
		"long id":                   {map[string]string{"x/revision.txt": "m\n\nRevision ID: " + strings.Repeat("a", 33) + "\nRevises:\n", "x/all.sql": sql}, nil, []string{"1 to 32"}},
		"unknown field":             {map[string]string{"x/revision.txt": good + "Revisez: a\n", "x/all.sql": sql}, nil, []string{`"Revisez"`, "Depends On"}},
		"field twice":               {map[string]string{"x/revision.txt": good + "Revises: a\n", "x/all.sql": sql}, nil, []string{"twice"}},
		"bad date":                  {map[string]string{"x/revision.txt": good + "Create Date: today\n", "x/all.sql": sql}, nil, []string{`"today"`}},
		"no work":                   {map[string]string{"x/revision.txt": good}, nil, []string{"folder x", "neither SQL nor Go code"}},
		"unknown engine":            {map[string]string{"x/revision.txt": good, "x/oracle.sql": sql}, nil, []string{"x/oracle.sql", "sqlite.sql, postgresql.sql, mysql.sql or all.sql"}},
		"no section":                {map[string]string{"x/revision.txt": good, "x/sqlite.sql": "SELECT 1;"}, nil, []string{"x/sqlite.sql", "-- migrate:upgrade"}},
		"text before the section":   {map[string]string{"x/revision.txt": good, "x/sqlite.sql": "SELECT 1;\n" + sql}, nil, []string{`"SELECT 1;" stands before`}},
		"section twice":             {map[string]string{"x/revision.txt": good, "x/sqlite.sql": sql + sql}, nil, []string{"line 3", "second section"}},
		"unknown mark":              {map[string]string{"x/revision.txt": good, "x/sqlite.sql": sql + "-- migrate:sideways\n"}, nil, []string{"line 3", `"sideways"`, "no-transaction"}},
		"mark without a statement":  {map[string]string{"x/revision.txt": good, "x/sqlite.sql": "-- migrate:upgrade\n-- migrate:no-transaction\n\nVACUUM;\n"}, nil, []string{"right before a statement"}},
		"own transaction":           {map[string]string{"x/revision.txt": good, "x/sqlite.sql": "-- migrate:upgrade\nBEGIN;\nSELECT 1;\nCOMMIT;\n"}, nil, []string{"line 2", "BEGIN"}},
		"unclosed quote":            {map[string]string{"x/revision.txt": good, "x/mysql.sql": "-- migrate:upgrade\nSELECT 'a;\n"}, nil, []string{"x/mysql.sql", "quote"}},
		"rows for psql":             {map[string]string{"x/revision.txt": good, "x/postgresql.sql": "-- migrate:upgrade\nSELECT 1;\nCOPY a (b) FROM stdin;\n1\n\\.\n"}, nil, []string{"line 3", "pg_dump --inserts"}},
		"a command of psql":         {map[string]string{"x/revision.txt": good, "x/postgresql.sql": "-- migrate:upgrade\nSELECT 1;\n\\restrict x\n"}, nil, []string{"line 3", "\\restrict is a command of psql"}},
		"code without a revision":   {map[string]string{"x/revision.txt": good, "x/all.sql": sql}, []migrate.Code{{Revision: "b2", Upgrade: nothing}}, []string{`"b2"`, "no folder"}},
		"code and SQL":              {map[string]string{"x/revision.txt": good, "x/all.sql": sql}, []migrate.Code{{Revision: "a1", Upgrade: nothing}}, []string{"both SQL and Go code"}},
		"code without an upgrade":   {map[string]string{"x/revision.txt": good}, []migrate.Code{{Revision: "a1"}}, []string{"both Upgrade and Backfill are nil"}},
		"code twice":                {map[string]string{"x/revision.txt": good}, []migrate.Code{{Revision: "a1", Upgrade: nothing}, {Revision: "a1", Upgrade: nothing}}, []string{"twice"}},
		"duplicate id":              {map[string]string{"x/revision.txt": good, "x/all.sql": sql, "y/revision.txt": good, "y/all.sql": sql}, nil, []string{"a1", "x", "y"}},
		"missing parent":            {map[string]string{"x/revision.txt": "m\n\nRevision ID: a1\nRevises: b2\n", "x/all.sql": sql}, nil, []string{"a1", "b2"}},
		"two mistakes in two files": {map[string]string{"x/all.sql": sql, "y/revision.txt": "m\n\nRevises:\n", "y/all.sql": sql}, nil, []string{"folder x", "y/revision.txt"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := fstest.MapFS{}
			for path, text := range test.files {
				files[path] = &fstest.MapFile{Data: []byte(text)}
			}
			_, err := migrate.New([]migrate.Source{{FS: files, Code: test.code}})
			if err == nil {
				t.Fatal("it was accepted")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("no %q in: %v", want, err)
				}
			}
		})
	}
}

func TestWhatIsNoRevisionIsIgnored(t *testing.T) {
	t.Parallel()
	files := source(bookshop()...).FS.(fstest.MapFS)
	for _, name := range []string{"README.md", "migrations.go", ".git/config", "_draft/x.sql", migrate.SnapshotFolder + "/sqlite.hcl", "a1/notes.txt"} {
		files[name] = &fstest.MapFile{Data: []byte("x")}
	}
	if m := newMigrator(t, migrate.Source{FS: files}); len(m.Graph().Revisions()) != 3 {
		t.Errorf("%d revisions", len(m.Graph().Revisions()))
	}
}

func TestScripts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		engine dbmodule.Engine
		text   string
		want   []string
	}{
		"trigger": {dbmodule.SQLite, "CREATE TRIGGER a AFTER INSERT ON b BEGIN\nSELECT CASE WHEN 1 THEN ';' END;\nEND;\nSELECT 2;", []string{"CREATE TRIGGER a AFTER INSERT ON b BEGIN\nSELECT CASE WHEN 1 THEN ';' END;\nEND", "SELECT 2"}},
		"dollars": {dbmodule.PostgreSQL, "DO $x$ BEGIN; SELECT ';'; END $x$;\nSELECT E'\\n'';', 2;", []string{"DO $x$ BEGIN; SELECT ';'; END $x$", "SELECT E'\\n'';', 2"}},
		"escapes": {dbmodule.MySQL, "SELECT 'it\\'s; ', \"a;b\"; # c;\nSELECT 2;", []string{`SELECT 'it\'s; ', "a;b"`, "SELECT 2"}},
		"no end":  {dbmodule.SQLite, "SELECT 1;\nSELECT 2", []string{"SELECT 1", "SELECT 2"}},
		"?":       {dbmodule.SQLite, "SELECT '?', ?0;", []string{"SELECT '?', ?0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			script, err := migrate.ParseScript(test.engine, "-- migrate:upgrade\n"+test.text+"\n-- migrate:downgrade\n-- migrate:no-transaction\nVACUUM;\n")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, statement := range script.Upgrade {
				got = append(got, statement.Text)
			}
			if strings.Join(got, "|") != strings.Join(test.want, "|") {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if len(script.Downgrade) != 1 || !script.Downgrade[0].NoTransaction || script.Irreversible {
				t.Errorf("%+v", script)
			}
			again, err := migrate.ParseScript(test.engine, script.Text())
			if err != nil || again.Text() != script.Text() {
				t.Errorf("%v: %q became %q", err, script.Text(), again.Text())
			}
		})
	}
}
