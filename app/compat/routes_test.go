package compat_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/compat"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/httpmodule"
)

// What clients ask before they talk to a server.
func TestProbes(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		info := apptest.JSON[map[string]any](t, s, http.MethodGet, "/server_info", "", 200)
		for _, name := range []string{
			"uptime", "idle_time", "title", "version", "sdk_version", "tools_version", "workspace_version", "build_git_sha",
			"build_git_ref", "python_version", "usable_tools", "capabilities", "docs", "redoc",
		} {
			assert.Contains(t, info, name)
		}
		assert.Equal(t, "1.44.0", info["version"])
		assert.Equal(t, "1.0.0", info["release"], "our own")
		assert.Equal(t, []any{}, info["usable_tools"])
		root := apptest.JSON[map[string]any](t, s, http.MethodGet, "/", "", 200)
		assert.Equal(t, "1.44.0", root["version"])

		assert.JSONEq(t, `{"active_agent_profile_id":null,"active_profile":null,"agent_settings":{"agent_kind":"openhands","mcp_config":{},
			"schema_version":1},"conversation_settings":{},"llm_api_key_is_set":false,"misc_settings":{}}`,
			s.Do(t, http.MethodGet, "/api/settings", "").Body)
		assert.JSONEq(t, `{"id":"default","name":"default","org_id":null,"user_id":"default","auth_type":"bearer"}`,
			s.Do(t, http.MethodGet, "/api/keys/current", "").Body)
	})
}

// What needs an agent is refused with 501 and a text, whatever the method and below any
// of its paths; what is known nowhere stays a 404.
func TestNotOffered(t *testing.T) {
	t.Parallel()
	const id = "/0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a10"
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		for _, area := range []string{
			"bash", "file", "git", "vscode", "desktop", "tools", "mcp", "llm", "skills", "plugins", "hooks",
			"workspaces", "profiles", "agent-profiles", "meta-profiles", "sub-agents", "organizations", "v1/settings", "v1/secrets", "v1/sandboxes",
		} {
			for _, path := range []string{"", "/", "/a", "/a/b%2Fc"} {
				for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
					refused(t, s, method, "/api/"+area+path)
				}
			}
		}
		for path, methods := range map[string]string{
			"/api/settings": "POST PATCH PUT", "/api/settings/secrets": "GET", "/api/settings/mcp/x": "PATCH", "/sockets/bash-events": "GET",
			"/workspace/a/b": "GET", "/api/v1/app-conversations" + id + "/file": "GET", "/api/v1/app-conversations": "POST",
			"/api/v1/app-conversations" + id + "/switch_profile": "POST", "/api/v1/app-conversations" + id + "/switch_acp_model": "POST",
			"/api/conversations" + id + "/workspace": "GET", "/api/conversations" + id + "/workspace/a/b.html": "GET",
			"/api/conversations" + id + "/credential-bindings/x": "PUT", "/api/conversations/prepare-for-sandbox-pause": "POST",
			"/api/init": "GET POST", "/v1/models": "GET", "/v1/chat/completions": "POST",
			"/api/conversations" + id + "/load_plugin": "POST", "/api/conversations" + id + "/run": "POST", "/api/conversations" + id + "/goal/stop": "POST",
		} {
			for method := range strings.FieldsSeq(methods) {
				refused(t, s, method, path)
			}
		}
		assert.Equal(t, http.StatusNotFound, s.Do(t, http.MethodGet, "/api/no/such/route", "").Status)
		assert.Equal(t, http.StatusNotFound, s.Do(t, http.MethodGet, "/api/bashful", "").Status)
	})
}

func refused(t *testing.T, s *apptest.Server, method, path string) {
	t.Helper()
	answer := s.Do(t, method, path, "")
	var body struct{ Detail string }
	if assert.Equal(t, http.StatusNotImplemented, answer.Status, method+" "+path) && assert.NoError(t, json.Unmarshal([]byte(answer.Body), &body)) {
		assert.Contains(t, body.Detail, "no agent", path)
	}
}

// The documentation has each of them once, and last.
func TestNotOfferedStandsLast(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, dbtest.Config(t, dbmodule.SQLite))
	document := apptest.JSON[struct {
		Tags  []struct{ Name string }
		Paths map[string]map[string]struct{ Tags []string }
	}](t, s, http.MethodGet, "/openapi.json", "", 200)
	require.NotEmpty(t, document.Tags)
	last := document.Tags[len(document.Tags)-1].Name
	assert.Equal(t, []string{last}, document.Paths["/api/bash/*"]["get"].Tags)
	assert.Equal(t, []string{last}, document.Paths["/api/conversations/{conversation_id}/run"]["post"].Tags)
	known := map[string]bool{}
	for _, tag := range document.Tags {
		known[tag.Name] = true
	}
	for path, methods := range document.Paths {
		for method, op := range methods {
			for _, tag := range op.Tags {
				assert.True(t, known[tag], "%s %s has a tag without a place: %s", method, path, tag)
			}
		}
	}
}

// A browser gets a page without a key; what the server says of itself needs one.
func TestRootNeedsTheKeyForWhatItSays(t *testing.T) {
	t.Parallel()
	cfg := httpmodule.DefaultConfig()
	cfg.SessionAPIKey = "the key"
	server, err := httpmodule.New(cfg, httpmodule.Info{Version: "9.9.9"}, nil, dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite)), compat.Routes)
	require.NoError(t, err)
	compat.Root(server)
	ask := func(header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		return w
	}
	page := ask("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	assert.Equal(t, 200, page.Code)
	assert.Contains(t, page.Body.String(), "/docs")
	assert.Contains(t, page.Body.String(), `<meta name="viewport" content="width=device-width`, "telephones show it in their width")
	assert.Contains(t, page.Body.String(), `<meta name="color-scheme" content="light dark">`)
	assert.NotContains(t, page.Body.String(), "9.9.9")
	assert.Equal(t, http.StatusUnauthorized, ask("Accept", "application/json").Code)
	assert.Equal(t, http.StatusUnauthorized, ask("Accept", "application/json", "X-Session-API-Key", "another").Code)
	said := ask("Accept", "application/json", "X-Session-API-Key", "the key")
	assert.Equal(t, 200, said.Code)
	assert.Contains(t, said.Body.String(), "9.9.9")
}

func TestVersionsThatClientsCompare(t *testing.T) {
	t.Parallel()
	require.NoError(t, compat.CheckVersion(compat.AgentServerVersion))
	for _, bad := range []string{"", "1.44", "v1.44.0", "1.44.0-rc1", "1..0", "1.2.3.4", "1.44.x", "1.44.99999999"} {
		assert.Error(t, compat.CheckVersion(bad), bad)
	}
}
