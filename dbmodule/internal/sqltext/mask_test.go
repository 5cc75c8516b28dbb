package sqltext_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/uptrace/bun/dialect/mysqldialect"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"github.com/uptrace/bun/schema"

	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

const anyDialect = sqltext.Dialect(0)

func TestMasked(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		dialect sqltext.Dialect
		query   string
		want    string
	}{
		{anyDialect, `SELECT "a"."b", c1 FROM t2 WHERE x = 'it''s' AND y IN (1, -2, 3.5e-7)`, `SELECT "a"."b", c1 FROM t2 WHERE x = ? AND y IN (?, ?, ?)`},
		{anyDialect, `INSERT INTO t VALUES (TRUE, false, NULL, X'00ff', .5, 0x1F)`, `INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)`},
		{anyDialect, `SELECT 1 WHERE a IS NOT NULL OR b IS NULL`, `SELECT ? WHERE a IS NOT NULL OR b IS NULL`},
		{anyDialect, `UPDATE t SET a = NULL, b = a - 5`, `UPDATE t SET a = ?, b = a - ?`},
		{anyDialect, `FOREIGN KEY (a) REFERENCES t (id) ON DELETE SET NULL`, `FOREIGN KEY (a) REFERENCES t (id) ON DELETE SET NULL`},
		{anyDialect, `SELECT t.null, t."true" FROM t`, `SELECT t.null, t."true" FROM t`},
		{anyDialect, "SELECT 1 -- it's hidden\n, 2 /* and this's */ + 3", "SELECT ? , ? + ?"},
		{anyDialect, `SELECT 'unterminated`, `SELECT ?`},
		{anyDialect, `SELECT ?!(driver: hidden) FROM t`, `SELECT ?`},
		{anyDialect, ``, ``},

		{sqltext.PostgreSQL, `SELECT 'a\', b, 'c'`, `SELECT ?, b, ?`},
		{sqltext.PostgreSQL, `SELECT E'a\', b, ', c`, `SELECT ?, c`},
		{sqltext.PostgreSQL, `SELECT $tag$ it's $x$ $tag$, $$hidden$$, $1, '{"a":1}'::jsonb`, `SELECT ?, ?, $1, ?::jsonb`},
		{sqltext.PostgreSQL, `SELECT a[1], "select ""x""" /* a /* b */ 'c */ , d`, `SELECT a[?], "select ""x""" , d`},
		{sqltext.PostgreSQL, "SELECT E'a' -- b\n  'it\\'s hidden', c, 'd'\n'e\\', f", "SELECT ?, c, ?\n?, f"},
		{sqltext.PostgreSQL, `SELECT b'01', n'x', x'0f', date'2020-01-01', 1ELSE-1`, `SELECT ?, ?, ?, date?, ?-?`},
		{sqltext.PostgreSQL, `SELECT 'unterminated /* ', x`, `SELECT ?, x`},

		{sqltext.MySQL, `SELECT 'a\', b, ', c, "hidden", _utf8mb4'x'`, `SELECT ?, c, ?, ?`},
		{sqltext.MySQL, "SELECT `a'b`, c # it's\n, 5--6", "SELECT `a'b`, c , ?--?"},
		{sqltext.MySQL, `SELECT /*! 'hidden' */ a`, `SELECT ? a`},

		{sqltext.SQLite, "SELECT [it's], `it's`, 'a\\', b", "SELECT [it's], `it's`, ?, b"},
	} {
		dialects := []sqltext.Dialect{test.dialect}
		if test.dialect == anyDialect {
			dialects = []sqltext.Dialect{sqltext.SQLite, sqltext.PostgreSQL, sqltext.MySQL}
		}
		for _, dialect := range dialects {
			query, want := test.query, test.want
			if dialect == sqltext.MySQL && test.dialect == anyDialect {
				query, want = strings.ReplaceAll(query, `"`, "`"), strings.ReplaceAll(want, `"`, "`")
			}
			assert.Equal(t, want, sqltext.Masked(dialect, query, 1000), "%d: %s", dialect, query)
		}
	}
}

func TestMaskedIsBounded(t *testing.T) {
	t.Parallel()
	got := sqltext.Masked(sqltext.SQLite, "SELECT '"+strings.Repeat("ä", 1<<20)+"'", 100)
	assert.Equal(t, "SELECT ?", got)
	got = sqltext.Masked(sqltext.SQLite, "SELECT "+strings.Repeat("ä", 1000), 100)
	assert.Equal(t, "SELECT "+strings.Repeat("ä", 46)+"…", got)
}

// Whatever a value holds, Bun's rendering of it must be read to its end.
func TestRenderedValuesAreReadToTheirEnd(t *testing.T) {
	t.Parallel()
	gens := map[sqltext.Dialect]schema.QueryGen{
		sqltext.SQLite:     schema.NewQueryGen(sqlitedialect.New()),
		sqltext.PostgreSQL: schema.NewQueryGen(pgdialect.New()),
		sqltext.MySQL:      schema.NewQueryGen(mysqldialect.New()),
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
	for dialect, gen := range gens {
		for _, value := range values {
			query := gen.FormatQuery("SELECT a, ?, b, ? FROM t", value, value)
			assert.Equal(t, "SELECT a, ?, b, ? FROM t", sqltext.Masked(dialect, query, 1<<20), "%d: %s", dialect, query)
		}
	}
}
