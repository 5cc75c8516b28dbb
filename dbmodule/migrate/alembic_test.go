package migrate_test

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// alembicEnv is the smallest env.py.
const alembicEnv = `import os
from alembic import context
from sqlalchemy import create_engine

with create_engine(os.environ["ALEMBIC_TEST_URL"]).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
`

// alembicURL is a database's URL with a driver that Alembic can use here.
func alembicURL(t *testing.T, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	base, _, _ := strings.Cut(u.Scheme, "+")
	switch base {
	case "postgres", "postgresql":
		u.Scheme = "postgresql+psycopg2"
	case "mysql", "mariadb":
		u.Scheme = "mysql+pymysql"
	default:
		u.Scheme = "sqlite"
	}
	u.RawQuery = ""
	return u.String()
}

// alembicCommand returns a function that runs the real Alembic on a database
// with the revisions of folders.
func alembicCommand(t *testing.T, databaseURL string, folders []folder) func(args ...string) string {
	t.Helper()
	python := alembicPython(t)
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("alembic.ini", "[alembic]\nscript_location = "+filepath.Join(dir, "scripts")+"\n")
	write("scripts/env.py", alembicEnv)
	for _, f := range folders {
		parent := "None"
		if f.revises != "" {
			parent = fmt.Sprintf("%q", f.revises)
		}
		write("scripts/versions/"+f.id+".py", fmt.Sprintf("\"\"\"revision %s\"\"\"\nrevision = %q\ndown_revision = %s\n\ndef upgrade():\n    pass\n\ndef downgrade():\n    pass\n", f.id, f.id, parent))
	}
	return func(args ...string) string {
		t.Helper()
		cmd := exec.Command(python, append([]string{"-m", "alembic", "-c", filepath.Join(dir, "alembic.ini")}, args...)...)
		cmd.Env = append(os.Environ(), "ALEMBIC_TEST_URL="+alembicURL(t, databaseURL), "PYTHONDONTWRITEBYTECODE=1")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("alembic %s: %v: %s", strings.Join(args, " "), err, exitText(err))
		}
		return strings.TrimSpace(string(out))
	}
}

func exitText(err error) string {
	if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // exec returns it itself
		return string(exit.Stderr)
	}
	return ""
}

// The real Alembic reads what this package records, and the other way round.
func TestAlembicSharesTheVersionTable(t *testing.T) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			raw := dbtest.URL(t, engine)
			cfg := dbmodule.DefaultConfig()
			if err := cfg.URL.UnmarshalText([]byte(raw)); err != nil {
				t.Fatal(err)
			}
			db := dbtest.Open(t, cfg)
			m := newMigrator(t, source(bookshop()...))
			alembic := alembicCommand(t, raw, bookshop())

			// Alembic first: its table is taken over.
			alembic("stamp", "a1")
			if got := current(t, m, db); got != "a1" {
				t.Errorf("Alembic stamped a1, and the database is at %q", got)
			}
			if steps, err := m.PlanUpgrade(t.Context(), db.DB(), "head"); err != nil || stepIDs(steps) != "b2 c3" {
				t.Errorf("%s, %v", stepIDs(steps), err)
			}
			alembic("stamp", "base")
			if steps, err := m.Upgrade(t.Context(), db, "b2"); err != nil || stepIDs(steps) != "a1 b2" {
				t.Fatal(stepIDs(steps), err)
			}
			if got := alembic("current"); got != "b2" {
				t.Errorf("alembic current: %q", got)
			}
			if _, err := m.Upgrade(t.Context(), db, "head"); err != nil {
				t.Fatal(err)
			}
			if got := alembic("current"); got != "c3 (head)" {
				t.Errorf("alembic current: %q", got)
			}
			alembic("downgrade", "-1") // its revisions do nothing
			if s := state(t, m, db); strings.Join(s.Pending, " ") != "c3" || !strings.Contains(alembic("history"), "b2 -> c3 (head), revision c3") {
				t.Errorf("%+v", s)
			}
		})
	}
}

// Behind this package's table Alembic's is the same to the letter.
func TestAlembicMakesTheSameTable(t *testing.T) {
	t.Parallel()
	text := func(prepare func(url string, db *dbmodule.Database)) string {
		raw := dbtest.URL(t, dbmodule.SQLite)
		cfg := dbmodule.DefaultConfig()
		if err := cfg.URL.UnmarshalText([]byte(raw)); err != nil {
			t.Fatal(err)
		}
		db := dbtest.Open(t, cfg)
		prepare(raw, db)
		var sql string
		if err := db.DB().NewRaw("SELECT sql FROM sqlite_master WHERE name = 'alembic_version'").Scan(t.Context(), &sql); err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(sql), " ")
	}
	theirs := text(func(url string, _ *dbmodule.Database) { alembicCommand(t, url, bookshop())("stamp", "a1") })
	ours := text(func(_ string, db *dbmodule.Database) {
		if err := newMigrator(t, source(bookshop()...)).EnsureVersion(t.Context(), db); err != nil {
			t.Fatal(err)
		}
	})
	if ours != theirs {
		t.Errorf("got  %s\nwant %s", ours, theirs)
	}
}

// alembicPython returns a Python that has Alembic. Distributions install it
// for their own Python, which need not be the first on PATH.
func alembicPython(t *testing.T) string {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import alembic").Run() == nil {
			return python
		}
	}
	const reason = "no python3 has Alembic: install the package alembic"
	if os.Getenv("DBTEST_REQUIRE") == "all" {
		t.Fatalf("%s (DBTEST_REQUIRE asks for all)", reason)
	}
	t.Skip(reason)
	return ""
}
