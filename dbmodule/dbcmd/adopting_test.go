package dbcmd_test

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// guide is docs/adopting.md: its pieces of code, by what stands behind ```.
type guide struct {
	shell []string
	code  map[string]string
}

var reGuidePiece = regexp.MustCompile("(?ms)^```(\\w+)([^\n]*)\n(.*?)^```$")

func readGuide(t *testing.T) guide {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "adopting.md"))
	require.NoError(t, err)
	g := guide{code: map[string]string{}}
	for _, m := range reGuidePiece.FindAllStringSubmatch(string(text), -1) {
		if m[1] == "sh" {
			g.shell = append(g.shell, m[3])
			continue
		}
		g.code[strings.TrimSpace(m[2])] = m[3]
	}
	require.Len(t, g.shell, 5)
	require.Len(t, g.code, 3)
	return g
}

// adopter is somebody who follows the guide.
type adopter struct {
	t        *testing.T
	dir, url string
}

func newAdopter(t *testing.T, url string) *adopter {
	t.Helper()
	a := &adopter{t: t, dir: t.TempDir(), url: url}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	_, requires, _ := strings.Cut(string(mod), "\nrequire (")
	goLine := regexp.MustCompile(`(?m)^go .*$`).FindString(string(mod))
	a.write("go.mod", fmt.Sprintf("module app\n\n%s\n\nrequire github.com/openhands-go/server v0.0.0\n\nreplace github.com/openhands-go/server => %s\n\nrequire (%s", goLine, root, requires))
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	require.NoError(t, err)
	a.write("go.sum", string(sum))
	return a
}

func (a *adopter) write(name, text string) {
	a.t.Helper()
	require.NoError(a.t, os.WriteFile(filepath.Join(a.dir, name), []byte(text), 0o644))
}

// run runs lines of shell on a database and returns what they print.
func (a *adopter) run(databaseURL, lines string) string {
	a.t.Helper()
	cmd := exec.CommandContext(a.t.Context(), "sh", "-ec", lines)
	cmd.Dir = a.dir
	cmd.Env = append(os.Environ(), "DATABASE_URL="+databaseURL, "GOFLAGS=-mod=mod", "GOWORK=off", "GOPROXY=off")
	out, err := cmd.CombinedOutput()
	if err != nil {
		models, _ := os.ReadFile(filepath.Join(a.dir, "models", "models.go"))
		a.t.Fatalf("%s\n%v\n%s\n%s", lines, err, out, models)
	}
	return string(out)
}

// follow follows the guide to its end.
func (a *adopter) follow(g guide, engine dbmodule.Engine) {
	t := a.t
	t.Helper()
	first := g.code["first main.go"]
	a.write("main.go", first)
	a.run(a.url, g.shell[0])
	imports, settings, ok := strings.Cut(g.code["second main.go"], "\n\n")
	require.True(t, ok)
	second := strings.Replace(first, "import (\n", "import (\n"+imports+"\n", 1)
	a.write("main.go", strings.Replace(second, "dbcmd.Config{\n", "dbcmd.Config{\n"+settings, 1))
	a.run(a.url, g.shell[1])

	path := filepath.Join(a.dir, "models", "models.go")
	models, err := os.ReadFile(path)
	require.NoError(t, err)
	a.addTypes(string(models), engine)
	a.run(a.url, g.shell[2])
	out := a.run(a.url, g.shell[3])
	require.Contains(t, out, "No new upgrade operations detected.")

	// A database that the revision made is as the old one, for the models.
	fresh := dbtest.URL(t, engine)
	out = a.run(fresh, "go run . upgrade\ngo run . check --live\ngo run . downgrade base\ngo run . upgrade")
	require.Contains(t, out, "No new upgrade operations detected.")

	changed := strings.Replace(string(models), "\n\tEmail ", "\n"+g.code["field User"]+"\tEmail ", 1)
	require.NotEqual(t, string(models), changed)
	// This one makes a table again on SQLite.
	longer := regexp.MustCompile(`(?m)^(\tTitle\s+string\s+.bun:"title,)type:varchar\(\d+\),notnull("|,)`)
	require.Regexp(t, longer, changed)
	changed = longer.ReplaceAllString(changed, `${1}type:varchar(300),notnull,default:'none'${2}`)
	require.NoError(t, os.WriteFile(path, []byte(changed), 0o644))
	out = a.run(a.url, g.shell[4])
	require.Contains(t, out, "No new upgrade operations detected.")
}

// addTypes adds the statements at the top of the models to the revision.
func (a *adopter) addTypes(models string, engine dbmodule.Engine) {
	t := a.t
	t.Helper()
	types := regexp.MustCompile(`(?m)^//\s+(CREATE (?:TYPE|DOMAIN) .*;)$`).FindAllStringSubmatch(models, -1)
	require.Equal(t, engine == dbmodule.PostgreSQL, len(types) > 0, models)
	if len(types) == 0 {
		return
	}
	files, err := filepath.Glob(filepath.Join(a.dir, "migrations", "*", "postgresql.sql"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	text, err := os.ReadFile(files[0])
	require.NoError(t, err)
	var creates, drops []string
	for _, m := range types {
		creates = append(creates, m[1])
		drops = append(drops, "DROP TYPE "+strings.Fields(m[1])[2]+";")
	}
	changed := strings.Replace(string(text), "CREATE TABLE", strings.Join(creates, "\n")+"\nCREATE TABLE", 1)
	changed = strings.TrimRight(changed, "\n") + "\n" + strings.Join(drops, "\n") + "\n"
	require.NoError(t, os.WriteFile(files[0], []byte(changed), 0o644))
}

// alembicURL is the URL for the drivers that Python has here.
func alembicURL(t *testing.T, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	switch base, _, _ := strings.Cut(u.Scheme, "+"); base {
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

func alembicPython(t *testing.T) string {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(t.Context(), python, "-c", "import alembic, psycopg2, pymysql").Run() == nil {
			return python
		}
	}
	const reason = "no python3 has Alembic, psycopg2 and PyMySQL: install the packages alembic, python3-psycopg2 and python3-pymysql"
	if os.Getenv("DBTEST_REQUIRE") == "all" {
		t.Fatalf("%s (DBTEST_REQUIRE asks for all)", reason)
	}
	t.Skip(reason)
	return ""
}

// The guide leads from a database of the real SQLAlchemy to a change of it.
func TestAdoptWhatSQLAlchemyMade(t *testing.T) {
	t.Parallel()
	g := readGuide(t)
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			python := alembicPython(t)
			raw := dbtest.URL(t, engine)
			cmd := exec.CommandContext(t.Context(), python, filepath.Join("testdata", "adopting", "models.py"))
			cmd.Env = append(os.Environ(), "DATABASE_URL="+alembicURL(t, raw), "PYTHONDONTWRITEBYTECODE=1")
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, string(out))
			newAdopter(t, raw).follow(g, engine)
		})
	}
}

// It leads there from the tables that SQLAlchemy 2 makes, too: by naming
// conventions, UUIDs, generated columns and types of each engine's own.
func TestAdoptWhatSQLAlchemy2Made(t *testing.T) {
	t.Parallel()
	g := readGuide(t)
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			raw := dbtest.URL(t, engine)
			cfg := dbmodule.DefaultConfig()
			require.NoError(t, cfg.URL.UnmarshalText([]byte(raw)))
			db := dbtest.Open(t, cfg)
			text, err := os.ReadFile(filepath.Join("testdata", "adopting", "sqlalchemy2_"+string(engine)+".sql"))
			require.NoError(t, err)
			for statement := range strings.SplitSeq(strings.TrimSuffix(string(text), ";\n"), ";\n") {
				_, err := db.DB().DB.ExecContext(t.Context(), statement)
				require.NoError(t, err, statement)
			}
			newAdopter(t, raw).follow(g, engine)
			var title string
			require.NoError(t, db.DB().DB.QueryRowContext(t.Context(), "SELECT title FROM posts").Scan(&title))
			require.Equal(t, "One", title)
		})
	}
}

// The tables in which the program keeps its revisions are no models.
func TestInspectLeavesVersionTablesOut(t *testing.T) {
	t.Parallel()
	p := newProgram(t).on(dbtest.Config(t, dbmodule.SQLite))
	p.must("init")
	p.config.Sources = []migrate.Source{{FS: os.DirFS(p.config.Dir), VersionTable: migrate.VersionTable{Name: "standing", History: "what_ran"}}}
	p.add("1_one", revisionText("one", "", "one"), "-- migrate:upgrade\nCREATE TABLE outstanding (id int);\n-- migrate:downgrade\nDROP TABLE outstanding;\n")
	p.must("upgrade")
	text := p.must("inspect", "--format", "go").stdout
	require.Contains(t, text, "table:outstanding")
	require.NotContains(t, text, "table:standing")
	require.NotContains(t, text, "table:what_ran")
}
