package sqltext_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

var dialects = []sqltext.Dialect{sqltext.SQLite, sqltext.PostgreSQL, sqltext.MySQL}

func TestFirstWord(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"SELECT 1": "SELECT", " \n select 1": "select", "((SELECT 1))": "SELECT", "/* it's */ UPDATE t": "UPDATE",
		"-- it's\nDELETE": "DELETE", "": "", "'SELECT'": "", ";": "", "INSERT": "INSERT",
		"SELECT'a'": "SELECT",
	} {
		for _, d := range dialects {
			assert.Equal(t, want, sqltext.FirstWord(d, text), "%d: %s", d, text)
		}
	}
	assert.Equal(t, "SELECT", sqltext.FirstWord(sqltext.MySQL, "# it's\nSELECT"))
	assert.Equal(t, "SELECT", sqltext.FirstWord(sqltext.SQLite, "\ufeffSELECT"))
}

func TestPlainSelect(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"SELECT 1": true, "select a\nFROM t": true, "SELECT(1)": true, "SELECT * FROM t;": true, `SELECT "for" FROM t`: true,
		"SELECT ' for update' FROM t": true, "SELECT a /* for update */ FROM t": true, "SELECT formula, lockers, into_x FROM t": true,
		"SELECTED": false, "WITH a AS (SELECT 1) SELECT 1": false, "UPDATE t SET a = 1": false, "SELECT": false, "": false,
		"SELECT a FROM t FOR UPDATE": false, "SELECT a FROM t\nFOR\tSHARE": false, "SELECT a FROM t WHERE (a = 1)FOR UPDATE": false,
		"SELECT a FROM t LOCK IN SHARE MODE": false, "SELECT a INTO u FROM t": false, "SELECT 1; DELETE FROM t": false,
		"SELECT a FROM t/**/FOR UPDATE": false,
	} {
		for _, d := range dialects {
			assert.Equal(t, want, sqltext.PlainSelect(d, text), "%d: %s", d, text)
		}
	}
	for text, where := range map[string]sqltext.Dialect{
		"SELECT set_config('a', 'b', true)": sqltext.PostgreSQL, "select a, pg_catalog.SET_CONFIG('a', 'b', false)": sqltext.PostgreSQL,
		`SELECT "set_config"('a', 'b', false)`: sqltext.PostgreSQL, "SELECT @a := 1": sqltext.MySQL, "SELECT @a:=1": sqltext.MySQL,
	} {
		assert.False(t, sqltext.PlainSelect(where, text), text)
	}
	assert.True(t, sqltext.PlainSelect(sqltext.PostgreSQL, "SELECT set_config FROM t"))
}

func TestSavepointOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		verb sqltext.Savepoint
		name string
	}{
		"SAVEPOINT a": {sqltext.Set, "a"}, "savepoint A;": {sqltext.Set, "a"}, `SAVEPOINT "a b"`: {sqltext.Set, "a b"},
		"/* x */ SAVEPOINT a -- b": {sqltext.Set, "a"}, "SAVEPOINT'a'": {sqltext.Set, "a"}, "RELEASE a": {sqltext.Release, "a"}, "RELEASE SAVEPOINT a": {sqltext.Release, "a"},
		"ROLLBACK TO a": {sqltext.RollbackTo, "a"}, "ROLLBACK WORK TO SAVEPOINT a": {sqltext.RollbackTo, "a"},
		"rollback transaction to\nsavepoint a ;": {sqltext.RollbackTo, "a"},
		"ROLLBACK":                               {}, "SAVEPOINT": {}, "SELECT 'SAVEPOINT a'": {}, "": {}, "ROLLBACK TO": {},
	} {
		for _, d := range dialects {
			verb, name := sqltext.SavepointOf(d, text)
			assert.Equal(t, want.verb, verb, "%d: %s", d, text)
			assert.Equal(t, want.name, name, "%d: %s", d, text)
		}
	}
	for d, want := range map[sqltext.Dialect]string{sqltext.SQLite: "a", sqltext.PostgreSQL: "A", sqltext.MySQL: "a"} {
		_, name := sqltext.SavepointOf(d, `SAVEPOINT "A"`)
		assert.Equal(t, want, name, "%d", d)
	}
}

func TestEndsTransaction(t *testing.T) {
	t.Parallel()
	pg, my, lite := sqltext.PostgreSQL, sqltext.MySQL, sqltext.SQLite
	none := ""
	for text, wants := range map[string]map[sqltext.Dialect]string{
		"COMMIT":                                 {pg: "COMMIT", my: "COMMIT", lite: "COMMIT"},
		"rollback work and chain":                {pg: "ROLLBACK", my: "ROLLBACK"},
		"ROLLBACK":                               {pg: "ROLLBACK", my: "ROLLBACK", lite: "ROLLBACK"},
		" end transaction":                       {pg: "END", my: none, lite: "END"},
		"rollback transaction;":                  {pg: "ROLLBACK", lite: "ROLLBACK"},
		"abort":                                  {pg: "ABORT", my: none, lite: none},
		"PREPARE TRANSACTION 'a'":                {pg: "PREPARE TRANSACTION"},
		"PREPARE a AS SELECT 1":                  {pg: none},
		"PREPARE a FROM 'COMMIT'":                {my: none},
		"BEGIN":                                  {pg: none, my: "BEGIN", lite: none},
		"START TRANSACTION READ ONLY":            {pg: none, my: "START TRANSACTION"},
		"START SLAVE":                            {my: none},
		"/*!40101 COMMIT */":                     {my: "COMMIT"},
		"BEGIN NOT ATOMIC SELECT 1; END":         {my: none},
		"BEGIN NOT ATOMIC SELECT 1; COMMIT; END": {my: "COMMIT"},
		"IF 1 THEN SELECT 1; END IF":             {my: none},
		"\ufeffCOMMIT":                           {lite: "COMMIT"},
		"-- x\nCOMMIT":                           {pg: "COMMIT", my: "COMMIT", lite: "COMMIT"},
		"INSERT INTO t VALUES (1);COMMIT":        {pg: "COMMIT", my: "COMMIT", lite: "COMMIT"},
		"/* ; */ COMMIT":                         {pg: "COMMIT", my: "COMMIT", lite: "COMMIT"},
		"ROLLBACK TO a":                          {pg: none, my: none, lite: none},
		"ROLLBACK TRANSACTION TO a":              {pg: none, lite: none},
		"SELECT ';COMMIT'":                       {pg: none, my: none, lite: none},
		"SELECT 1":                               {pg: none, my: none, lite: none},
		"":                                       {pg: none, my: none, lite: none},
		"COMMITTED":                              {pg: none, my: none, lite: none},
		"DO $$ BEGIN COMMIT; END $$":             {pg: none},
		"CREATE TABLE a (b INTEGER); END":        {pg: "END", lite: "END"},
		"SAVEPOINT a; RELEASE a; SELECT 1;":      {pg: none, my: none, lite: none},
		"CREATE PROCEDURE p() BEGIN INSERT INTO t VALUES (1); COMMIT; END":              {my: none},
		"CREATE FUNCTION f() RETURNS integer BEGIN ATOMIC SELECT 1; END":                {pg: none},
		"CREATE TRIGGER a AFTER INSERT ON t BEGIN UPDATE t SET a = 1; END":              {lite: none},
		"CREATE TEMP TRIGGER a AFTER INSERT ON t BEGIN UPDATE t SET a = 1; END; COMMIT": {lite: "COMMIT"},
	} {
		for d, want := range wants {
			assert.Equal(t, want, sqltext.EndsTransaction(d, text), "%d: %s", d, text)
		}
	}
}

const (
	ddl      = sqltext.Schema
	settings = sqltext.Settings
	local    = sqltext.LocalSettings
	unknown  = sqltext.Unknown
)

func TestEffectsOf(t *testing.T) {
	t.Parallel()
	pg, my, lite := sqltext.PostgreSQL, sqltext.MySQL, sqltext.SQLite
	for _, test := range []struct {
		want     sqltext.Effects
		dialects []sqltext.Dialect
		texts    []string
	}{
		{0, dialects, []string{
			"", ";", "SELECT 1", "SELECT count(*) FROM t", "INSERT INTO set_config (a, b) VALUES (1, 2)", "SELECT 'SET x = 1; DROP TABLE t'",
			"WITH w(a) AS (SELECT 1) UPDATE t SET a = lower(b) WHERE (c IN (1, 2))", "BEGIN", "COMMIT", "SAVEPOINT a",
			`SELECT "a"."b", coalesce(max(c), 0) FROM "t" AS "t" JOIN (SELECT 1) AS u (x) ON (TRUE) WHERE EXISTS (SELECT 1)`,
			`INSERT INTO s.t (a) SELECT 1`, `WITH w AS (SELECT 1) INSERT INTO "s"."t" ("a") SELECT 1`, "SELECT t.*, lower(a) FROM s.t JOIN s.u (x) ON (TRUE)",
			"INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2", "(SELECT 1) UNION (SELECT 2)", "SELECT a FROM (VALUES (1)) v (a)", "DELETE FROM t /* ; SET x = 1 */",
		}},
		{ddl, dialects, []string{
			"CREATE TABLE t (a INTEGER)", "create unique index i on t (a)", "ALTER TABLE t ADD COLUMN a INTEGER", "DROP TABLE t", "TRUNCATE TABLE t",
			"SELECT 1; DROP TABLE t", "-- x\nCREATE TABLE t (a INTEGER)", "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN SET @a = 1; SET @b = 2; END",
		}},
		{settings, dialects, []string{"CREATE TEMP TABLE t (a INTEGER)", "CREATE TEMPORARY TABLE t AS SELECT 1", "SELECT 1; CREATE TEMP TABLE t (a INTEGER)"}},
		{settings, []sqltext.Dialect{lite}, []string{
			"PRAGMA foreign_keys = off", "PRAGMA foreign_keys(0)", "PRAGMA main.foreign_keys = 0", "ATTACH 'x' AS y", "DETACH y", "CREATE TABLE temp.t (a INTEGER)",
		}},
		{0, []sqltext.Dialect{lite}, []string{"PRAGMA foreign_keys", "PRAGMA foreign_keys;", "PRAGMA table_info(t)", "PRAGMA main.user_version", "SELECT anything(1)"}},
		{settings, []sqltext.Dialect{pg}, []string{
			"SET x = 1", "SET SESSION x TO 1", "set time zone 'UTC'", "SET ROLE a", "RESET ALL", "DISCARD ALL", "DEALLOCATE ALL", "PREPARE a AS SELECT 1", "LISTEN a",
			"SELECT set_config('a', 'b', false)", "SELECT pg_catalog.set_config('a', lower(b, true), false), true", `SELECT "set_config"('a', 'b', $1)`,
			"SELECT set_config('a', 'b', true), set_config('a', 'b', false)", "SELECT 1; SET x = 1", "CREATE TABLE pg_temp.t (a INTEGER)",
			"SELECT a, b, c, d, e, f, g, h, i, set_config(a, b, c) FROM t", "LOAD 'x'",
			"SELECT pg_advisory_lock(1)", "SELECT pg_try_advisory_lock_shared(1, 2)", "DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT 1",
		}},
		{local, []sqltext.Dialect{pg}, []string{
			"SET LOCAL x = 1", "set local time zone 'UTC'", "SET TRANSACTION READ ONLY", "SELECT set_config('a', 'b', true)", "SELECT set_config('a', lower('b'), TRUE)",
			"CREATE TEMP TABLE t (a INTEGER) ON COMMIT DROP", "BEGIN; SET LOCAL x = 1",
		}},
		{0, []sqltext.Dialect{pg}, []string{
			"SET LOCAL plan_cache_mode = force_custom_plan", `SELECT "set_config" FROM t`, "SELECT pg_advisory_xact_lock_shared(1)", "SELECT pg_advisory_unlock(1)",
			"DECLARE c CURSOR FOR SELECT 1", "DECLARE c CURSOR WITHOUT HOLD FOR WITH hold AS (SELECT 1) SELECT * FROM hold",
		}},
		{ddl | settings, []sqltext.Dialect{pg}, []string{"SELECT a INTO TEMP u FROM t"}},
		{unknown, []sqltext.Dialect{pg, my}, []string{"DO $$x$$", "SELECT use_tenant(1)", "SELECT a.lower_it(b) FROM t", "SELECT t.* FROM f(1)", "INSERT INTO s.t SELECT f(1)"}},
		{unknown, []sqltext.Dialect{pg}, []string{"CALL p()", "EXECUTE a"}},
		{unknown | settings, []sqltext.Dialect{my}, []string{
			"CALL p()", "EXECUTE a", "EXECUTE IMMEDIATE 'SET @a = 1'", "SELECT a INTO @a FROM t", "HANDLER t OPEN", "LOCK TABLES t WRITE", "FLUSH TABLES WITH READ LOCK", "DO f(@a := 1)",
			"XA START 'a'", "DO GET_LOCK('a', 1)",
		}},
		{settings, []sqltext.Dialect{my}, []string{"SET x = 1", "SET SESSION x = 1", "SET @a = 1", "SET NAMES utf8", "USE d", "SELECT @a := 1", "SET LOCAL x = 1", "SELECT get_lock('a', 1)"}},
		{0, []sqltext.Dialect{my}, []string{
			"SET STATEMENT max_statement_time = 1 FOR SELECT 1", "LOAD DATA INFILE 'x' INTO TABLE t", "SELECT /*! SQL_NO_CACHE */ 1", "SELECT 1 /* SET x = 1 */",
			"SET STATEMENT max_statement_time = length(substring('a' FROM 1 FOR 1)) FOR SELECT 1",
		}},
		{settings, []sqltext.Dialect{my}, []string{
			"/*!40101 SET NAMES utf8 */", "/*M!100100 SET x = 1 */;", "/*! SET x=1*/", "SELECT 1; /*!40101 SET /* in it */ x = 1 */", "SELECT 1*/*!40101 2*/; SET x = 1",
			"SET STATEMENT max_statement_time = 1 FOR SET x = 1",
		}},
		{ddl, []sqltext.Dialect{my}, []string{
			"SET STATEMENT a = 1, b = 'FOR' FOR ALTER TABLE t ADD COLUMN a INTEGER", "CREATE /*!50013 DEFINER=a@b */ VIEW v AS SELECT 1",
			"/*!50001 CREATE*/ /*!50013 DEFINER=a@b */ /*!50001 VIEW v AS SELECT 1*/",
		}},
		{unknown | settings, []sqltext.Dialect{my}, []string{
			"SET STATEMENT a = 1 FOR CALL p()", "BEGIN NOT ATOMIC SET x = 1; END", "IF 1 THEN SET x = 1; END IF", "CASE 1 WHEN 1 THEN SET x = 1; END CASE",
			"WHILE @a DO SET x = 1; END WHILE", "FOR i IN 1..2 DO SET x = 1; END FOR", "REPEAT SET x = 1; UNTIL 1 END REPEAT", "LOOP SET x = 1; END LOOP",
		}},
		{ddl | unknown | settings, []sqltext.Dialect{my}, []string{"IF 1 THEN CREATE TABLE t (a INTEGER); END IF", "BEGIN NOT ATOMIC DROP TABLE t; END"}},
	} {
		for _, d := range test.dialects {
			for _, text := range test.texts {
				assert.Equal(t, test.want, sqltext.EffectsOf(d, text), "%d: %s", d, text)
			}
		}
	}
}

func TestCommitsFirst(t *testing.T) {
	t.Parallel()
	for want, texts := range map[bool][]string{
		true: {
			"CREATE TABLE t (a INTEGER)", "SELECT 1; DROP TABLE t", "ANALYZE TABLE t", "OPTIMIZE LOCAL TABLE t", "CHECK TABLES t", "LOCK TABLES t WRITE", "BEGIN",
			"START TRANSACTION", "FLUSH TABLES", "/*!40101 LOCK TABLES t READ */", "SET STATEMENT a = 1 FOR ALTER TABLE t ADD COLUMN a INTEGER",
		},
		false: {"SELECT 1", "ANALYZE SELECT 1", "ANALYZE FORMAT=JSON SELECT * FROM t", "BEGIN NOT ATOMIC SELECT 1; END", "CALL p()", "INSERT INTO t VALUES (1)", "SET x = 1", "SAVEPOINT a", ""},
	} {
		for _, text := range texts {
			assert.Equal(t, want, sqltext.CommitsFirst(text), text)
		}
	}
}

// Whatever a text is, reading it ends, and its tokens are its parts in order.
func FuzzReader(f *testing.F) {
	for _, text := range []string{"SELECT 'a' -- b\n", "$a$ x $a$ $1 /* /* */", "[x] `y` \"z\" E'\\'' 1e+5 .5 @v :w ::t", "\ufeffa\x00", "/*!40101 a */ b */* /* c */ */"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, d := range dialects {
			r := sqltext.NewReader(d, text)
			end := 0
			for token := r.Next(); token.Kind != sqltext.End; token = r.Next() {
				if token.From < end || token.To <= token.From || strings.Trim(text[end:token.From], " \t\n\v\f\r\ufeff") != "" {
					t.Fatalf("%d: %q: token %+v after %d", d, text, token, end)
				}
				end = token.To
			}
			sqltext.EffectsOf(d, text)
			sqltext.Masked(d, text, 100)
			sqltext.EndsTransaction(d, text)
			sqltext.SavepointOf(d, text)
		}
	})
}
