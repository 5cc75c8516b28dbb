package httpstatus_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"go.uber.org/fx/fxtest"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/httpmodule/httpstatus"
)

type book struct {
	bun.BaseModel `bun:"table:books"`

	ID    int64  `bun:"id,pk,autoincrement"`
	Title string `bun:"title,notnull,unique,type:varchar(100)"`
}

const secret = "a-value-of-a-row"

// TestReport asks for the report of a database on every engine: all well, then
// after errors, without the values that these were about.
func TestReport(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		watcher := httpstatus.NewWatcher()
		db := dbtest.Open(t, cfg, dbmodule.WithObserver(watcher))
		_, err := db.DB().NewCreateTable().Model((*book)(nil)).Exec(t.Context())
		require.NoError(t, err)
		store := func() error {
			return db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
				_, err := s.NewInsert().Model(&book{Title: secret}).Exec(ctx)
				return err
			})
		}
		server, err := httpmodule.New(httpmodule.DefaultConfig(), httpmodule.Info{Title: "Test"}, nil, db, func(e *echo.Echo, _ huma.API) {
			e.GET("/broken/:id", func(echo.Context) error { return errors.New(secret) })
		})
		require.NoError(t, err)
		lifecycle := fxtest.NewLifecycle(t)
		httpstatus.Serve(httpstatus.Params{Server: server, Database: db, Watcher: watcher, Lifecycle: lifecycle, Log: zap.NewNop()})
		lifecycle.RequireStart()
		t.Cleanup(lifecycle.RequireStop)
		ask := func(path string) (int, string) {
			w := httptest.NewRecorder()
			server.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
			return w.Code, w.Body.String()
		}
		report := func() (report httpstatus.Report) {
			status, body := ask(httpstatus.PathJSON)
			require.Equal(t, http.StatusOK, status)
			require.NotContains(t, body, secret)
			require.NoError(t, json.Unmarshal([]byte(body), &report))
			return report
		}

		require.NoError(t, store())
		require.Eventually(t, func() bool { return len(report().Samples) > 0 }, 10*time.Second, 10*time.Millisecond)
		well := report()
		require.Equal(t, "ok", well.State, well.Reasons)
		require.NotEmpty(t, well.Tables)
		require.Condition(t, func() bool {
			for _, table := range well.Tables {
				if table.Name == "books" && table.Bytes > 0 {
					return true
				}
			}
			return false
		}, "%v", well.Tables)
		for _, statement := range well.Statements { // none of those by which it looks itself
			require.NotRegexp(t, "pg_class|information_schema|page_count|dbstat", statement.Text)
		}
		require.GreaterOrEqual(t, len(well.Statements), 2, "INSERT and COMMIT: %v", well.Statements)

		require.ErrorIs(t, store(), dbmodule.ErrUnique)
		refused := report()
		require.Equal(t, "ok", refused.State, "a row that is there is no fault of the server")
		require.Equal(t, "unique", refused.Errors[0].Kind)

		status, _ := ask("/broken/1")
		require.Equal(t, http.StatusInternalServerError, status)
		broken := report()
		require.Equal(t, "degraded", broken.State)
		require.Equal(t, "GET /broken/:id", broken.Errors[0].Where)
		require.NotEmpty(t, broken.Errors[0].RequestID)

		last := broken.Samples[len(broken.Samples)-1]
		require.Positive(t, last.Memory)
		if cfg.URL.Engine() != dbmodule.SQLite {
			require.Nil(t, broken.Storage)
			return
		}
		require.Positive(t, broken.Storage.File)
		require.Positive(t, broken.Storage.Log)
		require.Greater(t, broken.Storage.Disk, broken.Storage.Free)
	})
}

func TestStatusOfADatabaseThatIsGone(t *testing.T) {
	t.Parallel()
	cfg := dbmodule.DefaultConfig()
	var err error
	cfg.URL, err = dbmodule.ParseURL("sqlite:////nowhere/at/all.db")
	require.NoError(t, err)
	watcher := httpstatus.NewWatcher()
	db, err := dbmodule.Open(cfg, nil, dbmodule.WithObserver(watcher))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	httpConfig := httpmodule.DefaultConfig()
	httpConfig.SessionAPIKey = "made-up"
	server, err := httpmodule.New(httpConfig, httpmodule.Info{}, nil, db)
	require.NoError(t, err)
	httpstatus.Serve(httpstatus.Params{Server: server, Database: db, Watcher: watcher, Lifecycle: fxtest.NewLifecycle(t), Log: zap.NewNop()})
	ask := func(path, key string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		r.Header.Set("X-Session-API-Key", key)
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		return w
	}
	require.Equal(t, http.StatusUnauthorized, ask(httpstatus.PathJSON, "").Code)
	told := ask(httpstatus.PathJSON, "made-up").Body.String()
	require.Contains(t, told, `"state":"down"`)
	require.Contains(t, told, "the database does not answer: ", "why it does not is told to who has the key")
	require.Contains(t, told, "unable to open database file")
	page := ask(httpstatus.Path, "")
	require.Equal(t, http.StatusOK, page.Code)
	require.Contains(t, page.Header().Get("Content-Security-Policy"), "default-src 'none'")
	require.NotContains(t, page.Body.String(), "http://www.w3.org/1999") // nothing from elsewhere
}

// The statements that keep revisions are not shown, whatever their tables are
// called; those on other tables are.
func TestStatementsOfRevisions(t *testing.T) {
	t.Parallel()
	watcher := httpstatus.NewWatcher()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite), dbmodule.WithObserver(watcher))
	migrator, err := migrate.New([]migrate.Source{{
		VersionTable: migrate.VersionTable{Name: "standing", History: "what_ran"},
		FS: fstest.MapFS{
			"a/revision.txt": {Data: []byte("a\n\nRevision ID: a\nRevises:\n")},
			"a/all.sql":      {Data: []byte("-- migrate:upgrade\nCREATE TABLE outstanding (n integer);\n-- migrate:downgrade\nDROP TABLE outstanding;\n")},
		},
	}})
	require.NoError(t, err)
	server, err := httpmodule.New(httpmodule.DefaultConfig(), httpmodule.Info{}, nil, db)
	require.NoError(t, err)
	httpstatus.Serve(httpstatus.Params{Server: server, Database: db, Watcher: watcher, Migrator: migrator, Lifecycle: fxtest.NewLifecycle(t), Log: zap.NewNop()})
	require.NoError(t, migrator.UpgradeHeads(t.Context(), db))
	_, err = db.DB().ExecContext(t.Context(), "INSERT INTO outstanding VALUES (1)")
	require.NoError(t, err)

	w := httptest.NewRecorder()
	server.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, httpstatus.PathJSON, nil))
	var report httpstatus.Report
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &report))
	var texts []string
	for _, statement := range report.Statements {
		texts = append(texts, statement.Text)
	}
	all := strings.Join(texts, "\n")
	require.Contains(t, all, "INTO outstanding")
	require.NotContains(t, all, " standing")
	require.NotContains(t, all, "what_ran")
}
