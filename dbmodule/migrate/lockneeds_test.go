package migrate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestLockNeeds(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		`ALTER TABLE books ADD COLUMN a int`:                                         "books=ACCESS EXCLUSIVE",
		"ALTER TABLE IF EXISTS ONLY \"my books\" DROP COLUMN a":                      `"my books"=ACCESS EXCLUSIVE parted "my books"`,
		`ALTER TABLE shop.books ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES "A"(b)`: `"A"=EXCLUSIVE shop.books=ACCESS EXCLUSIVE`,
		`ALTER TABLE books VALIDATE CONSTRAINT fk`:                                   "",
		`CREATE TABLE a (b int REFERENCES c, d text DEFAULT 'references x')`:         "c=EXCLUSIVE",
		`CREATE UNIQUE INDEX ix ON books (a)`:                                        "books=SHARE",
		`CREATE INDEX CONCURRENTLY ix ON books (a)`:                                  "",
		`DROP TABLE IF EXISTS a, "b" CASCADE`:                                        `"b"=ACCESS EXCLUSIVE CASCADE=ACCESS EXCLUSIVE a=ACCESS EXCLUSIVE parted "b" parted CASCADE parted a`,
		`DROP INDEX ix_a`:                                                            "ix_a=ACCESS EXCLUSIVE",
		`TRUNCATE TABLE a, b`:                                                        "a=ACCESS EXCLUSIVE b=ACCESS EXCLUSIVE parted a parted b",
		`CREATE TRIGGER t AFTER INSERT ON a EXECUTE FUNCTION f()`:                    "a=ACCESS EXCLUSIVE",
		"CREATE FUNCTION f() RETURNS trigger AS $$ BEGIN ALTER TABLE x; END $$":      "",
		`ALTER TABLE größe DROP COLUMN a`:                                            "größe=ACCESS EXCLUSIVE parted größe",
		`ALTER /* the */ TABLE books ADD a int`:                                      "books=ACCESS EXCLUSIVE",
		`CREATE TABLE a (b int /* x /* y */ REFERENCES z */)`:                        "",
		`ALTER TABLE a ALTER b SET DEFAULT E'it\'s', ADD c text REFERENCES d`:        "a=ACCESS EXCLUSIVE d=EXCLUSIVE",
		`UPDATE books SET a = 1`:                                                     "",
		"CREATE INDEX ix ON a (b); INSERT INTO b SELECT * FROM c":                    "a=EXCLUSIVE written b",
		"CREATE TABLE x (y int); WITH n AS (SELECT 1) UPDATE ONLY b SET c = 1":       "written b",
		"-- ALTER TABLE a\nSELECT 1":                                                 "",
	} {
		var statements []Statement
		for text := range strings.SplitSeq(sql, "; ") {
			statements = append(statements, Statement{Text: text})
		}
		if strings.Contains(sql, "$$") {
			statements = []Statement{{Text: sql}}
		}
		n := needsOf(statements)
		var parts []string
		for _, table := range slices.Sorted(maps.Keys(n.tables)) {
			parts = append(parts, fmt.Sprintf("%s=%s", table, n.tables[table]))
		}
		slices.Sort(n.parted)
		for _, table := range n.parted {
			parts = append(parts, "parted "+table)
		}
		for _, table := range n.written {
			parts = append(parts, "written "+table)
		}
		if got := strings.Join(parts, " "); got != want {
			t.Errorf("%s:\n got %s\nwant %s", sql, got, want)
		}
	}
}

func TestDroppedIndex(t *testing.T) {
	t.Parallel()
	for statement, want := range map[string]string{
		"DROP INDEX ix": "ix", `drop index if exists "S" . größe`: `"S".größe`, "DROP /* old */ INDEX ix -- gone": "ix",
		"DROP INDEX a, b": "", "DROP INDEX ix CASCADE": "", "DROP INDEX CONCURRENTLY ix": "", "DROP TABLE ix": "", "": "",
	} {
		if got := droppedIndex(statement); got != want {
			t.Errorf("%s: got %q, want %q", statement, got, want)
		}
	}
}
