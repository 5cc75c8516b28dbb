package migrate_test

import (
	"net/url"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// A mistake in a first revision is no reason to record it as applied.
func TestMistakeInFirstRevision(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		for _, up := range []string{
			"CREATE TABLE made (id INTEGER PRIMARY KEY);\nCREATE TABLE made (id INTEGER PRIMARY KEY);",
			"INSERT INTO missing (id) VALUES (1);",
			"CREATE INDEX ix ON missing (id);",
			"CREATE TABLE broken (id INTEGER,, x INTEGER);",
		} {
			m := newMigrator(t, source(folder{id: "a1", up: up}))
			if _, err := m.Upgrade(t.Context(), db, "head"); err == nil || strings.Contains(err.Error(), "stamp") {
				t.Errorf("%s: %v", up, err)
			}
			if _, err := db.DB().ExecContext(t.Context(), "DROP TABLE IF EXISTS made"); err != nil {
				t.Fatal(err)
			}
			if _, err := m.Stamp(t.Context(), db, true, "base"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// What PostgreSQL says besides its message is told, but for values of rows.
func TestServersAdvice(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.PostgreSQL))
	for up, test := range map[string]struct{ want, hidden string }{
		"CREATE TABLE a (id int);\nCREATE VIEW v AS SELECT id FROM a;\nDROP TABLE a;":                                     {"DETAIL: view v depends on table a; HINT: Use DROP", ""},
		"CREATE TABLE a (name text);\nSELECT names FROM a;":                                                               {`HINT: Perhaps you meant to reference the column "a.name".`, ""},
		"CREATE TABLE a (n text);\nINSERT INTO a VALUES ('secret=(1)'), ('secret=(1)');\nCREATE UNIQUE INDEX u ON a (n);": {"DETAIL: Key (n)=(…)", "secret"},
		"CREATE TABLE a (n text, m text NOT NULL);\nINSERT INTO a VALUES ('secret', NULL);":                               {"null value", "secret"},
		"DO $$ BEGIN RAISE 'no' USING DETAIL = 'secret', HINT = 'secret'; END $$;":                                        {"no", "; DETAIL"},
	} {
		err := applied(t, db, up)
		if err == nil {
			t.Fatalf("%s was applied", up)
		}
		text := err.Error()
		// The statement itself is quoted.
		if hidden := test.hidden; !strings.Contains(text, test.want) || hidden != "" && strings.Contains(strings.ReplaceAll(text, "'secret", ""), hidden) {
			t.Errorf("%s\n%s\nwant %s, not %s", up, text, test.want, hidden)
		}
	}
}

// all.sql is read for the engines that a program runs on, and one mistake in it
// is told once.
func TestSQLForAllEngines(t *testing.T) {
	t.Parallel()
	m := newMigrator(t, source(folder{id: "a1", up: "INSERT INTO a VALUES ('it\\'s');", down: "-"}))
	r, err := m.Graph().Get("a1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Script(r, dbmodule.MySQL); err != nil {
		t.Error(err)
	}
	if _, err := m.Script(r, dbmodule.SQLite); err == nil || !strings.Contains(err.Error(), "a1/all.sql, read as sqlite's: line 2") {
		t.Error(err)
	}
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite))
	if _, err := m.Upgrade(t.Context(), db, "head"); err == nil || !strings.Contains(err.Error(), "a quote ' has no end") {
		t.Error(err)
	}
	_, err = migrate.New([]migrate.Source{{FS: fstest.MapFS{
		"a1/revision.txt": {Data: []byte("m\n\nRevision ID: a1\nRevises:\n")},
		"a1/all.sql":      {Data: []byte("-- migrate:upgrade\nSELECT 'a;\n")},
	}}})
	if err == nil || strings.Count(err.Error(), "has no end") != 1 {
		t.Error(err)
	}
}

// A schema that an administrator made is used without the right to make one.
func TestSchemaOfAnAdministrator(t *testing.T) {
	t.Parallel()
	db, raw := openRaw(t, dbmodule.PostgreSQL)
	name := dbName(t, db)
	weak := "weak_" + name[:20]
	for _, statement := range []string{
		`CREATE ROLE "` + weak + `" LOGIN PASSWORD 'weak'`, `CREATE SCHEMA "App" AUTHORIZATION "` + weak + `"`, `GRANT CREATE, USAGE ON SCHEMA public TO "` + weak + `"`,
	} {
		if _, err := db.DB().ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(weak, "weak")
	cfg := dbmodule.DefaultConfig()
	if err := cfg.URL.UnmarshalText([]byte(u.String())); err != nil {
		t.Fatal(err)
	}
	if err := applied(t, dbtest.Open(t, cfg), "CREATE SCHEMA IF NOT EXISTS \"App\";\nCREATE TABLE \"App\".a (id int);"); err != nil {
		t.Error(err)
	}
	if n := count(t, db, `SELECT count(*) FROM pg_tables WHERE schemaname = 'App' AND tablename = 'a'`); n != 1 {
		t.Errorf("%d tables", n)
	}
}
