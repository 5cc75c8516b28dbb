package dbmodule_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/openhands-go/server/dbmodule"
)

// untouched marks statements in which nothing may be bound.
const untouched = "="

// foreign marks engines that do not know the statement.
const foreign = "-"

// lifted says what of a statement is bound. MySQL's is SQLite's where it is "".
var lifted = []struct {
	query    string
	sqlite   string
	postgres string
	mysql    string
}{
	{"SELECT a FROM t WHERE id = 5", "SELECT a FROM t WHERE id = ?", "SELECT a FROM t WHERE id = $1::int4", ""},
	{"SELECT a FROM t WHERE b = 'it''s' AND c<>-7", "SELECT a FROM t WHERE b = ? AND c<>?", "SELECT a FROM t WHERE b = $1 AND c<>$2::int4", ""},
	{"select a from t where b like 'x' order by 2, 'y' limit 10 offset 20", "select a from t where b like ? order by 2, 'y' limit ? offset ?", "select a from t where b like $1 order by 2, 'y' limit $2::int4 offset $3::int4", ""},
	{"SELECT a FROM t WHERE b IN (1, 2147483648, -2147483648, 9223372036854775808)", "SELECT a FROM t WHERE b IN (?, ?, ?, 9223372036854775808)", "SELECT a FROM t WHERE b IN ($1::int4, $2::int8, $3::int4, $4::numeric)", ""},
	{"SELECT a FROM t WHERE (b, c) IN ((1, 'x'), (2, 'y'))", "SELECT a FROM t WHERE (b, c) IN ((?, ?), (?, ?))", "SELECT a FROM t WHERE (b, c) IN (($1::int4, $2), ($3::int4, $4))", ""},
	{
		"INSERT INTO t (a, b) VALUES (1, 'x'), (NULL, lower('y')), (1.50, TRUE) ON CONFLICT (a) WHERE b = 'z' DO UPDATE SET b = 'w' WHERE t.a > 3 RETURNING a = 4",
		"INSERT INTO t (a, b) VALUES (?, ?), (NULL, lower('y')), (?, ?) ON CONFLICT (a) WHERE b = 'z' DO UPDATE SET b = ? WHERE t.a > ? RETURNING a = 4",
		"INSERT INTO t (a, b) VALUES ($1::int4, $2), (NULL, lower('y')), ($3::numeric, $4::bool) ON CONFLICT (a) WHERE b = 'z' DO UPDATE SET b = $5 WHERE t.a > $6::int4 RETURNING a = 4",
		"INSERT INTO t (a, b) VALUES (?, ?), (NULL, lower('y')), (1.50, ?) ON CONFLICT (a) WHERE b = 'z' DO UPDATE SET b = ? WHERE t.a > ? RETURNING a = 4",
	},
	{"INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = VALUES(a), b = 5", foreign, foreign, "INSERT INTO t (a) VALUES (?) ON DUPLICATE KEY UPDATE a = VALUES(a), b = ?"},
	{"INSERT INTO t (a) SELECT 5 FROM u WHERE v = 6", "INSERT INTO t (a) SELECT 5 FROM u WHERE v = ?", "INSERT INTO t (a) SELECT 5 FROM u WHERE v = $1::int4", ""},
	{"UPDATE t SET a = a + 5, b = 'x', c = 'p' || 'q', d = -1 + e WHERE f = FALSE", "UPDATE t SET a = a + ?, b = ?, c = 'p' || 'q', d = -1 + e WHERE f = ?", "UPDATE t SET a = a + $1::int4, b = $2, c = 'p' || 'q', d = -1 + e WHERE f = $3::bool", ""},
	{"DELETE FROM t WHERE a BETWEEN 1 AND 2 AND b = 3;", "DELETE FROM t WHERE a BETWEEN ? AND ? AND b = ?;", "DELETE FROM t WHERE a BETWEEN $1::int4 AND $2::int4 AND b = $3::int4;", ""},
	{
		"WITH x AS (SELECT a FROM t WHERE b = 1) SELECT c = 2 FROM x JOIN y ON y.d = 3 WHERE e > (SELECT max(f) FROM z WHERE g < 4)",
		"WITH x AS (SELECT a FROM t WHERE b = ?) SELECT c = 2 FROM x JOIN y ON y.d = ? WHERE e > (SELECT max(f) FROM z WHERE g < ?)",
		"WITH x AS (SELECT a FROM t WHERE b = $1::int4) SELECT c = 2 FROM x JOIN y ON y.d = $2::int4 WHERE e > (SELECT max(f) FROM z WHERE g < $3::int4)", "",
	},
	{"SELECT EXISTS (SELECT 1 FROM t WHERE a = 2)", "SELECT EXISTS (SELECT 1 FROM t WHERE a = ?)", "SELECT EXISTS (SELECT 1 FROM t WHERE a = $1::int4)", ""},

	// equal text must stay equal, and names of columns what they are
	{"SELECT a + 1, (SELECT b FROM u WHERE c = 2), CASE WHEN a = 3 THEN 4 END FROM t GROUP BY a + 1, b = 5 HAVING count(*) > 6 ORDER BY a = 7, 1", untouched, untouched, untouched},
	{"SELECT DISTINCT ON (a = 1) b FROM t", untouched, untouched, untouched},
	{"SELECT sum(a) OVER (PARTITION BY b = 1 ORDER BY c = 2) FROM t", untouched, untouched, untouched},

	// types of their own, arguments of functions, what is no value
	{"SELECT a FROM t WHERE b > now() - INTERVAL '1 day' AND c > DATE '2024-01-01' AND d = lower('X') AND e ? 'f'", untouched, untouched, untouched},
	{"SELECT a FROM t WHERE b > now() - INTERVAL '1 day' AND c > DATE '2024-01-01' AND d = lower('X') AND substr(a, 1, 2) IS NULL", untouched, untouched, untouched},
	{"SELECT a FROM t WHERE b = E'\\n' AND c = U&'x' AND d LIKE 'x' ESCAPE '!'", "SELECT a FROM t WHERE b = E'\\n' AND c = U&'x' AND d LIKE 'x' ESCAPE '!'", untouched, untouched},
	{"SELECT a FROM t WHERE b = 1e5 AND c = 0x10 AND d = 1.2.3", untouched, untouched, untouched},
	{"SELECT a FROM t WHERE b = X'00ff'", "SELECT a FROM t WHERE b = ?", untouched, "SELECT a FROM t WHERE b = ?"},
	{"SELECT a FROM t WHERE data->'k' = '1' AND data->>'n' = 'x'", "SELECT a FROM t WHERE data->'k' = ? AND data->>'n' = ?", "SELECT a FROM t WHERE data->'k' = $1 AND data->>'n' = $2", ""},
	{"SELECT a FROM t WHERE b = '5'::int AND c = -5::int AND d = 'x' COLLATE \"C\" AND e = 1 + f", foreign, "SELECT a FROM t WHERE b = $1::int AND c = -5::int AND d = 'x' COLLATE \"C\" AND e = 1 + f", foreign},
	{"SELECT a FROM t WHERE b = ANY('{1,2}') AND c = ANY(ARRAY[1,2]) AND d[1] = 2", foreign, "SELECT a FROM t WHERE b = ANY($1) AND c = ANY(ARRAY[1,2]) AND d[1] = $2::int4", foreign},
	{"SELECT a FROM t WHERE b IS DISTINCT FROM 5", untouched, untouched, untouched},
	{"SELECT a FROM t WHERE b = $$x$$", untouched, untouched, untouched},
	{"SELECT a FROM t WHERE b = ?!(no value)", untouched, untouched, untouched},
	{"SELECT a FROM t WHERE b = 5 AND c = $1", untouched, untouched, untouched},

	// words that mean something else in another place
	{"SELECT t.from = 5 FROM t", untouched, untouched, untouched},
	{"SELECT a FROM t WHERE conflict = 5", "SELECT a FROM t WHERE conflict = ?", "SELECT a FROM t WHERE conflict = $1::int4", ""},
	{"SELECT a IS DISTINCT FROM 5, b = 6 FROM t", untouched, untouched, untouched},
	{"SELECT a AS set, b = 6 FROM t", untouched, untouched, untouched},
	{"SELECT extract(year FROM a = 5), b = 6 FROM t", untouched, untouched, untouched},
	{"SELECT a FROM t WHERE f(b ORDER BY c LIMIT 5)", untouched, untouched, untouched},
	{
		"SELECT replace(a, 'x', 'y'), (SELECT b FROM u WHERE c = 5) FROM t WHERE replace(a, 'x', 'y') = 'z' AND d = 6",
		"SELECT replace(a, 'x', 'y'), (SELECT b FROM u WHERE c = 5) FROM t WHERE replace(a, 'x', 'y') = ? AND d = ?",
		"SELECT replace(a, 'x', 'y'), (SELECT b FROM u WHERE c = 5) FROM t WHERE replace(a, 'x', 'y') = $1 AND d = $2::int4", "",
	},
	{
		"SELECT a, (SELECT b FROM u WHERE (c = 2)), EXISTS (SELECT 1 FROM u WHERE c = 3) FROM t WHERE d = 4",
		"SELECT a, (SELECT b FROM u WHERE (c = 2)), EXISTS (SELECT 1 FROM u WHERE c = 3) FROM t WHERE d = ?",
		"SELECT a, (SELECT b FROM u WHERE (c = 2)), EXISTS (SELECT 1 FROM u WHERE c = 3) FROM t WHERE d = $1::int4", "",
	},
	{"SELECT 1 UNION (SELECT a FROM t WHERE b = 5)", "SELECT 1 UNION (SELECT a FROM t WHERE b = ?)", "SELECT 1 UNION (SELECT a FROM t WHERE b = $1::int4)", ""},
	{"SELECT a FROM t WHERE b IN (SELECT c FROM u LIMIT 5, 6)", "SELECT a FROM t WHERE b IN (SELECT c FROM u LIMIT ?, 6)", foreign, ""},
	{"REPLACE INTO t (a) VALUES (5)", "REPLACE INTO t (a) VALUES (?)", foreign, ""},
	{"INSERT INTO t (a, b) VALUES ROW(1, 'x'), ROW(2, 'y')", foreign, foreign, "INSERT INTO t (a, b) VALUES ROW(?, ?), ROW(?, ?)"},
	{
		"INSERT INTO t (a) VALUES (1) ON CONFLICT (a, (b = 2), substr(c FROM d = 3)) WHERE e = 4 AND (f = 5) DO UPDATE SET g = 6",
		"INSERT INTO t (a) VALUES (?) ON CONFLICT (a, (b = 2), substr(c FROM d = 3)) WHERE e = 4 AND (f = 5) DO UPDATE SET g = ?",
		"INSERT INTO t (a) VALUES ($1::int4) ON CONFLICT (a, (b = 2), substr(c FROM d = 3)) WHERE e = 4 AND (f = 5) DO UPDATE SET g = $2::int4", foreign,
	},
	{
		"SELECT a FROM t WHERE b = 1 ORDER BY a FOR UPDATE LIMIT 2",
		foreign, "SELECT a FROM t WHERE b = $1::int4 ORDER BY a FOR UPDATE LIMIT $2::int4", foreign,
	},

	// numbers and signs
	{
		"SELECT a FROM t WHERE b IN (-9223372036854775808, -9223372036854775809, -2147483649, 2147483647, 00000000000007)",
		"SELECT a FROM t WHERE b IN (?, -9223372036854775809, ?, ?, ?)",
		"SELECT a FROM t WHERE b IN ($1::int8, $2::numeric, $3::int8, $4::int4, $5::int4)",
		"SELECT a FROM t WHERE b IN (?, -9223372036854775809, ?, ?, ?)",
	},
	{"SELECT a FROM t WHERE b = 1e+5 AND c = 2E-5 AND d = 0xe+5", "SELECT a FROM t WHERE b = 1e+5 AND c = 2E-5 AND d = 0xe+?", "SELECT a FROM t WHERE b = 1e+5 AND c = 2E-5 AND d = 0xe+$1::int4", ""},
	{"SELECT a FROM t WHERE b = 1.2345678901234567 AND c = 1.23456789012345678", "SELECT a FROM t WHERE b = ? AND c = 1.23456789012345678", "SELECT a FROM t WHERE b = $1::numeric AND c = $2::numeric", untouched},
	{"UPDATE t SET a = a-5, b = b - 6", "UPDATE t SET a = a-?, b = b - ?", "UPDATE t SET a = a-$1::int4, b = b - $2::int4", ""},
	{"UPDATE t SET a = a + 1.5, b = b - '1 day', c = c + TRUE, d = d - -5", untouched, untouched, untouched},
	{"SELECT a FROM t LIMIT '5' OFFSET 1.5", untouched, untouched, untouched},
	{"SELECT a FROM t LIMIT -1", untouched, untouched, untouched},
	{"SELECT a FROM t WHERE CASE b WHEN -5 THEN c END", untouched, untouched, untouched},
	{"SELECT a FROM t WHERE b = 1 AND TRUE", "SELECT a FROM t WHERE b = ? AND TRUE", "SELECT a FROM t WHERE b = $1::int4 AND TRUE", ""},
	{"SELECT a FROM t WHERE b = ANY(ARRAY[c = 1, TRUE]) AND d = 2", foreign, "SELECT a FROM t WHERE b = ANY(ARRAY[c = 1, TRUE]) AND d = $1::int4", foreign},

	// comments and quotes
	{"SELECT a FROM t WHERE b =/* it's */5 AND c =-- it's\n6", "SELECT a FROM t WHERE b =/* it's */? AND c =-- it's\n?", "SELECT a FROM t WHERE b =/* it's */$1::int4 AND c =-- it's\n$2::int4", ""},
	{"SELECT a FROM t # it's = 5\nWHERE b = 6", untouched, untouched, "SELECT a FROM t # it's = 5\nWHERE b = ?"},
	{"SELECT [x = 8] FROM t WHERE [y = 9] = 10", "SELECT [x = 8] FROM t WHERE [y = 9] = ?", foreign, foreign},
	{"SELECT a FROM t WHERE b = \"x\\\" = 5\" AND c = 6", foreign, foreign, "SELECT a FROM t WHERE b = \"x\\\" = 5\" AND c = ?"},
	{"SELECT a FROM t WHERE b = E'\\' = 5 ' AND c = 6", foreign, "SELECT a FROM t WHERE b = E'\\' = 5 ' AND c = $1::int4", foreign},
	{"SELECT a FROM t WHERE b = _utf8mb4'\\' = 5 ' AND c = 6", foreign, foreign, "SELECT a FROM t WHERE b = _utf8mb4'\\' = 5 ' AND c = ?"},
	{"SELECT a FROM t /* = 5 */ WHERE b = 6 AND c = 8 -- = 7\n", "SELECT a FROM t /* = 5 */ WHERE b = ? AND c = 8 -- = 7\n", "SELECT a FROM t /* = 5 */ WHERE b = $1::int4 AND c = 8 -- = 7\n", ""},
	{"SELECT a FROM t WHERE \"x = 8\" = 9", "SELECT a FROM t WHERE \"x = 8\" = ?", "SELECT a FROM t WHERE \"x = 8\" = $1::int4", ""},
	{"SELECT a FROM t /*! WHERE b = 6 */", "SELECT a FROM t /*! WHERE b = 6 */", "SELECT a FROM t /*! WHERE b = 6 */", untouched},
	{"SELECT a FROM t WHERE b = 'x\\'' AND c = 'y'", untouched, untouched, "SELECT a FROM t WHERE b = ? AND c = ?"},
	{"SELECT a FROM t WHERE b = 'not closed", untouched, untouched, untouched},
	{"SELECT a FROM t WHERE b = 'a' 'b'", untouched, untouched, untouched},

	// more than one, and none of those that have values
	{"UPDATE t SET a = 1; DELETE FROM t", untouched, untouched, untouched},
	{"CREATE INDEX i ON t (a) WHERE b = 1", untouched, untouched, untouched},
	{"MERGE INTO t USING u ON t.a = 1 WHEN MATCHED THEN DELETE", untouched, untouched, untouched},
	{"SET x = 5", untouched, untouched, untouched},
	{"SELECT a FROM t WHERE (b = 5", untouched, untouched, untouched},
}

func TestLiftedLiterals(t *testing.T) {
	t.Parallel()
	for _, c := range lifted {
		for engine, want := range map[dbmodule.Engine]string{dbmodule.SQLite: c.sqlite, dbmodule.PostgreSQL: c.postgres, dbmodule.MySQL: c.mysql} {
			switch {
			case want == untouched:
				want = c.query
			case want == "" && engine == dbmodule.MySQL:
				want = c.sqlite
			}
			if want == foreign {
				continue
			}
			got, _, whole := dbmodule.Lifted(engine, c.query)
			if got == "" {
				got = c.query
			}
			assert.Equal(t, want, got, "%s", engine)
			assert.Equal(t, c.query, whole)
		}
	}
}

// What the scanner does not understand runs as it is, however much of it
// could be bound.
func TestStatementsLeftAlone(t *testing.T) {
	t.Parallel()
	all := []dbmodule.Engine{dbmodule.SQLite, dbmodule.PostgreSQL, dbmodule.MySQL}
	list := func(values int) string {
		return "SELECT a FROM t WHERE b IN (0" + strings.Repeat(",1", values-1) + ")"
	}
	for query, engines := range map[string][]dbmodule.Engine{
		"":                             all,
		" -- nothing":                  all,
		"(":                            all,
		"SELECT a FROM t WHERE b = 5)": all,
		"SELECT a FROM t WHERE b = 5 AND c = {d}":       all,
		"SELECT a FROM t WHERE b = 5 AND c = ?":         all,
		"SELECT a FROM t WHERE b = 5 AND c = $1":        all,
		"SELECT a FROM t WHERE b = 5 AND c = \\":        all,
		"SELECT a FROM t WHERE b = 5 AND c = :name":     all,
		"SELECT a FROM t WHERE b = 5 AND c = @v":        {dbmodule.SQLite, dbmodule.MySQL},
		"SELECT a FROM t WHERE b = 5 AND c = d--6":      {dbmodule.MySQL},
		"SELECT a FROM t WHERE b = 5 /*! AND c = 6 */":  {dbmodule.MySQL},
		"SELECT a FROM t WHERE b = 5 /*M! AND c = 6 */": {dbmodule.MySQL},
		list(300): all,
		"SELECT a FROM t WHERE b = '" + strings.Repeat("x", 64<<10) + "'": all,
	} {
		for _, engine := range engines {
			text, args, _ := dbmodule.Lifted(engine, query)
			assert.Empty(t, text, "%s: %.100s", engine, query)
			assert.Empty(t, args, "%s: %.100s", engine, query)
		}
	}
	for _, engine := range all {
		_, args, _ := dbmodule.Lifted(engine, list(200))
		assert.Len(t, args, 200, "%s", engine)
	}
}

func TestLiftedValues(t *testing.T) {
	t.Parallel()
	const query = `SELECT a FROM t WHERE b = 'it''s \\ \n' AND c IN (-5, 9223372036854775807, TRUE, X'00fF', '') AND d > 2.50`
	for engine, want := range map[dbmodule.Engine][]any{
		dbmodule.SQLite:     {`it's \\ \n`, int64(-5), int64(9223372036854775807), int64(1), []byte{0, 0xff}, "", 2.5},
		dbmodule.PostgreSQL: {`it's \\ \n`, int64(-5), int64(9223372036854775807), true, "", "2.50"},
		dbmodule.MySQL:      {"it's \\ \n", int64(-5), int64(9223372036854775807), int64(1), []byte{0, 0xff}, ""},
	} {
		_, args, _ := dbmodule.Lifted(engine, query)
		assert.Equal(t, want, args, "%s", engine)
	}
	_, args, _ := dbmodule.Lifted(dbmodule.MySQL, `SELECT a FROM t WHERE b = '\0\'\"\b\n\r\t\Z\\\%\_\x'`)
	assert.Equal(t, []any{"\x00'\"\b\n\r\t\x1a\\\\%\\_x"}, args)
}

// Whatever a statement looks like, it can be put together again, with as many
// placeholders as arguments.
func FuzzLifted(f *testing.F) {
	for _, c := range lifted {
		f.Add(c.query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		for _, engine := range []dbmodule.Engine{dbmodule.SQLite, dbmodule.PostgreSQL, dbmodule.MySQL} {
			text, args, whole := dbmodule.Lifted(engine, query)
			if whole != query && !strings.Contains(query, "\x00") {
				t.Fatalf("%s: %q became %q", engine, query, whole)
			}
			if engine != dbmodule.PostgreSQL && strings.Count(text, "?") < len(args) {
				t.Fatalf("%s: %q has not %d placeholders", engine, text, len(args))
			}
		}
	})
}
