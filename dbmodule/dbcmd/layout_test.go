package dbcmd_test

import (
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbcmd"
)

func TestLayOut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 80)
	for name, test := range map[string]struct {
		engine          dbmodule.Engine
		statement, want string
	}{
		"columns": {
			dbmodule.PostgreSQL,
			`CREATE TABLE "` + long + `" ("id" bigint NOT NULL, "price" numeric(10, 2) DEFAULT 1, PRIMARY KEY ("id", "price"))`,
			`CREATE TABLE "` + long + "\" (\n  \"id\" bigint NOT NULL,\n  \"price\" numeric(10, 2) DEFAULT 1,\n  PRIMARY KEY (\"id\", \"price\")\n)",
		},
		"options after the columns": {
			dbmodule.MySQL,
			"CREATE TABLE `" + long + "` (`a` int, `b` int) CHARSET utf8mb4, COMMENT \"a (b), c\"",
			"CREATE TABLE `" + long + "` (\n  `a` int,\n  `b` int\n) CHARSET utf8mb4, COMMENT \"a (b), c\"",
		},
		"commas and parentheses in texts": {
			dbmodule.SQLite,
			"CREATE TABLE `" + long + "` (`a, (` text DEFAULT 'it''s, (', `b` int)",
			"CREATE TABLE `" + long + "` (\n  `a, (` text DEFAULT 'it''s, (',\n  `b` int\n)",
		},
		"backslash on MySQL": {
			dbmodule.MySQL,
			"CREATE TABLE `" + long + `` + "` (`a` text DEFAULT 'it\\', (', `b` int)",
			"CREATE TABLE `" + long + `` + "` (\n  `a` text DEFAULT 'it\\', (',\n  `b` int\n)",
		},
		"backslash is a character elsewhere": {
			dbmodule.PostgreSQL,
			`CREATE TABLE "` + long + `" ("a" text DEFAULT '\', "b" int)`,
			`CREATE TABLE "` + long + "\" (\n  \"a\" text DEFAULT '\\',\n  \"b\" int\n)",
		},
		"backslash in an escape text": {
			dbmodule.PostgreSQL,
			`CREATE TABLE "` + long + `" ("a" text DEFAULT E'\', (', "b" int)`,
			`CREATE TABLE "` + long + "\" (\n  \"a\" text DEFAULT E'\\', (',\n  \"b\" int\n)",
		},
		"short":        {dbmodule.SQLite, "CREATE TABLE a (b int, c int)", "CREATE TABLE a (b int, c int)"},
		"other":        {dbmodule.SQLite, "CREATE INDEX " + long + " ON a (b, c)", "CREATE INDEX " + long + " ON a (b, c)"},
		"dollars":      {dbmodule.PostgreSQL, "CREATE TABLE " + long + " (a text DEFAULT $$, ($$, b int)", "CREATE TABLE " + long + " (\n  a text DEFAULT $$, ($$,\n  b int\n)"},
		"comment":      {dbmodule.SQLite, "CREATE TABLE " + long + " (a int /* , ( */, b int)", "CREATE TABLE " + long + " (\n  a int /* , ( */,\n  b int\n)"},
		"brackets":     {dbmodule.SQLite, "CREATE TABLE " + long + " ([a,] int, b int)", "CREATE TABLE " + long + " (\n  [a,] int,\n  b int\n)"},
		"no columns":   {dbmodule.SQLite, "CREATE TABLE " + long + " AS SELECT 1", "CREATE TABLE " + long + " AS SELECT 1"},
		"open quote":   {dbmodule.SQLite, "CREATE TABLE " + long + " (a text DEFAULT 'b, c)", "CREATE TABLE " + long + " (a text DEFAULT 'b, c)"},
		"unbalanced":   {dbmodule.SQLite, "CREATE TABLE " + long + " )a int(", "CREATE TABLE " + long + " )a int("},
		"several rows": {dbmodule.SQLite, "CREATE TABLE " + long + " (a int,\nb int)", "CREATE TABLE " + long + " (a int,\nb int)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := dbcmd.LayOut(test.engine, test.statement); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestSlug(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]string{
		"create books":       "create_books",
		"  Add: Ümläut, 2! ": "add_ümläut_2",
		"":                   "",
		"!?":                 "",
		"one two three four five six seven eight nine": "one_two_three_four_five_six_seven_eight",
		strings.Repeat("ü", 30):                        strings.Repeat("ü", 20),
		"a/../b":                                       "a_b",
	} {
		if got := dbcmd.Slug(message); got != want {
			t.Errorf("slug(%q) = %q, want %q", message, got, want)
		}
	}
}
