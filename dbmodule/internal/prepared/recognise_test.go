package prepared_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/openhands-go/server/dbmodule/internal/prepared"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

const (
	lite = sqltext.SQLite
	pg   = sqltext.PostgreSQL
	my   = sqltext.MySQL
)

var all = []sqltext.Dialect{lite, pg, my}

// recognised are texts with their prepared ones. A question mark stands for a
// parameter, which on PostgreSQL has a number and a type.
var recognised = []struct {
	dialects        []sqltext.Dialect
	query, prepared string
	types           string // PostgreSQL's casts, one letter each: - for none
}{
	{all, "SELECT a FROM t", "SELECT a FROM t", ""},
	{all, "select t.a, t.*, * from s.t where a = 5;", "select t.a, t.*, * from s.t where a = ?;", "i"},
	{all, "SELECT DISTINCT a AS b FROM t AS u WHERE a = 'x'", "SELECT DISTINCT a AS b FROM t AS u WHERE a = ?", "-"},
	{all, "SELECT count(*), COUNT(a), count(DISTINCT b) AS n, max(t.c) FROM t", "SELECT count(*), COUNT(a), count(DISTINCT b) AS n, max(t.c) FROM t", ""},
	{[]sqltext.Dialect{lite, pg}, `SELECT "n"."id", "n"."a" FROM "notes" AS "n" WHERE ("n"."id" = 7)`, `SELECT "n"."id", "n"."a" FROM "notes" AS "n" WHERE ("n"."id" = ?)`, "i"},
	{[]sqltext.Dialect{my}, "SELECT `n`.`id` FROM `notes` AS `n` WHERE (`n`.`id` = 7)", "SELECT `n`.`id` FROM `notes` AS `n` WHERE (`n`.`id` = ?)", ""},
	{
		all, "SELECT a.b FROM a JOIN c ON (c.d = a.e) AND c.f = 'x' LEFT OUTER JOIN g AS h ON h.i = a.j, k WHERE (l IS NULL)",
		"SELECT a.b FROM a JOIN c ON (c.d = a.e) AND c.f = ? LEFT OUTER JOIN g AS h ON h.i = a.j, k WHERE (l IS NULL)", "-",
	},
	{
		all, "SELECT a FROM t WHERE (a = 'x' AND NOT (b <> 2 OR c IS NOT NULL)) AND d IN (1, 2) AND e NOT IN ('x') AND f LIKE 'x%' AND g NOT LIKE 'y'",
		"SELECT a FROM t WHERE (a = ? AND NOT (b <> ? OR c IS NOT NULL)) AND d IN (?, ?) AND e NOT IN (?) AND f LIKE ? AND g NOT LIKE ?", "-iii---",
	},
	{all, "SELECT a FROM t WHERE (a) IN (1) AND (a, b) IN ((1, 'x'), (2, 'y'))", "SELECT a FROM t WHERE (a) IN (?) AND (a, b) IN ((?, ?), (?, ?))", "ii-i-"},
	{all, "SELECT a FROM t WHERE a BETWEEN 1 AND 2 AND b != -3 AND c=-4 AND d<-5", "SELECT a FROM t WHERE a BETWEEN ? AND ? AND b != ? AND c=? AND d<?", "iiiii"},
	{all, "SELECT a FROM t WHERE a = b AND c >= now() AND lower(d) = 'x' AND e <= CURRENT_TIMESTAMP AND f", "SELECT a FROM t WHERE a = b AND c >= now() AND lower(d) = ? AND e <= CURRENT_TIMESTAMP AND f", "-"},
	{all, "SELECT a FROM t WHERE a = NULL ORDER BY a, b DESC LIMIT 5 OFFSET 6", "SELECT a FROM t WHERE a = NULL ORDER BY a, b DESC LIMIT ? OFFSET ?", "ii"},
	{[]sqltext.Dialect{lite, pg}, "SELECT a FROM t ORDER BY a ASC NULLS LAST, b NULLS FIRST", "SELECT a FROM t ORDER BY a ASC NULLS LAST, b NULLS FIRST", ""},
	{[]sqltext.Dialect{pg, my}, "SELECT a FROM t WHERE b = 1 FOR UPDATE", "SELECT a FROM t WHERE b = ? FOR UPDATE", "i"},
	{[]sqltext.Dialect{pg, my}, "SELECT a FROM t WHERE b = 1 LIMIT 2 FOR SHARE OF t SKIP LOCKED", "SELECT a FROM t WHERE b = ? LIMIT ? FOR SHARE OF t SKIP LOCKED", "ii"},
	{[]sqltext.Dialect{pg}, "SELECT a FROM t WHERE b ILIKE 'x' FOR NO KEY UPDATE NOWAIT", "SELECT a FROM t WHERE b ILIKE ? FOR NO KEY UPDATE NOWAIT", "-"},
	{[]sqltext.Dialect{my}, "SELECT a FROM t WHERE b = 1 LOCK IN SHARE MODE", "SELECT a FROM t WHERE b = ? LOCK IN SHARE MODE", ""},
	{
		all, "SELECT a FROM t WHERE ((b <> 'x') IS TRUE) AND (b = 1 OR c = 2) IS NOT FALSE AND d IS TRUE AND NOT e IS NOT FALSE",
		"SELECT a FROM t WHERE ((b <> ?) IS TRUE) AND (b = ? OR c = ?) IS NOT FALSE AND d IS TRUE AND NOT e IS NOT FALSE", "-ii",
	},
	{
		all, "SELECT a FROM t WHERE b = 1 AND (EXISTS (SELECT u.c FROM u AS u WHERE (u.d = 'x') AND ((u.e <> 2) IS TRUE))) AND NOT EXISTS (SELECT * FROM v) ORDER BY a LIMIT 3",
		"SELECT a FROM t WHERE b = ? AND (EXISTS (SELECT u.c FROM u AS u WHERE (u.d = ?) AND ((u.e <> ?) IS TRUE))) AND NOT EXISTS (SELECT * FROM v) ORDER BY a LIMIT ?", "i-ii",
	},
	{[]sqltext.Dialect{my}, "SELECT a FROM t AS u FORCE INDEX (`ix`) JOIN v USE INDEX (x, y) WHERE u.b = 1", "SELECT a FROM t AS u FORCE INDEX (`ix`) JOIN v USE INDEX (x, y) WHERE u.b = ?", ""},
	{[]sqltext.Dialect{lite}, "SELECT [x = 8] FROM t WHERE [y = 9] = 10", "SELECT [x = 8] FROM t WHERE [y = 9] = ?", ""},

	{all, "INSERT INTO t (a, b) VALUES (1, 'x'), (DEFAULT, NULL)", "INSERT INTO t (a, b) VALUES (?, ?), (DEFAULT, NULL)", "i-"},
	{all, "INSERT INTO t VALUES (1, CURRENT_TIMESTAMP, now())", "INSERT INTO t VALUES (?, CURRENT_TIMESTAMP, now())", "i"},
	{[]sqltext.Dialect{lite, pg}, "INSERT INTO t AS u DEFAULT VALUES RETURNING *", "INSERT INTO t AS u DEFAULT VALUES RETURNING *", ""},
	{[]sqltext.Dialect{lite, pg}, "INSERT INTO t (a) VALUES (1) ON CONFLICT DO NOTHING", "INSERT INTO t (a) VALUES (?) ON CONFLICT DO NOTHING", "i"},
	{
		[]sqltext.Dialect{lite, pg},
		"INSERT INTO t (a) VALUES (1) ON CONFLICT (a, b) DO UPDATE SET c = EXCLUDED.c, d = 'x' WHERE t.e < 5 RETURNING a, b AS c",
		"INSERT INTO t (a) VALUES (?) ON CONFLICT (a, b) DO UPDATE SET c = EXCLUDED.c, d = ? WHERE t.e < ? RETURNING a, b AS c", "i-i",
	},
	{
		[]sqltext.Dialect{lite, pg},
		"INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET b = t.b + EXCLUDED.b, c = c - excluded.c, d = d + 1",
		"INSERT INTO t (a) VALUES (?) ON CONFLICT (a) DO UPDATE SET b = t.b + EXCLUDED.b, c = c - excluded.c, d = d + ?", "ii",
	},
	{[]sqltext.Dialect{my}, "INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE b = b + VALUES(b), c = 'x'", "INSERT INTO t (a) VALUES (?) ON DUPLICATE KEY UPDATE b = b + VALUES(b), c = ?", ""},
	{[]sqltext.Dialect{pg}, "INSERT INTO t (a) VALUES (1) ON CONFLICT ON CONSTRAINT u DO NOTHING", "INSERT INTO t (a) VALUES (?) ON CONFLICT ON CONSTRAINT u DO NOTHING", "i"},
	{[]sqltext.Dialect{my}, "INSERT IGNORE INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = VALUES(a), b = 'x', c = c + 1", "INSERT IGNORE INTO t (a) VALUES (?) ON DUPLICATE KEY UPDATE a = VALUES(a), b = ?, c = c + ?", ""},
	{[]sqltext.Dialect{lite}, "INSERT OR IGNORE INTO t (a) VALUES (X'00ff')", "INSERT OR IGNORE INTO t (a) VALUES (?)", ""},
	{[]sqltext.Dialect{lite, my}, "REPLACE INTO t (a) VALUES (5)", "REPLACE INTO t (a) VALUES (?)", ""},

	{all, "UPDATE t AS u SET a = 'x', b = b + 1, c = c - 2, d = NULL, e = f WHERE (u.id = 5)", "UPDATE t AS u SET a = ?, b = b + ?, c = c - ?, d = NULL, e = f WHERE (u.id = ?)", "-iii"},
	{[]sqltext.Dialect{pg, my}, "UPDATE t SET a = DEFAULT", "UPDATE t SET a = DEFAULT", ""},
	{all, "DELETE FROM t AS u WHERE a = 5 AND b IS NULL", "DELETE FROM t AS u WHERE a = ? AND b IS NULL", "i"},
	{all, "DELETE FROM t WHERE a = 5 RETURNING b", "DELETE FROM t WHERE a = ? RETURNING b", "i"},

	{[]sqltext.Dialect{lite, pg}, "SELECT a FROM t WHERE b = TRUE AND c = false", "SELECT a FROM t WHERE b = ? AND c = ?", "bb"},
	{[]sqltext.Dialect{my}, "SELECT a FROM t WHERE b = TRUE AND c = false AND d = 1", "SELECT a FROM t WHERE b = TRUE AND c = false AND d = ?", ""},
	{[]sqltext.Dialect{lite, pg}, "SELECT a FROM t WHERE b = 1.5", "SELECT a FROM t WHERE b = ?", "n"},
	{[]sqltext.Dialect{pg}, "SELECT a FROM t WHERE b IN (-9223372036854775808, -9223372036854775809, -2147483649, -2147483648, 2147483648, 007)", "SELECT a FROM t WHERE b IN (?, ?, ?, ?, ?, ?)", "lnlili"},
	{[]sqltext.Dialect{lite, pg}, `SELECT a FROM t WHERE b = 'x\'' AND c = 'y'`, "", ""},
	{[]sqltext.Dialect{lite, pg}, `SELECT a FROM t WHERE b = 'x\' AND c = 'it''s'`, "SELECT a FROM t WHERE b = ? AND c = ?", "--"},
}

func TestRecognised(t *testing.T) {
	t.Parallel()
	typeNames := map[byte]string{'-': "", 'i': "::int4", 'l': "::int8", 'n': "::numeric", 'b': "::bool"}
	for _, c := range recognised {
		for _, d := range c.dialects {
			want := c.prepared
			if d == pg {
				for i := range len(c.types) {
					want = strings.Replace(want, "?", "$"+string('1'+byte(i))+typeNames[c.types[i]], 1)
				}
			}
			got, args := prepared.TextOf(d, c.query)
			assert.Equal(t, want, got, "%d: %s", d, c.query)
			assert.Len(t, args, strings.Count(c.prepared, "?"), "%d: %s", d, c.query)
		}
	}
}

// What is not in the language runs as text, however much of it could be bound.
func TestNotRecognised(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		dialects []sqltext.Dialect
		queries  []string
	}{
		{all, []string{
			"", ";", "-- nothing", "(", "SELECT", "SELECT 1", "SELECT a, 1 FROM t", "SELECT 'x' FROM t", "SELECT a + 1 FROM t", "SELECT a b FROM t", "SELECT now()",
			"SELECT a FROM t WHERE", "SELECT a FROM t WHERE b = 5)", "SELECT a FROM t WHERE (b = 5", "SELECT a FROM t WHERE b = 'not closed",
			// functions with values, casts, subqueries, CTEs, intervals, typed literals
			"SELECT a FROM t WHERE b = lower('x')", "SELECT lower('x') FROM t", "SELECT f(a) FROM t", "SELECT a FROM t WHERE f(b) = 1", "SELECT a FROM f(1)",
			"SELECT coalesce(a, 1) FROM t", "SELECT sum(a) FROM t", "SELECT count(1) FROM t", "SELECT count(*) OVER () FROM t",
			"SELECT a FROM t WHERE b = CAST('5' AS INTEGER)", "SELECT a FROM t WHERE b = '5'::int", "SELECT a::text FROM t",
			"SELECT a FROM (SELECT 1) AS t", "SELECT a FROM t WHERE b IN (SELECT c FROM u)", "SELECT a FROM t WHERE b = (SELECT 1)", "SELECT EXISTS (SELECT a FROM t)",
			"SELECT a FROM t WHERE EXISTS (SELECT 1)", "SELECT a FROM t WHERE EXISTS", "SELECT a FROM t WHERE EXISTS (b)",
			"SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u)", "SELECT a FROM t WHERE EXISTS (SELECT b FROM u LIMIT 1)", "SELECT a FROM t WHERE EXISTS (SELECT b FROM u GROUP BY 1)",
			"SELECT a FROM t WHERE EXISTS (SELECT b FROM u) IS TRUE", "SELECT a FROM t WHERE EXISTS (SELECT b FROM u UNION SELECT c FROM v)", "WITH x AS (SELECT 1) SELECT a FROM x", "SELECT a FROM t UNION SELECT b FROM u", "INSERT INTO t (a) SELECT 1",
			"SELECT a FROM t WHERE b > now() - INTERVAL '1 day'", "SELECT a FROM t WHERE b = DATE '2024-01-01'", "SELECT a FROM t WHERE b = timestamp '2024-01-01'",
			"SELECT a FROM t WHERE b = interval '1'", "SELECT a FROM t WHERE b = 'x' COLLATE c", "SELECT a FROM t WHERE b COLLATE c = 'x'",
			"VALUES (1)", "SELECT a FROM t WHERE b IN (VALUES (1))", "SELECT a FROM (VALUES (1)) AS t (a)",
			// comments, placeholders, variables, several statements, what Bun could not render
			"SELECT a FROM t /* x */ WHERE b = 5", "SELECT a FROM t WHERE b = 5 -- x", "/* x */ SELECT a FROM t", "SELECT count/**/(*) FROM t",
			"SELECT a FROM t WHERE b = ?", "SELECT a FROM t WHERE b = $1", "SELECT a FROM t WHERE b = :name", "SELECT a FROM t WHERE b = ?!(x)", "SELECT a FROM t WHERE b = @v",
			"SELECT a FROM t; SELECT b FROM t", "SELECT a FROM t;;", "SELECT a FROM t WHERE b = 5\x00", "SELECT a FROM t WHERE b = '\x00'", "SELECT a FROM t WHERE b = '\xff'",
			"SELECT a FROM t WHERE b = {d}", "SELECT a FROM t WHERE b = \\",
			// where a value would stay, or mean a place
			"SELECT a FROM t ORDER BY 1", "SELECT a FROM t ORDER BY a + 1", "SELECT a FROM t ORDER BY 'a'", "SELECT a FROM t GROUP BY a", "SELECT a FROM t GROUP BY 1",
			"SELECT a FROM t HAVING count(*) > 1", "SELECT a FROM t WHERE 1 = 1", "SELECT a FROM t WHERE TRUE", "SELECT a FROM t WHERE 'x' = a", "SELECT a FROM t LIMIT '5'",
			"SELECT a FROM t LIMIT -1", "SELECT a FROM t LIMIT 1, 2", "SELECT a FROM t LIMIT 1.5", "SELECT a FROM t LIMIT ALL", "SELECT a FROM t LIMIT 1 + 1",
			"INSERT INTO t (a) VALUES (1) ON CONFLICT (a) WHERE b = 1 DO NOTHING", "INSERT INTO t (a) VALUES (1) ON CONFLICT (lower(a)) DO NOTHING",
			"INSERT INTO t (a) VALUES (1) RETURNING a + 1", "INSERT INTO t (a) VALUES (1) RETURNING a, 2", "INSERT INTO t (a) VALUES (1 + 1)", "INSERT INTO t (a) VALUES ((1))",
			"INSERT INTO t (a) VALUES (b)", "INSERT INTO t (a) VALUES (f(1))", "INSERT INTO t VALUES ROW(1)", "INSERT INTO t SET a = 1", "INSERT OR ROLLBACK INTO t (a) VALUES (1)",
			"UPDATE t SET a = a + EXCLUDED.b", "UPDATE t SET a = a + VALUES(b)", "INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET b = b + EXCLUDED.b + 1",
			"INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE b = b + VALUES(1)", "INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET b = b + f(1)",
			"UPDATE t SET a = a + 1.5", "UPDATE t SET a = a + b", "UPDATE t SET a = a * 2", "UPDATE t SET a = 2 + a", "UPDATE t SET a = a - -5", "UPDATE t SET a = a || 'x'",
			"UPDATE t SET a = CASE WHEN b = 1 THEN 2 END", "UPDATE t SET (a, b) = (1, 2)", "UPDATE t SET a = 1 FROM u", "UPDATE t SET a = 1 LIMIT 1", "DELETE FROM t USING u", "DELETE t FROM t",
			// operators and places that settings or the types of values have a say in
			"SELECT a FROM t WHERE b || 'x' = 'y'", "SELECT a FROM t WHERE b IS DISTINCT FROM 5", "SELECT a FROM t WHERE (b = 1) IS 1", "SELECT a FROM t WHERE (b = 1) IS NULL", "SELECT a FROM t WHERE b ~ 'x'",
			"SELECT a FROM t WHERE b @> 'x'", "SELECT a FROM t WHERE b->'k' = '1'", "SELECT a FROM t WHERE b = ANY('{1}')", "SELECT a FROM t WHERE b[1] = 2",
			"SELECT a FROM t WHERE b LIKE 'x' ESCAPE '!'", "SELECT a FROM t WHERE b LIKE 5", "SELECT a FROM t WHERE b IN ()", "SELECT a FROM t WHERE b IN (1, NULL)",
			"SELECT a FROM t WHERE (a, b) IN (1, 2)", "SELECT a FROM t WHERE (a, b) = (1, 2)", "SELECT a FROM t WHERE (a, b)", "SELECT a FROM t WHERE a IN ((1, 2))", "SELECT a FROM t WHERE b = 1 = 2",
			"SELECT a FROM t WHERE b == 5", "SELECT a FROM t WHERE b <=> 5", "SELECT a FROM t WHERE b = - 5", "SELECT a FROM t WHERE b = --5", "SELECT a FROM t WHERE b = 'a' 'b'",
			"SELECT a FROM t WHERE b = 1e5", "SELECT a FROM t WHERE b = 0x10", "SELECT a FROM t WHERE b = 1_000", "SELECT a FROM t WHERE b = 1.2.3", "SELECT a FROM t WHERE b = E'x'",
			"SELECT a FROM t WHERE b = U&'x'", "SELECT a FROM t WHERE b = $$x$$", "SELECT a FROM t WHERE b = N'x'", "SELECT a FROM t WHERE b NOT", "SELECT a FROM t WHERE NOT",
			"SELECT DISTINCT ON (a) b FROM t", "SELECT a FROM t NATURAL JOIN u", "SELECT a FROM t JOIN u USING (a)", "SELECT a FROM t TABLESAMPLE system (1)", "SELECT a FROM ONLY t",
			"CREATE INDEX i ON t (a) WHERE b = 1", "MERGE INTO t USING u ON t.a = 1 WHEN MATCHED THEN DELETE", "SET x = 5", "EXPLAIN SELECT a FROM t", "CALL p(1)", "BEGIN",
		}},
		{[]sqltext.Dialect{lite, pg}, []string{"SELECT a FROM t FORCE INDEX (x) WHERE b = 1", "SELECT a FROM t INDEXED BY x WHERE b = 1"}},
		{[]sqltext.Dialect{pg, my}, []string{"SELECT a FROM t WHERE b = X'00'", "INSERT INTO t (a) VALUES (X'00ff')"}},
		{[]sqltext.Dialect{lite}, []string{
			"SELECT a FROM t WHERE b = X'0'", "SELECT a FROM t WHERE b = X'0g'", "SELECT a FROM t WHERE b = 9223372036854775808",
			"SELECT a FROM t WHERE b = 1.2345678901234567", "SELECT a FROM t WHERE b = 0.0",
		}},
		{[]sqltext.Dialect{my}, []string{
			"SELECT a FROM t WHERE b = 1.5", `SELECT a FROM t WHERE b = "x"`, `SELECT a FROM t WHERE b = 'x\\'`, `SELECT a FROM t WHERE "b" = 'x'`, "SELECT a FROM t /*! WHERE b = 6 */",
			"SELECT a FROM t WHERE b = 5 # x", "SELECT a FROM t WHERE b = _utf8mb4'x'", "SELECT a FROM t WHERE b = BINARY 'x'", "SELECT a FROM t WHERE b = 18446744073709551615",
			"SELECT a FROM t WHERE b ILIKE 'x'", "SELECT a FROM t FORCE INDEX", "SELECT a FROM t USE INDEX () WHERE b = 1", "SELECT a FROM t FORCE INDEX FOR JOIN (x)", "INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = VALUES(a) + 1.5",
		}},
	} {
		for _, d := range c.dialects {
			for _, query := range c.queries {
				text, args := prepared.TextOf(d, query)
				assert.Empty(t, text, "%d: %s", d, query)
				assert.Empty(t, args, "%d: %s", d, query)
			}
		}
	}
}

func TestStatementsHaveABound(t *testing.T) {
	t.Parallel()
	list := func(values int) string {
		return "SELECT a FROM t WHERE b IN (0" + strings.Repeat(",1", values-1) + ")"
	}
	for _, d := range all {
		_, args := prepared.TextOf(d, list(256))
		assert.Len(t, args, 256)
		text, _ := prepared.TextOf(d, list(257))
		assert.Empty(t, text)
		text, _ = prepared.TextOf(d, "SELECT a FROM t WHERE b = '"+strings.Repeat("x", 8<<10)+"'")
		assert.Empty(t, text)
		text, _ = prepared.TextOf(d, "SELECT a FROM t WHERE "+strings.Repeat("(", 40)+"a"+strings.Repeat(")", 40))
		assert.Empty(t, text)
		text, _ = prepared.TextOf(d, "SELECT a FROM t WHERE "+strings.Repeat("EXISTS (SELECT a FROM t WHERE ", 40)+"a"+strings.Repeat(")", 40))
		assert.Empty(t, text)
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	for d, want := range map[sqltext.Dialect][]any{
		lite: {`it's \ `, int64(-5), int64(9223372036854775807), "", int64(1), 2.5, []byte{0, 0xff}},
		pg:   {`it's \ `, int64(-5), int64(9223372036854775807), "", true, "2.50"},
		my:   {"it's", int64(-5), int64(9223372036854775807), ""},
	} {
		query := "INSERT INTO t VALUES ('it''s"
		if d != my {
			query += ` \ `
		}
		query += "', -5, 9223372036854775807, '', TRUE"
		if d != my {
			query += ", 2.50"
		}
		if d == lite {
			query += ", X'00fF'"
		}
		_, args := prepared.TextOf(d, query+")")
		assert.Equal(t, want, args, "%d", d)
	}
}

// Whatever a text is, reading it ends, and what is recognised has as many
// placeholders as arguments.
func FuzzRecognise(f *testing.F) {
	for _, c := range recognised {
		f.Add(c.query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		for _, d := range all {
			text, args := prepared.TextOf(d, query)
			if text == "" {
				continue
			}
			placeholders := strings.Count(text, "?")
			if d == pg {
				placeholders = strings.Count(text, "$")
			}
			if placeholders < len(args) {
				t.Fatalf("%d: %q has not %d placeholders", d, text, len(args))
			}
			if again, _ := prepared.TextOf(d, text); len(args) > 0 && again != "" {
				t.Fatalf("%d: %q was recognised with placeholders", d, text)
			}
		}
	})
}

// BenchmarkRecognise is what a statement costs before it runs.
func BenchmarkRecognise(b *testing.B) {
	const query = `SELECT "n"."id", "n"."author", "n"."title", "n"."stars", "n"."created_at" FROM "notes" AS "n" WHERE (id > 7919) ORDER BY "n"."id" LIMIT 50`
	for _, d := range []sqltext.Dialect{lite, pg} {
		b.Run(strings.Repeat("I", int(d)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				prepared.Recognise(d, query).Release()
			}
		})
	}
}
