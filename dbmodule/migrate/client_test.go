package migrate_test

import (
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// openRaw opens an empty database, and returns its URL with the password.
func openRaw(t testing.TB, engine dbmodule.Engine) (*dbmodule.Database, string) {
	t.Helper()
	raw := dbtest.URL(t, engine)
	cfg := dbmodule.DefaultConfig()
	if err := cfg.URL.UnmarshalText([]byte(raw)); err != nil {
		t.Fatal(err)
	}
	return dbtest.Open(t, cfg), raw
}

// client has a program of the engine work on a database (its shell, or its
// dump) and returns what it prints.
func client(t testing.TB, raw, input, program string, args ...string) string {
	t.Helper()
	u, err := dbmodule.ParseURL(raw)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := parsed.User.Password()
	if u.Engine() == dbmodule.MySQL {
		args = append(args, "--default-character-set=utf8mb4")
	}
	cmd := exec.Command(program, append(append(u.ClientFlags(), args...), u.Database())...)
	cmd.Env = append(cmd.Environ(), "PGPASSWORD="+password, "MYSQL_PWD="+password)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", program, err, exitText(err))
	}
	return string(out)
}

// applied runs statements as a revision, and returns its error.
func applied(t testing.TB, db *dbmodule.Database, statements string) error {
	t.Helper()
	_, err := newMigrator(t, source(folder{id: "a1", ups: map[dbmodule.Engine]string{db.Engine(): statements}, down: "-"})).Upgrade(t.Context(), db, "head")
	return err
}

// What the engine's own client makes of a file, a revision makes of it.
func TestFilesAreReadAsByTheClient(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		engine         dbmodule.Engine
		program, query string
		file           string
	}{
		"comments that MariaDB runs": {
			dbmodule.MySQL, "mariadb", "SHOW TRIGGERS; SHOW CREATE VIEW va; SELECT * FROM a",
			"CREATE TABLE a (id INT, n VARCHAR(20));\n/*!50001 CREATE ALGORITHM=MERGE VIEW va AS SELECT id FROM a */;\n" +
				"/*M!100100 INSERT INTO a VALUES (1, '*/ ; ''') */;\n/*!999999 nothing of this */;\n/* nor of ; this */ ;\n" +
				"/*!50003 CREATE TRIGGER tr BEFORE INSERT ON a FOR EACH ROW SET new.id = 7 */;\nINSERT INTO a VALUES (2, 'x' /*!50001 'y' */ -- z;\n);\n",
		},
		"DELIMITER": {
			dbmodule.MySQL, "mariadb", "SHOW TRIGGERS; SELECT * FROM a; CALL p()",
			"CREATE TABLE a (n TEXT);\nDELIMITER ;;\nCREATE TRIGGER tr BEFORE INSERT ON a FOR EACH ROW BEGIN SET new.n = CONCAT(new.n, ';'); SET new.n = CONCAT(new.n, '!'); END ;;\n" +
				"DELIMITER $$\nCREATE PROCEDURE p()\nBEGIN\nSELECT 1; SELECT 2;\nEND$$\nDELIMITER ;\nINSERT INTO a VALUES ('x\\';');\n",
		},
		"PostgreSQL's quotes and comments": {
			dbmodule.PostgreSQL, "psql", "SELECT * FROM a",
			"CREATE TABLE a (n TEXT); /* a /* b; */ ; c */\nINSERT INTO a VALUES (E'it\\'s;'), ('\\'), ($$;'$$), (E'x' -- ;\n'\\';');\nCREATE RULE r AS ON DELETE TO a DO INSTEAD (SELECT 1; SELECT 2);\n" +
				"CREATE FUNCTION f() RETURNS int LANGUAGE SQL BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END;\nINSERT INTO a VALUES (f()::text);\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, theirs := openRaw(t, test.engine)
			client(t, theirs, test.file, test.program)
			db, ours := openRaw(t, test.engine)
			if err := applied(t, db, test.file); err != nil {
				t.Fatal(err)
			}
			// When a trigger was made is no part of what it is.
			created := regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+`)
			want, got := client(t, theirs, test.query, test.program), client(t, ours, test.query, test.program)
			if got, want := created.ReplaceAllString(got, ""), created.ReplaceAllString(want, ""); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}
