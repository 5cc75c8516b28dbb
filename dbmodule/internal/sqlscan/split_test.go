package sqlscan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
)

var dialects = map[string]*sqlscan.Dialect{"sqlite": sqlscan.SQLite, "postgresql": sqlscan.PostgreSQL, "mysql": sqlscan.MySQL}

// Each case is the text of a file, whose statements "|" ends, and what ends
// it there.
func TestSplit(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ dialect, text string }{
		"quotes":                  {"sqlite", "SELECT ';', \"a;\"\";\", `b;`, [c;]|SELECT 'it''s;'|"},
		"comments":                {"sqlite", "SELECT 1 -- a; '\n, 2 /* ; */|SELECT 3|"},
		"a trigger":               {"sqlite", "CREATE TEMP TRIGGER a AFTER INSERT ON b BEGIN SELECT CASE WHEN 1 THEN 2 END; UPDATE b SET x = 1; END|SELECT 1|"},
		"a trigger's name":        {"sqlite", "CREATE TABLE trigger_log (x)|SELECT 1|"},
		"no nesting":              {"sqlite", "SELECT 1 /* /* */|SELECT 2|"},
		"E strings":               {"postgresql", `SELECT E'\'', 1|SELECT e'it\'s;', 'x\'|SELECT E'a\\'|SELECT E'a' ` + "\n" + `'\';'|`},
		"no E string":             {"postgresql", `SELECT 'a\'|SELECT fooe'a\'|SELECT U&'\'|`},
		"dollars":                 {"postgresql", "SELECT $$a;$$, $x$ ; $$ ; $x$|SELECT a$b$, 1|SELECT $1|"},
		"nested comments":         {"postgresql", "SELECT /* a /* b; */ c; */ 1|SELECT /*/**//**/*/ 2|SELECT /* /* /* ; */ */ ; */ 3|"},
		"parentheses":             {"postgresql", "CREATE RULE r AS ON INSERT TO a DO ALSO (DELETE FROM b; DELETE FROM c)|SELECT 1|"},
		"begin atomic":            {"postgresql", "CREATE OR REPLACE FUNCTION f(a int) RETURNS int LANGUAGE SQL BEGIN ATOMIC SELECT CASE WHEN a = 1 THEN 2 END; SELECT 3; END|SELECT 1|"},
		"backslashes":             {"mysql", `SELECT 'a\';', "b\";", ` + "`c\\`" + `|SELECT 2|`},
		"MySQL's comments":        {"mysql", "SELECT 1 # a;\n, 2 -- b;\n, 5--3|SELECT 4 /* ; */|"},
		"comments that run":       {"mysql", "/*!50001 CREATE VIEW v AS SELECT ';', '*/' */|/*M!100100 SELECT 1; */|/*! SELECT 1 */|SELECT /*!999999 2, */ 3|"},
		"a procedure":             {"mysql", "CREATE DEFINER=`a`@`b` PROCEDURE p(x INT)\nBEGIN\nIF x > 1 THEN SELECT 1; ELSEIF (x) THEN SELECT IF(x, 2, 3); END IF;\nWHILE x < 5 DO SET x = x + 1; END WHILE; l: LOOP LEAVE l; END LOOP;\nREPEAT SET x = REPEAT('a', 2); UNTIL x END REPEAT;\nCASE x WHEN 1 THEN SELECT CASE WHEN 2 THEN 3 END; END CASE;\nFOR i IN 1..3 DO SELECT i; END FOR; DROP TABLE IF EXISTS y; BEGIN SELECT 1; END;\nEND|SELECT 1|"},
		"handlers":                {"mysql", "CREATE PROCEDURE p()\nBEGIN\nDECLARE done INT;\nDECLARE CONTINUE HANDLER FOR NOT FOUND SET done = 1;\nDECLARE EXIT HANDLER FOR SQLEXCEPTION, 1062, SQLSTATE '42S02' BEGIN SELECT IF(1, 2, 3); ROLLBACK; END;\nDECLARE EXIT HANDLER FOR named IF done THEN SELECT 1; END IF;\nSELECT 2;\nEND|SELECT 1|"},
		"a function":              {"mysql", "CREATE FUNCTION f(a INT) RETURNS INT DETERMINISTIC RETURN IF(a, 1, 2)|SELECT 1|"},
		"programs without BEGIN":  {"mysql", "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW IF new.b IS NULL THEN SET new.b = 1; END IF|CREATE PROCEDURE IF NOT EXISTS p() SELECT 1|CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM a|"},
		"a program in a comment":  {"mysql", "/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN SET new.b = 1; SET new.c = 2; END */|SELECT 1|"},
		"a compound statement":    {"mysql", "BEGIN NOT ATOMIC SELECT 1; SELECT 2; END|SELECT 1|"},
		"tables named like words": {"mysql", "CREATE TABLE event (begin INT)|CREATE TABLE a AS SELECT 1|INSERT INTO `begin` VALUES (1)|"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dialect := dialects[test.dialect]
			want := strings.Split(strings.TrimSuffix(test.text, "|"), "|")
			found, err := dialect.Split(strings.Join(want, ";\n") + ";\n")
			if err != nil {
				t.Fatal(err)
			}
			if got := texts(found); !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			var written string
			for _, statement := range want {
				written += dialect.Delimited(statement)
			}
			again, err := dialect.Split(written)
			if got := texts(again); err != nil || !slices.Equal(got, want) {
				t.Errorf("written and read again: %v, %q", err, got)
			}
		})
	}
}

func texts(statements []sqlscan.Statement) []string {
	var texts []string
	for _, s := range statements {
		texts = append(texts, s.Text)
	}
	return texts
}

func TestSplitDelimiter(t *testing.T) {
	t.Parallel()
	text := "SELECT 1;\nDELIMITER ;;\nCREATE TRIGGER a BEFORE INSERT ON b FOR EACH ROW BEGIN SET new.c = ';;'; END ;;\ndelimiter $$\nSELECT 2; SELECT 3 END$$\nSELECT 4\n$$ DELIMITER ; \nSELECT 5"
	found, err := sqlscan.MySQL.Split(text)
	want := []string{"SELECT 1", "CREATE TRIGGER a BEFORE INSERT ON b FOR EACH ROW BEGIN SET new.c = ';;'; END", "SELECT 2; SELECT 3 END", "SELECT 4", "SELECT 5"}
	if got := texts(found); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v: %q", err, got)
	}
	if found[3].Line != 6 {
		t.Errorf("line %d", found[3].Line)
	}
}

func TestComments(t *testing.T) {
	t.Parallel()
	found, err := sqlscan.SQLite.Split("-- a\n\n-- b\n/* c */ SELECT 1 -- d\n;\n-- e\n\nSELECT 2; -- f\nSELECT 3;\n-- g")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]string{{"-- b\n", "/* c */"}, nil, {"-- f\n"}} {
		if got := found[i].Comments; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", found[i].Text, got, want)
		}
	}
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"sqlite|SELECT 1;\nSELECT 'a":      "line 2: a quote ' has no end",
		"sqlite|SELECT [a":                 "line 1: a quote [ has no end",
		"mysql|SELECT 1;\n\n/*!50001 a":    "line 3: a comment /*! has no end",
		"mysql|SELECT 'a\\'":               "line 1: a quote ' has no end",
		"mysql|DELIMITER \nx":              "line 1: DELIMITER names no delimiter",
		"postgresql|/* a /* b */ SELECT 1": "line 1: a comment /* has no end",
		"postgresql|SELECT $a$ b $$":       "line 1: a quote $a$ has no end",
		"postgresql|SELECT 1;\n\\c other":  `line 2: \c is a command of psql, not SQL: remove the line`,
	} {
		name, text, _ := strings.Cut(text, "|")
		if _, err := dialects[name].Split(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		dialect *sqlscan.Dialect
		text    string
		want    []string
	}{
		"a comment that runs": {sqlscan.MySQL, "/*!50001 SELECT*/ @a/* x */, `b`, 'c''d' # e", []string{"SELECT", "@", "a", ",", "`b`", ",", "'c''d'"}},
		"numbers":             {sqlscan.MySQL, "1.5, -.5e-3 t1.a 1a.b 10..20", []string{"1.5", ",", "-", ".5e-3", "t1", ".", "a", "1a", ".", "b", "10.", ".20"}},
		"prefixes of MySQL":   {sqlscan.MySQL, `b'01' x'0f' N'a\'b' _utf8mb4'c\'d' e'f'`, []string{"b'01'", "x'0f'", `N'a\'b'`, `_utf8mb4'c\'d'`, "e", "'f'"}},
		"prefixes of SQLite":  {sqlscan.SQLite, `X'00' _a'b\'`, []string{"X'00'", "_a", `'b\'`}},
		"of PostgreSQL":       {sqlscan.PostgreSQL, `E'a\'b' B'01' _a'b\'`, []string{`E'a\'b'`, "B'01'", "_a", `'b\'`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, token := range tt.dialect.Tokens(tt.text) {
				got = append(got, token.Text)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
