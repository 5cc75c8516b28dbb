package migrate_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// folder is the text of a revision's files.
type folder struct {
	id, revises, dependsOn, labels string
	// up is for all engines, unless ups has those of single ones; down for all.
	up, down string
	ups      map[dbmodule.Engine]string
}

// source makes the folders of revisions.
func source(folders ...folder) migrate.Source {
	files := fstest.MapFS{}
	for _, f := range folders {
		files[f.id+"/"+migrate.RevisionFile] = &fstest.MapFile{Data: []byte("revision " + f.id + "\n\n" +
			"Revision ID: " + f.id + "\nRevises: " + f.revises + "\nDepends On: " + f.dependsOn + "\nBranch Labels: " + f.labels + "\n")}
		write := func(name, up string) {
			text := "-- migrate:upgrade\n" + up + "\n"
			if f.down != "-" {
				text += "-- migrate:downgrade\n" + f.down + "\n"
			}
			files[f.id+"/"+name+".sql"] = &fstest.MapFile{Data: []byte(text)}
		}
		if len(f.ups) == 0 {
			write("all", f.up)
		}
		for engine, up := range f.ups {
			write(string(engine), up)
		}
	}
	return migrate.Source{FS: files}
}

func newMigrator(t testing.TB, sources ...migrate.Source) *migrate.Migrator {
	t.Helper()
	m, err := migrate.New(sources, migrate.WithBuild("test 1"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// bookshop is a history of three revisions.
func bookshop() []folder {
	return []folder{
		{id: "a1", up: "CREATE TABLE authors (id INTEGER PRIMARY KEY, name VARCHAR(50) NOT NULL);", down: "DROP TABLE authors;"},
		{
			id: "b2", revises: "a1",
			up:   "CREATE TABLE books (id INTEGER PRIMARY KEY, title VARCHAR(50));\nCREATE INDEX ix_books_title ON books (title);",
			down: "DROP TABLE books;",
		},
		{id: "c3", revises: "b2", up: "INSERT INTO authors (id, name) VALUES (1, 'What; now?');\nINSERT INTO authors (id, name) VALUES (2, 'two');", down: "DELETE FROM authors;"},
	}
}

// ids names the revisions of steps.
func stepIDs(steps []migrate.Step) string {
	names := make([]string, len(steps))
	for i, step := range steps {
		names[i] = step.Revision.ID
	}
	return strings.Join(names, " ")
}

func current(t *testing.T, m *migrate.Migrator, db *dbmodule.Database) string {
	t.Helper()
	heads, err := m.Current(t.Context(), db.DB())
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(heads, " ")
}

func state(t *testing.T, m *migrate.Migrator, db *dbmodule.Database) dbmodule.RevisionState {
	t.Helper()
	s, err := m.State(t.Context(), db.DB())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// count returns what a query counts.
func count(t *testing.T, db *dbmodule.Database, query string) int {
	t.Helper()
	var n int
	if err := db.DB().NewRaw(query).Scan(t.Context(), &n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// tables lists the tables of the bookshop that are there.
func tables(t *testing.T, db *dbmodule.Database) string {
	t.Helper()
	query := "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
	switch db.Engine() {
	case dbmodule.SQLite:
		query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
	case dbmodule.PostgreSQL:
		query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
	}
	var names []string
	if err := db.DB().NewRaw(query).Scan(t.Context(), &names); err != nil {
		t.Fatal(err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, "alembic_version") })
	slices.Sort(names)
	return strings.Join(names, " ")
}

// each runs fn on an empty database of every engine.
func each(t *testing.T, fn func(t *testing.T, db *dbmodule.Database)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) { fn(t, dbtest.Open(t, cfg)) })
}
