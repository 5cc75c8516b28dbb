package httpmodule_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/httpmodule"
)

func TestProbes(t *testing.T) {
	t.Parallel()
	f := serve(t, testConfig(), nil)
	got := f.do(http.MethodGet, "/alive", "")
	assert.Equal(t, answer{200, got.header, `{"status":"ok"}`}, got)
	got = f.do(http.MethodGet, "/health", "")
	assert.Equal(t, answer{200, got.header, `{"status":"ok"}`}, got)

	var ready struct {
		Status   string
		Database struct {
			Engine string
			Schema struct{ Ready bool }
			Pool   map[string]any
		}
	}
	got = f.do(http.MethodGet, "/ready", "")
	require.NoError(t, json.Unmarshal([]byte(got.body), &ready))
	assert.Equal(t, 200, got.status)
	assert.Equal(t, "ready", ready.Status)
	assert.Equal(t, "sqlite", ready.Database.Engine)
	assert.True(t, ready.Database.Schema.Ready)
	assert.Contains(t, ready.Database.Pool, "in_use")

	var info map[string]any
	got = f.do(http.MethodGet, "/server_info", "")
	require.NoError(t, json.Unmarshal([]byte(got.body), &info))
	assert.Equal(t, "Test", info["title"])
	assert.Equal(t, "1.2.3", info["version"])
	assert.Contains(t, info, "uptime")
	assert.Contains(t, info, "idle_time")
}

// missingTables is a TableManager on whose database something is missing.
type missingTables struct{}

func (missingTables) Create(context.Context, bun.Conn, []any) ([]string, error) { return nil, nil }
func (missingTables) Drop(context.Context, bun.Conn, []any) ([]string, error)   { return nil, nil }
func (missingTables) Missing(context.Context, bun.IDB, []any) ([]string, error) {
	return []string{"items", "parts"}, nil
}

func TestNotReady(t *testing.T) {
	t.Parallel()
	cfg := dbmodule.DefaultConfig()
	u, err := dbmodule.ParseURL("sqlite:///" + filepath.Join(t.TempDir(), "test.db"))
	require.NoError(t, err)
	cfg.URL = u
	db, err := dbmodule.Open(cfg, nil, dbmodule.WithModels((*Item)(nil)), dbmodule.WithTables(missingTables{}))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	ready := func() answer {
		server, err := httpmodule.New(testConfig(), httpmodule.Info{}, nil, db)
		require.NoError(t, err)
		require.NoError(t, server.Start(t.Context()))
		f := &fixture{t: t, server: server, client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
		got := f.do(http.MethodGet, "/ready", "")
		require.NoError(t, server.Stop(t.Context()))
		return got
	}
	got := ready()
	assert.Equal(t, 503, got.status)
	assert.Contains(t, got.body, `"detail":"Not ready: tables are missing: items, parts"`)

	require.NoError(t, db.Close())
	got = ready()
	assert.Equal(t, 503, got.status)
	assert.Contains(t, got.body, `"reasons":["the database does not answer"]`)
}

// standing is a Migrator of a database in some state.
type standing struct {
	dbmodule.Migrator
	state dbmodule.RevisionState
}

func (s standing) State(context.Context, bun.IDB) (dbmodule.RevisionState, error) {
	return s.state, nil
}

func TestReadyTellsAboutRevisions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		state  dbmodule.RevisionState
		status int
		want   []string
	}{
		"up to date": {dbmodule.RevisionState{Current: []string{"a1"}}, 200, []string{`"current":["a1"]`}},
		"behind":     {dbmodule.RevisionState{Pending: []string{"b2", "c3"}}, 503, []string{"the schema is behind: revisions are pending: b2, c3", `"pending":["b2","c3"]`}},
		"dirty":      {dbmodule.RevisionState{Dirty: []string{"b2"}}, 503, []string{"revisions are not complete: b2"}},
		"unknown":    {dbmodule.RevisionState{Unknown: []string{"x"}}, 503, []string{"does not know: x"}},
		"migrating":  {dbmodule.RevisionState{Migrating: true}, 503, []string{"revisions are being applied"}},
		"ahead":      {dbmodule.RevisionState{Ahead: []string{"d4"}}, 200, []string{`"ahead":["d4"]`}},
		"ahead, and not complete": {
			dbmodule.RevisionState{Current: []string{"a1"}, AheadDirty: []string{"d4"}}, 200, []string{`"ahead_dirty":["d4"]`},
		},
		"drifted": {dbmodule.RevisionState{Drifted: []string{"a1"}}, 200, []string{`"drifted":["a1"]`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := dbmodule.DefaultConfig()
			u, err := dbmodule.ParseURL("sqlite:///" + filepath.Join(t.TempDir(), "test.db"))
			require.NoError(t, err)
			cfg.URL, cfg.Schema = u, dbmodule.SchemaCheck
			db, err := dbmodule.Open(cfg, nil, dbmodule.WithMigrator(standing{state: test.state}))
			require.NoError(t, err)
			t.Cleanup(func() { _ = db.Close() })
			server, err := httpmodule.New(testConfig(), httpmodule.Info{}, nil, db)
			require.NoError(t, err)
			require.NoError(t, server.Start(t.Context()))
			f := &fixture{t: t, server: server, client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
			got := f.do(http.MethodGet, "/ready", "")
			require.NoError(t, server.Stop(t.Context()))
			assert.Equal(t, test.status, got.status)
			for _, want := range test.want {
				assert.Contains(t, got.body, want)
			}
		})
	}
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.SessionAPIKey = "the key"
	f := serve(t, cfg, nil)
	for _, path := range []string{"/alive", "/health", "/ready", "/openapi.json", "/docs", "/docs/", "/docs/swagger-ui.css"} {
		assert.Equal(t, 200, f.do(http.MethodGet, path, "").status, path)
	}
	for _, path := range []string{"/server_info", "/nowhere", "/openapi.json/", "/docsx"} {
		got := f.do(http.MethodGet, path, "")
		assert.Equal(t, 401, got.status, path)
		assert.Equal(t, "Bearer", got.header.Get("WWW-Authenticate"))
		assert.Contains(t, got.body, `{"detail":"`)
	}
	cases := []struct {
		header, value string
		status        int
	}{
		{"X-Session-API-Key", "the key", 200},
		{"X-Session-API-Key", "the kez", 401},
		{"X-Session-API-Key", "the key and more", 401},
		{"Authorization", "Bearer the key", 200},
		{"Authorization", "bearer the key", 200},
		{"Authorization", "Bearer wrong", 401},
		{"Authorization", "Basic the key", 401},
		{"Authorization", "the key", 401},
		{"Authorization", "Bearer", 401},
	}
	for _, tc := range cases {
		assert.Equal(t, tc.status, f.do(http.MethodGet, "/server_info", "", tc.header, tc.value).status, tc.header+": "+tc.value)
	}
}

// What /ready says and logs about a database that it can't reach is built from
// what drivers say of their configuration.
func TestReadyShowsNoSecret(t *testing.T) {
	t.Parallel()
	const secret = "tOpS3cret"
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts by the kernel and says nothing
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, silent.Close()) })
	var corpus []string
	for _, scheme := range []string{"postgresql", "postgresql+asyncpg", "postgres", "mysql", "mysql+aiomysql", "mariadb"} {
		for _, host := range []string{"127.0.0.1:1", "[::1]:1", silent.Addr().String(), "no-such-host.invalid"} {
			corpus = append(corpus, scheme+"://me:"+secret+"@"+host+"/db")
		}
		corpus = append(corpus, scheme+"://me@127.0.0.1:1/db?password="+secret)
	}
	for _, engine := range []dbmodule.Engine{dbmodule.PostgreSQL, dbmodule.MySQL} {
		u, err := url.Parse(dbtest.URL(t, engine))
		require.NoError(t, err)
		u.User = url.UserPassword("dbtest", secret) // the wrong one
		corpus = append(corpus, u.String())
	}
	corpus = append(corpus,
		"postgresql://me:"+secret+"@127.0.0.1:1,127.0.0.1:2/db", "postgresql://me:"+secret+"@127.0.0.1:1/db?sslmode=require",
		"sqlite:////no/such/folder/test.db")
	for _, raw := range corpus {
		cfg := dbmodule.DefaultConfig()
		if cfg.URL, err = dbmodule.ParseURL(raw); err != nil {
			assert.NotContains(t, err.Error(), secret)
			continue
		}
		t.Run(cfg.URL.String(), func(t *testing.T) {
			t.Parallel()
			db, err := dbmodule.Open(cfg, nil)
			require.NoError(t, err)
			core, logs := observer.New(zap.DebugLevel)
			server, err := httpmodule.New(testConfig(), httpmodule.Info{}, zap.New(core), db)
			require.NoError(t, err)
			w := httptest.NewRecorder()
			server.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/ready", nil))
			require.NoError(t, db.Close())
			assert.Equal(t, http.StatusServiceUnavailable, w.Code)
			assert.NotEmpty(t, logs.All())
			for _, entry := range logs.All() {
				assert.NotContains(t, entry.Message+fmt.Sprintf("%+v", entry.ContextMap()), secret)
			}
			assert.NotContains(t, w.Body.String()+fmt.Sprint(w.Header()), secret)
		})
	}
	t.Logf("figure 11, /ready and its log on %d URLs with a password that lead to no database", len(corpus)-1)
}
