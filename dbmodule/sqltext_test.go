package dbmodule_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/uptrace/bun/dialect/mysqldialect"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"github.com/uptrace/bun/schema"

	"github.com/openhands-go/server/dbmodule"
)

const anyEngine = dbmodule.Engine("")

func TestStatementWithoutValues(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		engine dbmodule.Engine
		query  string
		want   string
	}{
		{anyEngine, `SELECT "a"."b", c1 FROM t2 WHERE x = 'it''s' AND y IN (1, -2, 3.5e-7)`, `SELECT "a"."b", c1 FROM t2 WHERE x = ? AND y IN (?, ?, ?)`},
		{anyEngine, `INSERT INTO t VALUES (TRUE, false, NULL, X'00ff', .5, 0x1F)`, `INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)`},
		{anyEngine, `SELECT 1 WHERE a IS NOT NULL OR b IS NULL`, `SELECT ? WHERE a IS NOT NULL OR b IS NULL`},
		{anyEngine, `UPDATE t SET a = NULL, b = a - 5`, `UPDATE t SET a = ?, b = a - ?`},
		{anyEngine, `FOREIGN KEY (a) REFERENCES t (id) ON DELETE SET NULL`, `FOREIGN KEY (a) REFERENCES t (id) ON DELETE SET NULL`},
		{anyEngine, `SELECT t.null, t."true" FROM t`, `SELECT t.null, t."true" FROM t`},
		{anyEngine, "SELECT 1 -- it's hidden\n, 2 /* and this's */ + 3", "SELECT ? , ? + ?"},
		{anyEngine, `SELECT 'unterminated`, `SELECT ?`},
		{anyEngine, `SELECT ?!(driver: hidden) FROM t`, `SELECT ?`},
		{anyEngine, ``, ``},

		{dbmodule.PostgreSQL, `SELECT 'a\', b, 'c'`, `SELECT ?, b, ?`},
		{dbmodule.PostgreSQL, `SELECT E'a\', b, ', c`, `SELECT ?, c`},
		{dbmodule.PostgreSQL, `SELECT $tag$ it's $x$ $tag$, $$hidden$$, $1, '{"a":1}'::jsonb`, `SELECT ?, ?, $1, ?::jsonb`},
		{dbmodule.PostgreSQL, `SELECT a[1], "select ""x""" /* a /* b */ 'c */ , d`, `SELECT a[?], "select ""x""" , d`},
		{dbmodule.PostgreSQL, `SELECT 'unterminated /* ', x`, `SELECT ?, x`},

		{dbmodule.MySQL, `SELECT 'a\', b, ', c, "hidden", _utf8mb4'x'`, `SELECT ?, c, ?, ?`},
		{dbmodule.MySQL, "SELECT `a'b`, c # it's\n, 5--6", "SELECT `a'b`, c , ?--?"},
		{dbmodule.MySQL, `SELECT /*! 'hidden' */ a`, `SELECT a`},

		{dbmodule.SQLite, "SELECT [it's], `it's`, 'a\\', b", "SELECT [it's], `it's`, ?, b"},
	} {
		engines := []dbmodule.Engine{test.engine}
		if test.engine == anyEngine {
			engines = []dbmodule.Engine{dbmodule.SQLite, dbmodule.PostgreSQL, dbmodule.MySQL}
		}
		for _, engine := range engines {
			query, want := test.query, test.want
			if engine == dbmodule.MySQL && test.engine == anyEngine {
				query, want = strings.ReplaceAll(query, `"`, "`"), strings.ReplaceAll(want, `"`, "`")
			}
			assert.Equal(t, want, dbmodule.StatementWithoutValues(engine, query, 1000), "%s: %s", engine, query)
		}
	}
}

func TestStatementWithoutValuesIsBounded(t *testing.T) {
	t.Parallel()
	got := dbmodule.StatementWithoutValues(dbmodule.SQLite, "SELECT '"+strings.Repeat("ä", 1<<20)+"'", 100)
	assert.Equal(t, "SELECT ?", got)
	got = dbmodule.StatementWithoutValues(dbmodule.SQLite, "SELECT "+strings.Repeat("ä", 1000), 100)
	assert.Equal(t, "SELECT "+strings.Repeat("ä", 46)+"…", got)
}

// Whatever a value holds, Bun's rendering of it must be read to its end.
func TestRenderedValuesAreReadToTheirEnd(t *testing.T) {
	t.Parallel()
	gens := map[dbmodule.Engine]schema.QueryGen{
		dbmodule.SQLite:     schema.NewQueryGen(sqlitedialect.New()),
		dbmodule.PostgreSQL: schema.NewQueryGen(pgdialect.New()),
		dbmodule.MySQL:      schema.NewQueryGen(mysqldialect.New()),
	}
	pieces := []string{`'`, `\`, `"`, "`", `--`, `/*`, `*/`, `$$`, `$a$`, `?`, `#`, "\n", `[`, ` hidden `, `ä`, `(`, `;`}
	var values []any
	for _, a := range pieces {
		for _, b := range pieces {
			for _, c := range pieces {
				values = append(values, a+b+c)
			}
		}
	}
	values = append(values,
		-5, 3.25e-300, true, nil, []byte("hidden\x00'\\"), time.Unix(0, 0), map[string]string{"hidden'": `"\`},
		[]string{`hidden'"\`, "b"}, struct{ Hidden string }{`hidden'\"`},
	)
	for engine, gen := range gens {
		for _, value := range values {
			query := gen.FormatQuery("SELECT a, ?, b, ? FROM t", value, value)
			assert.Equal(t, "SELECT a, ?, b, ? FROM t", dbmodule.StatementWithoutValues(engine, query, 1<<20), "%s: %s", engine, query)
		}
	}
}
