package dbcmd_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
)

// lint names what would stop a running build, each on the engines where it
// would, and neither on new tables nor where a person has looked at it.
func TestLintNamesWhatStopsARunningBuild(t *testing.T) {
	t.Parallel()
	const all, pg, my = "sqlite postgresql mysql", "postgresql", "mysql"
	for sql, want := range map[string]struct{ engines, name string }{
		"ALTER TABLE books RENAME TO tomes":                                              {all, "rename-table"},
		"RENAME TABLE books TO tomes":                                                    {all, "rename-table"},
		"ALTER TABLE books RENAME COLUMN title TO name":                                  {all, "rename-column"},
		"ALTER TABLE books CHANGE title name varchar(20)":                                {all, "rename-column"},
		"DROP TABLE books":                                                               {all, "drop-in-use"},
		"ALTER TABLE books DROP COLUMN title":                                            {all, "drop-in-use"},
		"ALTER TABLE books ADD COLUMN pages int NOT NULL":                                {all, "required-column"},
		"ALTER TABLE books ADD COLUMN pages int NOT NULL DEFAULT 0":                      {"", ""},
		"ALTER TABLE books ADD COLUMN pages int":                                         {"", ""},
		"ALTER TABLE books ALTER COLUMN title SET NOT NULL":                              {pg, "not-null"},
		"ALTER TABLE books ALTER COLUMN title TYPE text":                                 {pg, "rewrite"},
		"ALTER TABLE books ADD COLUMN u uuid DEFAULT gen_random_uuid()":                  {pg, "rewrite"},
		"ALTER TABLE books ADD COLUMN n bigserial":                                       {pg, "rewrite"},
		"ALTER TABLE books SET UNLOGGED":                                                 {pg, "rewrite"},
		"VACUUM FULL books":                                                              {pg, "rewrite"},
		"ALTER TABLE books ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES authors (id)":    {"postgresql mysql", "foreign-key"},
		"ALTER TABLE books ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES b (id) NOT VALID": {my, "foreign-key"},
		"ALTER TABLE books ADD CONSTRAINT c CHECK (pages > 0)":                           {pg, "check"},
		"ALTER TABLE books ADD CONSTRAINT c CHECK (pages > 0) NOT VALID":                 {"", ""},
		"ALTER TABLE books VALIDATE CONSTRAINT c":                                        {"", ""},
		"ALTER TABLE books ADD CONSTRAINT u UNIQUE (title)":                              {pg, "unique"},
		"ALTER TABLE books ADD CONSTRAINT u UNIQUE USING INDEX uq":                       {"", ""},
		"CREATE INDEX ix ON books (title)":                                               {pg, "index"},
		"CREATE UNIQUE INDEX CONCURRENTLY ix ON books (title)":                           {"", ""},
		"REINDEX TABLE books":                                                            {pg, "index"},
		"ALTER TABLE books MODIFY title varchar(20)":                                     {my, "rewrite"},
		"ALTER TABLE books CONVERT TO CHARACTER SET utf8mb4":                             {my, "rewrite"},
		"ALTER TABLE books ADD FULLTEXT INDEX ft (title)":                                {my, "index"},
		"UPDATE books SET pages = 1":                                                     {all, "many-rows"},
		"INSERT INTO counts SELECT author_id, count(*) FROM books GROUP BY 1":            {all, "many-rows"},
		"DELETE FROM sqlite_sequence WHERE name = 'new_books'":                           {"", ""},
		"INSERT INTO `sqlite_sequence` (name, seq) SELECT 'a', seq FROM sqlite_sequence": {"", ""},
		"INSERT INTO books (id) VALUES (1)":                                              {"", ""},
		"CREATE TABLE pens (id int)":                                                     {"", ""},
		"CREATE TABLE pens (id int);\nCREATE INDEX ix ON pens (id)":                      {"", ""},
		"CREATE TABLE pens (id int);\nINSERT INTO pens SELECT id FROM books":             {"", ""},
		"-- lint:known, the table is small\nCREATE INDEX ix ON books (title)":            {"", ""},
		"-- lint:known\n\nCREATE INDEX ix ON books (title)":                              {pg, "index"},
		"COMMENT ON TABLE books IS 'DROP TABLE'":                                         {"", ""},
		"CREATE TABLE new_a (b int);\nINSERT INTO new_a SELECT b FROM a;\nDROP TABLE a;\n" +
			"ALTER TABLE new_a RENAME TO a": {"postgresql mysql", "drop-in-use"},
	} {
		for _, engine := range []dbmodule.Engine{dbmodule.SQLite, dbmodule.PostgreSQL, dbmodule.MySQL} {
			p := newProgram(t)
			p.config.Engines = []dbmodule.Engine{engine}
			if engine == dbmodule.SQLite {
				// The statements need not run there: without SQLite nothing is.
				p.config.Engines = []dbmodule.Engine{dbmodule.SQLite, dbmodule.MySQL}
			}
			p.must("init")
			p.add("1", revisionText("one", "", "one"), "")
			text := "-- migrate:upgrade\n" + sql + ";\n\n-- migrate:downgrade\n"
			require.NoError(t, os.WriteFile(filepath.Join(p.config.Dir, "1", string(engine)+".sql"), []byte(text), 0o644))
			if engine == dbmodule.SQLite {
				require.NoError(t, os.WriteFile(filepath.Join(p.config.Dir, "1", "mysql.sql"), []byte(emptySQL), 0o644))
			}
			r := p.try("lint")
			if strings.Contains(want.engines, string(engine)) && want.name != "" {
				require.Contains(t, r.text(), "["+want.name+"]", "%s on %s", sql, engine)
			} else {
				require.NotContains(t, r.text(), "under traffic", "%s on %s", sql, engine)
			}
		}
	}
}

// all.sql is for all engines: each statement is named once.
func TestLintOfOneFileForAllEngines(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	p.must("init")
	p.add("1", revisionText("one", "", "one"), "-- migrate:upgrade\nCREATE TABLE a (b int);\n\n-- migrate:downgrade\nDROP TABLE a;\n")
	p.add("2", revisionText("two", "one", "two"), "-- migrate:upgrade\nCREATE INDEX ix_a_b ON a (b);\nUPDATE a SET b = 1;\n\n-- migrate:downgrade\nDROP INDEX ix_a_b;\n")
	r := p.must("lint")
	require.Equal(t, 1, strings.Count(r.stdout, "[index]"), r.stdout)
	require.Equal(t, 1, strings.Count(r.stdout, "[many-rows]"), r.stdout)
	require.Contains(t, r.stdout, "note: 2/all.sql:2: under traffic, CREATE INDEX ix_a_b ON a (b): nobody can write")
}
