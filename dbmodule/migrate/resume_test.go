package migrate_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// A revision that resumes has lost its session: it goes on only where nothing
// of that is needed.
func TestResumeWithoutItsSession(t *testing.T) {
	t.Parallel()
	const parents = "CREATE TABLE parent (id BIGINT AUTO_INCREMENT PRIMARY KEY, n VARCHAR(9));\nCREATE TABLE child (p BIGINT NOT NULL);\nINSERT INTO parent (n) VALUES ('one'), ('two');\nINSERT INTO parent (n) VALUES ('three');\n"
	for name, test := range map[string]struct {
		engine     dbmodule.Engine
		up         string // {broken} fails at first
		lost       string // or what is counted at the end
		check      string
		want       int
		needed, by int
	}{
		"a variable":      {dbmodule.MySQL, parents + "SET @p = LAST_INSERT_ID();\n{broken};\nINSERT INTO child VALUES (@p);", "the variable @p", "", 0, 5, 7},
		"the last id":     {dbmodule.MySQL, parents + "{broken};\nINSERT INTO child VALUES (LAST_INSERT_ID());", "LAST_INSERT_ID", "", 0, 4, 6},
		"a temporary one": {dbmodule.MySQL, "CREATE TEMPORARY TABLE tmp (x INT);\n{broken};\nCREATE TABLE kept AS SELECT * FROM tmp;", "the temporary table tmp", "", 0, 1, 3},
		"locked tables":   {dbmodule.MySQL, "CREATE TABLE a (x INT);\nLOCK TABLES a WRITE;\nINSERT INTO a VALUES (1);\n{broken};\nINSERT INTO a VALUES (2);\nUNLOCK TABLES;", "LOCK TABLES", "", 0, 2, 4},
		"nothing needed":  {dbmodule.MySQL, parents + "SET @p = LAST_INSERT_ID();\nINSERT INTO child VALUES (@p);\n{broken};\nINSERT INTO child VALUES (9);", "", "SELECT count(*) FROM child WHERE p IN (3, 9)", 2, 0, 0},
		"a mode":          {dbmodule.MySQL, "SET @m = @@sql_mode, sql_mode = '';\nCREATE TABLE a (x VARCHAR(3));\n{broken};\nINSERT INTO a VALUES ('long');\nSET sql_mode = @m;", "", "SELECT count(*) FROM a WHERE x = 'lon'", 1, 0, 0},
		"PostgreSQL's temporary table": {
			dbmodule.PostgreSQL, "CREATE TEMP TABLE tmp (x int);\n-- migrate:no-transaction\n{broken};\nCREATE TABLE kept AS SELECT * FROM tmp;", "the temporary table tmp", "", 0, 1, 3,
		},
		"PostgreSQL's settings": {
			dbmodule.PostgreSQL, "CREATE SCHEMA s;\nSET search_path = s;\n-- migrate:no-transaction\n{broken};\nCREATE TABLE kept (x int);", "", "SELECT count(*) FROM pg_tables WHERE schemaname = 's' AND tablename = 'kept'", 1, 0, 0,
		},
		"SQLite's temporary table": {
			dbmodule.SQLite, "CREATE TEMP TABLE tmp (x);\n-- migrate:no-transaction\n{broken};\nCREATE TABLE kept AS SELECT * FROM tmp;", "the temporary table tmp", "", 0, 1, 3,
		},
		"SQLite's settings": {
			dbmodule.SQLite, "CREATE TABLE a (x CHECK (x > 1));\n-- migrate:no-transaction\nPRAGMA ignore_check_constraints = on;\n-- migrate:no-transaction\n{broken};\nINSERT INTO a VALUES (1);", "", "SELECT count(*) FROM a", 1, 0, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.Open(t, dbtest.Config(t, test.engine))
			if err := applied(t, db, strings.ReplaceAll(test.up, "{broken}", "DROP TABLE nowhere")); err == nil || !strings.Contains(err.Error(), "stay done") {
				t.Fatal(err)
			}
			mended := strings.ReplaceAll(test.up, "{broken}", "DROP TABLE IF EXISTS nowhere")
			err := applied(t, db, mended)
			var lost *migrate.LostSessionError
			switch {
			case test.lost == "" && err != nil:
				t.Error(err)
			case test.lost == "":
				if n := count(t, db, test.check); n != test.want {
					t.Errorf("%s: %d, want %d", test.check, n, test.want)
				}
			case !errors.As(err, &lost) || !strings.Contains(lost.What, test.lost) || lost.Made != test.needed || lost.Needed != test.by || !strings.Contains(err.Error(), "stamp"):
				t.Errorf("%v, want %s of statement %d for statement %d", err, test.lost, test.needed, test.by)
			default:
				// The way out.
				m := newMigrator(t, source(folder{id: "a1", ups: map[dbmodule.Engine]string{test.engine: mended}}))
				if _, err := m.Stamp(t.Context(), db, false, "a1"); err != nil || !state(t, m, db).Ready() {
					t.Errorf("%v, %+v", err, state(t, m, db))
				}
			}
		})
	}
}

// A statement that changes no longer what the session told about the one before
// finds it: no record comes between.
func TestRowsAreCountedInARevision(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.MySQL))
	if err := applied(t, db, "CREATE TABLE a (x INT);\nINSERT INTO a VALUES (1), (2), (3);\nSET @n = ROW_COUNT();\nINSERT INTO a VALUES (@n * 10), (5);\nINSERT INTO a SELECT ROW_COUNT() * 100;"); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, "SELECT count(*) FROM a WHERE x IN (30, 200)"); n != 2 {
		t.Errorf("%d rows", n)
	}
}

// A long revision that stops keeps what is done, and tells which statement was
// changed since.
func TestLongRevisionResumes(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.MySQL))
	statements := []string{"CREATE TABLE a (x INT PRIMARY KEY)"}
	for i := range 1500 {
		statements = append(statements, fmt.Sprintf("INSERT INTO a VALUES (%d)", i))
	}
	broken := append(append([]string{}, statements...), "INSERT INTO a VALUES (7)", "INSERT INTO a VALUES (-1)")
	if err := applied(t, db, strings.Join(broken, ";\n")+";"); err == nil || !strings.Contains(err.Error(), "statements 1 to 1501 stay done") {
		t.Fatal(err)
	}
	if n := count(t, db, "SELECT count(*) FROM a"); n != 1500 {
		t.Errorf("%d rows", n)
	}
	edited := append([]string{}, broken...)
	edited[200] = "INSERT INTO a VALUES (100000)"
	var changed *migrate.EditedError
	if err := applied(t, db, strings.Join(edited, ";\n")+";"); !errors.As(err, &changed) || changed.Index > 201 || changed.Last < 201 {
		t.Error(err)
	}
	broken[1501] = "INSERT INTO a VALUES (-7)"
	if err := applied(t, db, strings.Join(broken, ";\n")+";"); err != nil || count(t, db, "SELECT count(*) FROM a") != 1502 {
		t.Error(err)
	}
}

// Every dump of MariaDB's own tool is a revision, and makes the same database.
func TestMariaDBDumpRunsWhole(t *testing.T) {
	t.Parallel()
	_, theirs := openRaw(t, dbmodule.MySQL)
	client(t, theirs, `CREATE TABLE p (id INT AUTO_INCREMENT PRIMARY KEY, n VARCHAR(50), b BLOB, UNIQUE (n)) COMMENT='it''s; a "table"';
CREATE TABLE c (p INT, at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, FOREIGN KEY (p) REFERENCES p (id));
CREATE TABLE m (x INT) ENGINE=MyISAM;
INSERT INTO p (n, b) VALUES ('a;b', 0x00ff27), ('it''s', NULL), ('\\', '--'), ('/*!50001 x */', '#');
INSERT INTO c (p) VALUES (1), (2);
INSERT INTO m VALUES (1), (2);
CREATE VIEW v AS SELECT p.n, c.at FROM p JOIN c ON c.p = p.id;
CREATE VIEW w AS SELECT n FROM v;
DELIMITER $$
CREATE TRIGGER t BEFORE INSERT ON p FOR EACH ROW BEGIN IF new.n IS NULL THEN SET new.n = 'x;y'; END IF; END$$
CREATE PROCEDURE q(a INT) BEGIN DECLARE i INT DEFAULT 0; WHILE i < a DO INSERT INTO m VALUES (i); SET i = i + 1; END WHILE; END$$
CREATE FUNCTION f(a INT) RETURNS INT DETERMINISTIC RETURN CASE WHEN a > 1 THEN a ELSE ROW_COUNT() END$$
CREATE EVENT e ON SCHEDULE EVERY 1 YEAR DO BEGIN DELETE FROM m; END$$
DELIMITER ;
CREATE SEQUENCE s START WITH 5;
`, "mariadb")
	dump := func(raw string) string {
		name := raw[strings.LastIndex(raw, "/")+1:]
		return client(t, raw, "", "mariadb-dump", "--routines", "--events", "--skip-dump-date", "--ignore-table="+name+".alembic_version", "--ignore-table="+name+".alembic_version_history")
	}
	want := dump(theirs)
	if !strings.Contains(want, "DELIMITER ;;") || !strings.Contains(want, "/*!50001") || !strings.Contains(want, "LOCK TABLES") {
		t.Fatalf("no such dump as is meant:\n%s", want)
	}
	db, ours := openRaw(t, dbmodule.MySQL)
	if err := applied(t, db, want); err != nil {
		t.Fatal(err)
	}
	// Names of databases, and when something was made, differ.
	same := func(text string) string {
		return regexp.MustCompile(`dbtest_\w+|STARTS '[^']*'|-- (Host|Dump).*`).ReplaceAllString(text, "")
	}
	if got := dump(ours); same(got) != same(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// inserts is a revision of many statements.
func inserts(rows int) string {
	var b strings.Builder
	b.WriteString("CREATE TABLE a (id INT PRIMARY KEY, n VARCHAR(50));\n")
	for i := range rows {
		fmt.Fprintf(&b, "INSERT INTO a (id, n) VALUES (%d, 'the name of number %d');\n", 100_000+i, 100_000+i)
	}
	return b.String()
}

// The progress of a revision is recorded at a cost that does not grow with it: four
// times as many statements send four times as many bytes to the server, and what
// records them is a small part of it.
func TestManyStatements(t *testing.T) {
	t.Parallel()
	sent := func(rows int) float64 {
		raw, bytes := meter(t, dbtest.URL(t, dbmodule.MySQL))
		cfg := dbmodule.DefaultConfig()
		if err := cfg.URL.UnmarshalText([]byte(raw)); err != nil {
			t.Fatal(err)
		}
		db := dbtest.Open(t, cfg)
		if err := applied(t, db, inserts(rows)); err != nil {
			t.Fatal(err)
		}
		if n := count(t, db, "SELECT count(*) FROM a"); n != rows {
			t.Fatalf("%d rows", n)
		}
		return float64(bytes.Load())
	}
	const few = 1500
	some, many := sent(few), sent(4*few)
	t.Logf("%d statements of %d bytes: %.0f bytes sent; four times as many: %.0f", few, len(inserts(few)), some, many)
	if many > 4.4*some {
		t.Errorf("%.1f times as many bytes for four times as many statements", many/some)
	}
}

// meter stands between a database and its server, and counts the bytes that are sent
// to that.
func meter(t *testing.T, raw string) (string, *atomic.Int64) {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	server := u.Host
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	bytes := new(atomic.Int64)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", server)
			if err != nil {
				_ = from.Close()
				continue
			}
			go func() { _, _ = io.Copy(from, to); _ = from.Close() }()
			go func() { _, _ = io.Copy(to, io.TeeReader(from, counter{bytes})); _ = to.Close() }()
		}
	}()
	u.Host = listener.Addr().String()
	return u.String(), bytes
}

type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) { c.n.Add(int64(len(p))); return len(p), nil }

// BenchmarkManyStatements compares a revision of 20,000 statements with the mariadb
// client that runs the same file.
func BenchmarkManyStatements(b *testing.B) {
	const rows = 20_000
	text := inserts(rows)
	var clients, ours time.Duration
	for b.Loop() {
		theirs := dbtest.URL(b, dbmodule.MySQL)
		began := time.Now()
		client(b, theirs, text, "mariadb")
		clients += time.Since(began)
		db, _ := openRaw(b, dbmodule.MySQL)
		began = time.Now()
		if err := applied(b, db, text); err != nil {
			b.Fatal(err)
		}
		ours += time.Since(began)
	}
	b.ReportMetric(ours.Seconds()/clients.Seconds(), "times-the-client")
}

// Tables that a revision locks stay locked: no transaction of the runner ends
// that.
func TestLockedTablesStayLocked(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.MySQL))
	err := applied(t, db, "CREATE TABLE a (x INT);\nCREATE TABLE b (x INT);\nLOCK TABLES a WRITE;\nINSERT INTO a VALUES (1);\nINSERT INTO b VALUES (1);\nUNLOCK TABLES;")
	if err == nil || !strings.Contains(err.Error(), "1100") || !strings.Contains(err.Error(), "statement 5 of 6") {
		t.Error(err)
	}
}
