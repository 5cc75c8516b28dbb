package autogen

import (
	"testing"

	"github.com/openhands-go/server/dbmodule"
)

func TestReplaceIdent(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		engine     dbmodule.Engine
		text, want string
		found      bool
	}{
		"a word":                 {dbmodule.PostgreSQL, "old > 0 AND older > 0", "n`w > 0 AND older > 0", true},
		"in quotes":              {dbmodule.PostgreSQL, `"old" > 0`, "\"n`w\" > 0", true},
		"in backticks":           {dbmodule.MySQL, "`old` > 0", "`n``w` > 0", true},
		"in brackets":            {dbmodule.SQLite, "[old] > 0", "[n`w] > 0", true},
		"in a comment":           {dbmodule.SQLite, "a > 0 /* old */", "a > 0 /* old */", false},
		"in a string":            {dbmodule.PostgreSQL, `a <> 'it''s old' AND b <> '\'`, `a <> 'it''s old' AND b <> '\'`, false},
		"after a backslash":      {dbmodule.MySQL, `a <> 'it\'s old'`, `a <> 'it\'s old'`, false},
		"in double quotes":       {dbmodule.MySQL, `a <> "old"`, `a <> "old"`, false},
		"in a string of E":       {dbmodule.PostgreSQL, `a <> E'it\'s old'`, `a <> E'it\'s old'`, false},
		"a quote without an end": {dbmodule.SQLite, "old <> 'old", "n`w <> 'old", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, found := replaceIdent(tt.engine, tt.text, "old", "n`w")
			if got != tt.want || found != tt.found {
				t.Errorf("%s, %t; want %s, %t", got, found, tt.want, tt.found)
			}
		})
	}
}

func TestSQLiteTexts(t *testing.T) {
	t.Parallel()
	const table = "CREATE TABLE t (a int CHECK (a IN (1, 2)), [b c] int AS (a + (1)) STORED, `d` AS ('x)') , e text DEFAULT 'AS (1)')"
	for column, want := range map[string]string{"B C": "(a + (1))", "d": "('x)')", "a": "", "e": "", "f": ""} {
		if got, ok := sqliteGenerated(table, column); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %t", column, got, ok)
		}
	}
	const index = "CREATE INDEX i ON t (a COLLATE nocase, (b = 'where')) WHERE a > 0 /* c */ AND b"
	if got, ok := sqliteCondition(index); got != "a > 0 /* c */ AND b" || !ok {
		t.Errorf("condition %q, %t", got, ok)
	}
	if _, ok := sqliteCondition("CREATE INDEX i ON t (a, (b = 'where'))"); ok {
		t.Error("an index without a condition has one")
	}
	if !sqliteCollates(index) || sqliteCollates("CREATE INDEX i ON t (a, \"collate\") WHERE a COLLATE nocase > 'b'") {
		t.Error("a collation counts only in the list of columns")
	}
}
