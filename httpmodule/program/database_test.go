package program_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/danielgtaylor/huma/v2"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbmetrics"
	"github.com/openhands-go/server/dbmodule/dbtrace"
	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/httpmodule/httpmetrics"
	"github.com/openhands-go/server/httpmodule/httpstatus"
	"github.com/openhands-go/server/httpmodule/program"
	"github.com/openhands-go/server/httpmodule/program/settings"
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
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	application := fx.New(p.Module(cfg), fx.Supply(zap.NewNop()), fx.NopLogger, fx.Populate(&server),
		httpmetrics.Module, dbmetrics.Module, httpstatus.Module, dbtrace.Module,
		fx.Provide(func() trace.TracerProvider { return provider }))
	require.NoError(t, application.Start(context.Background()))
	ask := func(path string) (status int, body string) {
		response, err := http.Get("http://" + server.Addr() + path) //nolint:noctx // it is a test's own server
		require.NoError(t, err)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, errors.Join(err, response.Body.Close()))
		return response.StatusCode, string(text)
	}
	status, _ := ask("/entries")
	require.Equal(t, http.StatusNoContent, status)
	seenOfAll(t, ask)
	databases := map[string]bool{}
	for _, span := range spans.Ended() {
		for _, a := range span.Attributes() {
			if a.Key == "db.session.database" {
				databases[a.Value.AsString()] = true
			}
		}
	}
	require.Equal(t, map[string]bool{"audit": true, "notes": true}, databases)
	require.NoError(t, application.Stop(context.Background()))
	code, text = run("db", "current", "--database", "audit")
	require.Zero(t, code)
	require.Equal(t, "one (head)\n", text)
}

// seenOfAll looks for each of the three databases where operators look.
func seenOfAll(t *testing.T, ask func(path string) (status int, body string)) {
	t.Helper()
	_, metrics := ask("/metrics")
	for _, database := range []string{"main", "audit", "notes"} {
		for _, series := range []string{
			`db_schema_state{database="%s",state="current"} 1`, `db_client_connections_max{database="%s",`, `db_storage_bytes{database="%s"} `,
			`db_client_operations_total{database="%s",db_operation_name="select",outcome="ok"} `,
		} {
			require.Contains(t, metrics, fmt.Sprintf(series, database))
		}
	}
	require.Contains(t, metrics, `db_schema_revision_info{database="audit",revision="one"} 1`)

	_, text := ask("/status.json")
	var report httpstatus.Report
	require.NoError(t, json.Unmarshal([]byte(text), &report))
	require.Equal(t, "ok", report.State, report.Reasons)
	require.Len(t, report.Databases, 2)
	audit, notes := report.Databases[0], report.Databases[1]
	require.Equal(t, []string{"", "audit", "notes"}, []string{report.Name, audit.Name, notes.Name})
	require.Len(t, audit.History, 1)
	require.Equal(t, []string{"one"}, audit.Schema.Revisions.Current)
	require.Positive(t, audit.Storage.File)
	require.NotEmpty(t, notes.Tables)
	require.Empty(t, notes.History)
	require.Contains(t, report.Samples[0].Pools, dbmodule.Pool("audit writer"))
	databases := map[string]bool{}
	for _, statement := range report.Statements {
		databases[statement.Database] = true
		require.NotContains(t, statement.Text, "alembic_version")
	}
	require.True(t, databases["audit"] && databases["notes"], report.Statements)
	require.Len(t, report.Routes, 1, "without probes")
	require.Equal(t, "GET /entries", report.Routes[0].Text)
	require.EqualValues(t, 1, report.Routes[0].Count)
	require.Positive(t, report.Routes[0].P95)
}

// The command config has every variable of every database, with what is wrong, and serve refuses
// all that is wrong at once.
//
// Not parallel: it changes the environment.
func TestConfigOfDatabases(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("DATABASE_URL", "sqlite:///songs.db")
	t.Setenv("DATABASE_POOL_SIZE", "7")
	t.Setenv("DATABASE_PASSWORD_FILE", "/run/secrets/main")
	t.Setenv("AUDIT_DATABASE_URL", "postgresql://u:hunter2@db.example/audit")
	t.Setenv("AUDIT_DATABASE_POOL_TIMEOUT", "0s")
	t.Setenv("AUDIT_DATABASE_ECHO", "hunter2")
	t.Setenv("AUDIT_DATABASE_POOLSIZE", "2")
	run := func(args ...string) (code int, out string) {
		var b bytes.Buffer
		code = withDatabases().Run(t.Context(), args, strings.NewReader(""), &b, &b)
		return code, b.String()
	}
	code, text := run("config", "--json")
	require.Zero(t, code)
	require.NotContains(t, text, "hunter2")
	var list []settings.Setting
	require.NoError(t, json.Unmarshal([]byte(text), &list))
	byName := map[string]settings.Setting{}
	for _, s := range list {
		require.NotContains(t, byName, s.Name)
		require.NotEmpty(t, s.Meaning, s.Name)
		byName[s.Name] = s
	}
	require.Equal(t, "postgresql://u:***@db.example/audit", byName["AUDIT_DATABASE_URL"].Value)
	require.True(t, byName["AUDIT_DATABASE_URL"].Set)
	require.Empty(t, byName["AUDIT_DATABASE_URL"].Default, "it is never that of the main database")
	require.Empty(t, byName["AUDIT_DATABASE_PASSWORD_FILE"].Default)
	require.Equal(t, "7", byName["AUDIT_DATABASE_POOL_SIZE"].Value, "as the main database")
	require.Equal(t, "migrate", byName["AUDIT_DATABASE_SCHEMA"].Value)
	require.Equal(t, "create", byName["NOTES_DATABASE_SCHEMA"].Value)
	require.Equal(t, "AUDIT_DATABASE_POOL_TIMEOUT=0s: takes a duration above 0, for example 30s", byName["AUDIT_DATABASE_POOL_TIMEOUT"].Problem)
	require.Equal(t, "AUDIT_DATABASE_ECHO: takes false, true or debug", byName["AUDIT_DATABASE_ECHO"].Problem)
	require.Contains(t, byName["NOTES_DATABASE_URL"].Problem, "NOTES_DATABASE_URL is not set")
	for name := range byName {
		if variable, ok := strings.CutPrefix(name, "AUDIT_"); ok {
			require.Contains(t, byName, variable)
			require.Contains(t, byName, "NOTES_"+variable)
		}
	}

	code, text = run("config")
	require.Zero(t, code)
	require.Contains(t, text, "AUDIT_DATABASE_POOLSIZE is not a setting and is ignored: did you mean AUDIT_DATABASE_POOL_SIZE?")
	code, text = run("serve")
	require.Equal(t, 1, code)
	for _, says := range []string{"4 settings can't be used", "AUDIT_DATABASE_POOL_TIMEOUT=0s", "AUDIT_DATABASE_ECHO: ", "NOTES_DATABASE_URL is not set"} {
		require.Contains(t, text, says)
	}
	require.NotContains(t, text, "hunter2")
}
