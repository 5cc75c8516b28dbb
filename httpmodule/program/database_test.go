package program_test

import (
	"bytes"
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/httpmodule/program"
)

type entry struct {
	ID int64 `bun:",pk,autoincrement"`
}

// both counts the rows of two databases.
type both struct {
	fx.In

	Main  *dbmodule.SessionFactory
	Audit *dbmodule.SessionFactory `name:"audit"`
	Notes *dbmodule.SessionFactory `name:"notes"`
}

func countBoth(b both) httpmodule.Routes {
	return func(e *echo.Echo, _ huma.API) {
		e.GET("/entries", func(c echo.Context) error {
			ctx := c.Request().Context()
			for _, sessions := range []*dbmodule.SessionFactory{b.Audit, b.Notes} {
				if _, err := httpmodule.Session(ctx, sessions).NewSelect().Model((*entry)(nil)).Count(ctx); err != nil {
					return err
				}
			}
			return c.NoContent(http.StatusNoContent)
		})
	}
}

// withDatabases is songs with a database that has revisions and one that has none.
func withDatabases() program.Program {
	p := songs()
	p.Routes = append(p.Routes, countBoth)
	p.Databases = []program.Database{
		{Name: "audit", Models: []any{(*entry)(nil)}, Revisions: []migrate.Source{{FS: fstest.MapFS{
			"1_one/revision.txt": {Data: []byte("entries\n\nRevision ID: one\nRevises: \nCreate Date: 2026-11-24T20:30:00Z\n")},
			"1_one/all.sql":      {Data: []byte("-- migrate:upgrade\nCREATE TABLE entries (id integer PRIMARY KEY);\n-- migrate:downgrade\nDROP TABLE entries;\n")},
		}}}},
		{Name: "notes", Models: []any{(*entry)(nil)}},
	}
	return p
}

// A program's other databases are reached by the command db, each with settings of its own,
// and are in the graph with their tables made.
//
// Not parallel: it changes the folder and the environment.
func TestDatabases(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	t.Setenv("DATABASE_URL", "sqlite:///"+filepath.Join(folder, "songs.db"))
	t.Setenv("PORT", "0")
	t.Setenv("NOTES_DATABASE_URL", "sqlite:///"+filepath.Join(folder, "notes.db"))
	run := func(args ...string) (int, string) {
		var out bytes.Buffer
		code := withDatabases().Run(t.Context(), args, strings.NewReader(""), &out, &out)
		return code, out.String()
	}
	code, text := run("db", "current", "--database", "audit")
	require.Equal(t, 1, code)
	require.Contains(t, text, "AUDIT_DATABASE_URL is not set")

	t.Setenv("AUDIT_DATABASE_URL", "sqlite:///"+filepath.Join(folder, "audit.db"))
	code, text = run("db", "current", "--database", "audit")
	require.Zero(t, code, text)
	code, text = run("db", "current", "--database", "adit")
	require.Equal(t, 2, code)
	require.Contains(t, text, "there are audit, notes")

	p := withDatabases()
	cfg, read := p.ReadConfig()
	require.NoError(t, read.Err())
	var server *httpmodule.Server
	application := fx.New(p.Module(cfg), fx.Supply(zap.NewNop()), fx.NopLogger, fx.Populate(&server))
	require.NoError(t, application.Start(context.Background()))
	response, err := http.Get("http://" + server.Addr() + "/entries") //nolint:noctx // it is a test's own server
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusNoContent, response.StatusCode)
	require.NoError(t, application.Stop(context.Background()))
	code, text = run("db", "current", "--database", "audit")
	require.Zero(t, code)
	require.Equal(t, "one (head)\n", text)
}
