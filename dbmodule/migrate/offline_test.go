package migrate_test

import (
	"context"
	"strings"
	"testing"

	atlas "ariga.io/atlas/sql/migrate"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// What WriteSQL prints leads to the same database as running the steps.
func TestWrittenSQLIsWhatRuns(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		m := newMigrator(t, source(bookshop()...))
		apply := func(down bool, target string) string {
			t.Helper()
			plan := m.PlanUpgrade
			if down {
				plan = func(ctx context.Context, db bun.IDB, targets ...string) ([]migrate.Step, error) {
					return m.PlanDowngrade(ctx, db, targets[0])
				}
			}
			steps, err := plan(t.Context(), db.DB(), target)
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			if err := m.WriteSQL(&text, db, steps); err != nil {
				t.Fatal(err)
			}
			statements, err := atlas.Stmts(text.String())
			if err != nil {
				t.Fatalf("%v\n%s", err, text.String())
			}
			conn, err := db.DB().Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			for _, statement := range statements {
				if _, err := conn.ExecContext(t.Context(), "?", bun.Safe(strings.TrimSuffix(statement.Text, ";"))); err != nil {
					t.Fatalf("%s: %v", statement.Text, err)
				}
			}
			return text.String()
		}
		text := apply(false, "head")
		for _, want := range []string{"-- Running upgrade  -> a1, revision a1\n", "-- Running upgrade a1 -> b2, revision b2\n", "COMMIT;"} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in\n%s", want, text)
			}
		}
		if s := state(t, m, db); !s.Ready() || len(s.Drifted) != 0 || current(t, m, db) != "c3" || tables(t, db) != "authors books" {
			t.Errorf("%+v, tables %s", s, tables(t, db))
		}
		if n := count(t, db, "SELECT count(*) FROM authors"); n != 2 {
			t.Errorf("%d authors", n)
		}
		apply(true, "base")
		if current(t, m, db) != "" || tables(t, db) != "" {
			t.Errorf("at %q, tables %s", current(t, m, db), tables(t, db))
		}
		if history, err := m.History(t.Context(), db.DB()); err != nil || len(history) != 6 {
			t.Errorf("%d entries, %v", len(history), err)
		}
		// The history that was written holds up: its own runner goes on from it.
		if ran, err := m.Upgrade(t.Context(), db, "head"); err != nil || stepIDs(ran) != "a1 b2 c3" {
			t.Errorf("ran %s, %v", stepIDs(ran), err)
		}
	})
}

// What db upgrade reads from the live table, printed SQL can't: it says so at its top.
func TestWrittenSQLOfMySQLSaysWhatItCannotCarry(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.MySQL))
	m := newMigrator(t, source(folder{id: "a1", up: "CREATE TABLE a (x int);", down: "DROP TABLE a;"}))
	steps, err := m.PlanUpgrade(t.Context(), db.DB(), "head")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := m.WriteSQL(&text, db, steps); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(text.String(), "-- MODIFY and CHANGE state a column whole.") {
		t.Errorf("it does not say what it leaves out:\n%s", text.String())
	}
}

// What printed SQL stores does not depend on the settings of the client that runs it.
func TestWrittenSQLBringsItsSettings(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		engine          dbmodule.Engine
		options         string // of the program's URL
		program, client string // and what the client set before
		up, query, want string
	}{
		"text, MariaDB": {
			dbmodule.MySQL, "", "mariadb", "SET NAMES latin1;",
			"CREATE TABLE t (n varchar(9) CHARACTER SET utf8mb4); INSERT INTO t VALUES ('aß😀');", "SELECT hex(n) FROM t", "61C39FF09F9880",
		},
		"times, MariaDB": {
			dbmodule.MySQL, "", "mariadb", "SET time_zone = '+05:00';",
			"CREATE TABLE t (at timestamp NULL); INSERT INTO t VALUES ('2026-01-01 12:00:00');", "SELECT unix_timestamp(at) FROM t", "1767268800",
		},
		"strings, MariaDB": {
			dbmodule.MySQL, "", "mariadb", "SET sql_mode = 'NO_BACKSLASH_ESCAPES';",
			`CREATE TABLE t (n varchar(9)); INSERT INTO t VALUES ('a\\b');`, "SELECT hex(n) FROM t", "615C62",
		},
		"the program's mode, MariaDB": {
			dbmodule.MySQL, "sql_mode=ANSI_QUOTES", "mariadb", "",
			`CREATE TABLE "t" (n text); INSERT INTO "t" VALUES (@@sql_mode);`, "SELECT n FROM t", "ANSI_QUOTES,STRICT_TRANS_TABLES",
		},
		"the program's collation, MariaDB": {
			dbmodule.MySQL, "collation=utf8mb4_bin", "mariadb", "",
			"CREATE TABLE t AS SELECT 'a' AS n;", "SELECT collation(n) FROM t", "utf8mb4_bin",
		},
		"text, PostgreSQL": {
			dbmodule.PostgreSQL, "", "psql", "SET client_encoding = 'LATIN1';",
			"CREATE TABLE t (n text); INSERT INTO t VALUES ('aß😀');", "SELECT encode(convert_to(n, 'UTF8'), 'hex') FROM t", "61c39ff09f9880",
		},
		"the program's schema, PostgreSQL": {
			dbmodule.PostgreSQL, "search_path=tenant,public", "psql", "",
			"CREATE TABLE t (n text); INSERT INTO t SELECT current_schema; SET search_path = public;\n-- migrate:no-transaction\nSELECT 1;", "SELECT (SELECT n FROM tenant.t) || (SELECT count(*) FROM tenant.alembic_version)", "tenant1",
		},
		"the program's zone, PostgreSQL": {
			dbmodule.PostgreSQL, "timezone=Asia/Tokyo", "psql", "",
			"CREATE TABLE t (at timestamptz); INSERT INTO t VALUES ('2026-01-01 12:00:00');", "SELECT extract(epoch FROM at)::bigint FROM t", "1767236400",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMigrator(t, source(folder{id: "a1", ups: map[dbmodule.Engine]string{test.engine: test.up}, down: "-"}))
			for _, printed := range []bool{false, true} {
				raw := dbtest.URL(t, test.engine)
				cfg := dbmodule.DefaultConfig()
				separator := "?"
				if strings.Contains(raw, "?") {
					separator = "&"
				}
				if err := cfg.URL.UnmarshalText([]byte(raw + separator + test.options)); err != nil {
					t.Fatal(err)
				}
				db := dbtest.Open(t, cfg)
				if test.engine == dbmodule.PostgreSQL {
					run(t, db, "CREATE SCHEMA tenant")
				}
				if !printed {
					if _, err := m.Upgrade(t.Context(), db, "head"); err != nil {
						t.Fatal(err)
					}
				} else {
					steps, err := m.PlanUpgrade(t.Context(), db.DB(), "head")
					if err != nil {
						t.Fatal(err)
					}
					var text strings.Builder
					if err := m.WriteSQL(&text, db, steps); err != nil {
						t.Fatal(err)
					}
					client(t, raw, test.client+"\n"+text.String(), test.program)
				}
				var got string
				if err := db.DB().NewRaw(test.query).Scan(t.Context(), &got); err != nil || got != test.want {
					t.Errorf("printed is %t: got %q, %v, want %q", printed, got, err, test.want)
				}
			}
		})
	}
}
