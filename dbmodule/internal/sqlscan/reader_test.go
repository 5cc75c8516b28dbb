package sqlscan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
)

func TestReader(t *testing.T) {
	t.Parallel()
	r := sqlscan.MySQL.Read("ALTER TABLE `t`, u")
	if r.Accept("ALTER", "VIEW") || r.Accept("TABLE") || r.At != 0 {
		t.Error("it read words that do not come")
	}
	if !r.ComesOneOf("DROP", "ALTER") || r.At != 0 || !r.Accept("alter", "table") {
		t.Error("it did not see the words that come")
	}
	if name := r.Any().Text; name != "`t`" {
		t.Error(name)
	}
	if r.Accept(".") || !r.Accept(",") || r.Ended() {
		t.Error("the comma comes, and one more name")
	}
	if r.Any().Text != "u" || !r.Ended() || r.Any().Text != "" || r.ComesOneOf("u") || r.Accept("u") || r.Accept(",") {
		t.Error("nothing comes after the end")
	}
}

func TestSkipClause(t *testing.T) {
	t.Parallel()
	r := sqlscan.PostgreSQL.Read("ADD a numeric(10, 2) DEFAULT x[1, 2], ADD b int) REST")
	r.SkipClause()
	if !r.Comes("ADD", "b") {
		t.Errorf("after the first clause comes %q", r.Rest())
	}
	from := r.At
	r.SkipClause()
	if got := r.TextFrom(from); got != "ADD b int)" || r.Rest() != "REST" {
		t.Errorf("the second clause is %q, and then comes %q", got, r.Rest())
	}
	r.SkipClause()
	if !r.Ended() || r.Rest() != "" {
		t.Errorf("%q is left", r.Rest())
	}
}

func TestClauses(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		"":                            {""},
		"a":                           {"a"},
		"a b, c":                      {"a b", "c"},
		"f(a, g(b, c)), d, ":          {"f ( a , g ( b , c ) )", "d", ""},
		"`a,b` = ',', c -- d, e\n, f": {"`a,b` = ','", "c", "f"},
	}
	for text, want := range tests {
		var got []string
		for _, clause := range sqlscan.Clauses(sqlscan.MySQL.Tokens(text)) {
			words := make([]string, len(clause))
			for i, token := range clause {
				words[i] = token.Text
			}
			got = append(got, strings.Join(words, " "))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		dialect              *sqlscan.Dialect
		text, want, postgres string
	}{
		"a word":           {sqlscan.PostgreSQL, `Ab`, `Ab`, `ab`},
		"a quoted name":    {sqlscan.PostgreSQL, `"A""b"`, `A"b`, `A"b`},
		"backticks":        {sqlscan.MySQL, "`A``b`", "A`b", "A`b"},
		"brackets":         {sqlscan.SQLite, "[A b]", "A b", "A b"},
		"a string":         {sqlscan.SQLite, "'A''b'", "A'b", "'a''b'"},
		"bytes":            {sqlscan.SQLite, "x'00'", "x'00'", "x'00'"},
		"dollars":          {sqlscan.PostgreSQL, "$$a$$", "$$a$$", "$$a$$"},
		"nothing in it":    {sqlscan.MySQL, "``", "", ""},
		"only parentheses": {sqlscan.MySQL, "(", "(", "("},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tokens := tt.dialect.Tokens(tt.text)
			if len(tokens) != 1 {
				t.Fatalf("%d tokens", len(tokens))
			}
			if got := tokens[0].Unquoted(); got != tt.want {
				t.Errorf("unquoted: %q, want %q", got, tt.want)
			}
			if got := tokens[0].PostgresName(); got != tt.postgres {
				t.Errorf("PostgreSQL stores %q, want %q", got, tt.postgres)
			}
		})
	}
}

func TestClosing(t *testing.T) {
	t.Parallel()
	tokens := sqlscan.SQLite.Tokens("t (a, [b)], (c) ')') d")
	for i, want := range map[int]int{0: 0, 1: 10, 6: 8} {
		if got := sqlscan.Closing(tokens, i); got != want {
			t.Errorf("%d: %d, want %d", i, got, want)
		}
	}
	if got := sqlscan.Closing(tokens[:5], 1); got != 5 {
		t.Errorf("a parenthesis without an end: %d", got)
	}
}

func TestHasLineComment(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		dialect *sqlscan.Dialect
		text    string
		want    bool
	}{
		"two hyphens":             {sqlscan.SQLite, "a > 0 -- b", true},
		"in a string":             {sqlscan.SQLite, "a > '-- b'", false},
		"in a comment":            {sqlscan.PostgreSQL, "a > 0 /* -- b */", false},
		"hyphens that only count": {sqlscan.MySQL, "a > 0--1", false},
		"a hash":                  {sqlscan.MySQL, "a > 0 # b", true},
		"a hash elsewhere":        {sqlscan.PostgreSQL, "a # 1 > 0", false},
		"a quote without an end":  {sqlscan.MySQL, "a > 'b", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := tt.dialect.HasLineComment(tt.text); got != tt.want {
				t.Errorf("%q: %t", tt.text, got)
			}
		})
	}
}

func TestOutline(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		dialect    *sqlscan.Dialect
		text, want string
	}{
		{sqlscan.PostgreSQL, "DROP  TABLE\n\"a b\" -- it's old", "DROP  TABLE\n\"a b\""},
		{sqlscan.PostgreSQL, "DROP/* a /* b */ c */TABLE t", "DROP TABLE t"},
		{sqlscan.PostgreSQL, `SET a = E'it\'s', b = $x$ DROP $x$, c = ''`, "SET a = '', b = '', c = ''"},
		{sqlscan.PostgreSQL, "ALTER TABLE größe", "ALTER TABLE größe"},
		{sqlscan.MySQL, "/*!40101 SET a = 'b' */ # c", "SET a = ''"},
		{sqlscan.SQLite, "", ""},
		{sqlscan.SQLite, "-- a", ""},
	} {
		if got := tt.dialect.Outline(tt.text); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.text, got, tt.want)
		}
	}
}
