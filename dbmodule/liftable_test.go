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

	// comments and quotes
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
