package migrate_test

import (
	"database/sql/driver"
	"fmt"
	"strings"
	"testing"

	atlas "ariga.io/atlas/sql/migrate"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// Each revision begins in the settings that connections come with, whatever
// the one before made of its session, and what a revision sets is in nobody's
// way: not of the version table, and not of the program's own connections.
func TestSettingsEndWithTheirRevision(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		engine        dbmodule.Engine
		set           string
		next, refused string // the next revision, and what it is refused for
		after         string // counts 0 on the program's connections
	}{
		"search_path": {
			dbmodule.PostgreSQL, "SELECT pg_catalog.set_config('search_path', '', false);\nCREATE TABLE public.a (id int);",
			"INSERT INTO a VALUES (1);", "", "SELECT count(*) - 1 FROM a",
		},
		"search_path around a piece": {
			dbmodule.PostgreSQL, "CREATE TABLE public.a (id int);\nSET search_path = '';\n-- migrate:no-transaction\nCREATE INDEX CONCURRENTLY ix ON public.a (id);\nINSERT INTO public.a VALUES (1);",
			"INSERT INTO a VALUES (1);", "", "SELECT count(*) - 2 FROM a",
		},
		"a role": {
			dbmodule.PostgreSQL, "CREATE ROLE \"{weak}\";\nSET ROLE \"{weak}\";\nSELECT 1;",
			"RESET ROLE; DROP ROLE \"{weak}\";", "", "SELECT (CASE WHEN current_user = session_user THEN 0 ELSE 1 END)",
		},
		"a session's user": {
			dbmodule.PostgreSQL, "CREATE ROLE \"{weak}\";\nSET SESSION AUTHORIZATION \"{weak}\";\n-- migrate:no-transaction\nSELECT 1;",
			"DROP ROLE \"{weak}\";", "", "SELECT 0",
		},
		"how text is written": {
			dbmodule.PostgreSQL, "CREATE TABLE a (id int);\nSET client_encoding = 'LATIN1';\nSET standard_conforming_strings = off;\n-- migrate:no-transaction\nSELECT 1;",
			"INSERT INTO a VALUES (1);", "", "SELECT count(*) - 1 FROM a",
		},
		"triggers off": {
			dbmodule.PostgreSQL, "CREATE TABLE p (id int PRIMARY KEY);\nCREATE TABLE c (p int REFERENCES p);\nSET session_replication_role = replica;\nINSERT INTO c VALUES (1);",
			"INSERT INTO c VALUES (2);", "foreign key", "SELECT count(*) - 1 FROM c",
		},
		"a temporary table": {
			dbmodule.PostgreSQL, "CREATE TABLE a (id int);\nCREATE TEMPORARY TABLE alembic_version (x int);\nCREATE TEMPORARY TABLE b (id int);",
			"INSERT INTO b VALUES (1);", `relation "b" does not exist`, "SELECT count(*) FROM a",
		},
		"sql_mode": {
			dbmodule.MySQL, "SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES';\nCREATE TABLE \"t\" (a varchar(3));",
			"INSERT INTO t VALUES ('too long');", "Data too long", "SELECT count(*) FROM t",
		},
		"a variable": {
			dbmodule.MySQL, "CREATE TABLE t (a INT NOT NULL);\nSET @x = 5;",
			"INSERT INTO t VALUES (@x);", "cannot be null", "SELECT count(*) FROM t",
		},
		"another database": {
			dbmodule.MySQL, "CREATE TABLE t (a INT);\nCREATE DATABASE `{other}`;\nUSE `{other}`;\nCREATE TABLE u (a INT);\nINSERT INTO u VALUES (1);",
			"INSERT INTO t SELECT a FROM `{other}`.u;\nDROP DATABASE `{other}`;", "", "SELECT count(*) - 1 FROM t",
		},
		"pragmas": {
			dbmodule.SQLite, "CREATE TABLE p (id INTEGER PRIMARY KEY);\nCREATE TABLE c (p INT REFERENCES p);\nCREATE TEMP TABLE alembic_version (x);\n" +
				"-- migrate:no-transaction\nPRAGMA ignore_check_constraints = on;",
			"CREATE TABLE d (x CHECK (x > 1));\nINSERT INTO d VALUES (1);", "CHECK", "SELECT count(*) FROM sqlite_temp_master",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.Open(t, dbtest.Config(t, test.engine))
			own := dbName(t, db)
			fill := strings.NewReplacer("{other}", own+"_o", "{weak}", own+"_w").Replace
			m := newMigrator(t, source(
				folder{id: "a1", ups: map[dbmodule.Engine]string{test.engine: fill(test.set)}},
				folder{id: "b2", revises: "a1", ups: map[dbmodule.Engine]string{test.engine: fill(test.next)}}))
			steps, err := m.Upgrade(t.Context(), db, "head")
			switch {
			case test.refused == "" && (err != nil || stepIDs(steps) != "a1 b2"):
				t.Errorf("%s, %v", stepIDs(steps), err)
			case test.refused != "" && (err == nil || !strings.Contains(err.Error(), test.refused) || stepIDs(steps) != "a1"):
				t.Errorf("%s, %v, want %s", stepIDs(steps), err, test.refused)
			}
			for range 3 {
				if n := count(t, db, test.after); n != 0 {
					t.Errorf("%s: %d", test.after, n)
				}
			}
		})
	}
}

// Printed SQL gives the session its own settings back after each revision, as a
// run does, or says what it leaves there.
func TestWrittenSQLKeepsSettingsToTheirRevision(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		engine    dbmodule.Engine
		set, next string
		// refused says what the next revision ends with, and after counts 0.
		refused, after, note string
	}{
		"search_path": {dbmodule.PostgreSQL, "SELECT pg_catalog.set_config('search_path', '', false);\nCREATE TABLE public.a (id int);", "INSERT INTO a VALUES (1);", "", "SELECT count(*) - 1 FROM a", ""},
		"triggers off": {
			dbmodule.PostgreSQL, "CREATE TABLE p (id int PRIMARY KEY);\nCREATE TABLE c (p int REFERENCES p);\nSET session_replication_role = replica;\nINSERT INTO c VALUES (1);",
			"INSERT INTO c VALUES (2);", "foreign key", "SELECT count(*) - 1 FROM c", "",
		},
		"a temporary table": {dbmodule.PostgreSQL, "CREATE TABLE a (id int);\nCREATE TEMPORARY TABLE alembic_version (version_num text);\nCREATE TEMPORARY TABLE b (id int);", "INSERT INTO b VALUES (1);", `relation "b" does not exist`, "SELECT count(*) - 1 FROM alembic_version", ""},
		"sql_mode":          {dbmodule.MySQL, "SET sql_mode = 'ANSI_QUOTES', @x = 5;\nCREATE TABLE \"t\" (a varchar(3));", "INSERT INTO t VALUES (coalesce(@x, \"ok\"));", "", "SELECT count(*) - 1 FROM t WHERE a = 'ok'", ""},
		"names":             {dbmodule.MySQL, "CREATE TABLE t (a varchar(30));\nSET NAMES latin1;", "INSERT INTO t VALUES (concat(@@character_set_client, @@character_set_results));", "", "SELECT count(*) - 1 FROM t WHERE a = 'utf8mb4utf8mb4'", ""},
		"strictness":        {dbmodule.MySQL, "SET NAMES latin1;\nSET sql_mode = '';\nCREATE TABLE t (a varchar(3));", "INSERT INTO t VALUES ('too long');", "Data too long", "SELECT count(*) FROM t", ""},
		"another database":  {dbmodule.MySQL, "CREATE TABLE t (a INT);\nUSE mysql;", "SELECT 1;", "*", "SELECT count(*) FROM t", "-- The session keeps the setting of USE mysql."},
		"pragmas":           {dbmodule.SQLite, "CREATE TABLE t (a INT);\n-- migrate:no-transaction\nPRAGMA ignore_check_constraints = on;", "SELECT 1;", "", "SELECT count(*) FROM t", "-- The session keeps the setting of PRAGMA ignore_check_constraints."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.Open(t, dbtest.Config(t, test.engine))
			m := newMigrator(t, source(
				folder{id: "a1", ups: map[dbmodule.Engine]string{test.engine: test.set}},
				folder{id: "b2", revises: "a1", ups: map[dbmodule.Engine]string{test.engine: test.next}}))
			steps, err := m.PlanUpgrade(t.Context(), db.DB(), "head")
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			if err := m.WriteSQL(&text, db, steps); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(text.String(), test.note) || test.note == "" && strings.Contains(text.String(), "The session keeps") {
				t.Errorf("%q is not what this says:\n%s", test.note, text.String())
			}
			switch err := runPrinted(t, db, text.String()); {
			case test.refused == "*":
			case test.refused == "" && err != nil:
				t.Errorf("%v in\n%s", err, text.String())
			case test.refused != "" && (err == nil || !strings.Contains(err.Error(), test.refused)):
				t.Errorf("%v, want %s", err, test.refused)
			}
			if n := count(t, db, test.after); n != 0 {
				t.Errorf("%s: %d", test.after, n)
			}
		})
	}
}

// runPrinted runs printed SQL in one session, up to its first error.
func runPrinted(t *testing.T, db *dbmodule.Database, text string) error {
	t.Helper()
	statements, err := atlas.Stmts(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	conn, err := db.DB().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // its settings go with it
	}()
	for _, statement := range statements {
		if _, err := conn.ExecContext(t.Context(), "?", bun.Safe(strings.TrimSuffix(statement.Text, ";"))); err != nil {
			return fmt.Errorf("%s: %w", statement.Text, err)
		}
	}
	return nil
}

func dbName(t *testing.T, db *dbmodule.Database) string {
	t.Helper()
	query := "SELECT 'main'"
	switch db.Engine() {
	case dbmodule.PostgreSQL:
		query = "SELECT current_database()"
	case dbmodule.MySQL:
		query = "SELECT DATABASE()"
	}
	var name string
	if err := db.DB().NewRaw(query).Scan(t.Context(), &name); err != nil {
		t.Fatal(err)
	}
	return name[:min(len(name), 40)]
}
