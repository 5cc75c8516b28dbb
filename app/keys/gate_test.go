package keys_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/keys"
	"github.com/openhands-go/server/app/webhooks"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/httpmodule"
)

const (
	header = "X-Session-API-Key"
	id     = "0d3ee5a55f044e7a9c3b2f9e4f1d7a10"
)

func withKeys(t *testing.T, cfg keys.Config) func(*httpmodule.Config) {
	t.Helper()
	gate, err := keys.NewGate(cfg, zap.NewNop(), webhooks.Pushes()...)
	require.NoError(t, err)
	return func(c *httpmodule.Config) { c.Gate = gate }
}

func each(t *testing.T, fn func(t *testing.T, s *apptest.Server)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		fn(t, apptest.New(t, cfg, withKeys(t, keys.Config{Keys: "agent:webhooks:W,reader:read:R,admin:all:A", Default: "D"})))
	})
}

// An agent server pushes and reads nothing; a reader reads and writes nothing.
func TestScopes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *apptest.Server) {
		conversation := `{"id":"` + id + `","title":"Coins"}`
		for key, want := range map[string]int{"": 401, "X": 401, "R": 403, "W": 200, "A": 200, "D": 200} {
			assert.Equal(t, want, s.Do(t, http.MethodPost, "/api/v1/webhooks/conversations", conversation, header, key).Status, key)
			assert.Equal(t, want, s.Do(t, http.MethodPost, "/api/v1/webhooks/events/"+id, `[{"id":"e"}]`, "Authorization", "Bearer "+key).Status, key)
		}
		for key, want := range map[string]int{"": 401, "R": 200, "W": 403, "A": 200, "D": 200} {
			for _, path := range []string{
				"/api/conversations/search", "/api/conversations/" + id, "/api/conversations/" + id + "/events/search",
				"/api/v1/app-conversations/search", "/api/v1/webhooks/refused", "/",
			} {
				for _, method := range []string{http.MethodGet, http.MethodHead} {
					assert.Equal(t, want, s.Do(t, method, path, "", header, key).Status, "%s %s", key, path)
				}
			}
		}
		for key, want := range map[string]int{"R": 403, "W": 403, "A": 200} {
			assert.Equal(t, want, s.Do(t, http.MethodPatch, "/api/conversations/"+id, `{"title":"Dice"}`, header, key).Status, key)
			assert.Equal(t, want, s.Do(t, http.MethodDelete, "/api/conversations/"+id, "", header, key).Status, key)
		}
		for key, name := range map[string]string{"R": "reader", "W": "agent", "A": "admin", "D": "default"} {
			answer := s.Do(t, http.MethodGet, "/api/keys/current", "", header, key)
			assert.Contains(t, answer.Body, `"name":"`+name+`"`)
		}
		assert.Contains(t, s.Do(t, http.MethodGet, "/api/conversations/count", "", header, "W").Body, "the key agent is for webhooks only")
		// A wrong key beside a right one: browsers and proxies add headers.
		assert.Equal(t, 200, s.Do(t, http.MethodGet, "/api/conversations/count", "", header, "X", "Authorization", "bearer R").Status)
	})
}

// Every route that is there keeps the rule, also those that come later.
func TestScopesOverAllRoutes(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, dbtest.Config(t, dbmodule.SQLite), withKeys(t, keys.Config{Keys: "agent:webhooks:W,reader:read:R"}))
	var document struct {
		Paths map[string]map[string]struct {
			Security *[]any
		}
	}
	require.NoError(t, json.Unmarshal([]byte(s.Do(t, http.MethodGet, "/openapi.json", "", header, "R").Body), &document))
	require.NotEmpty(t, document.Paths)
	checked := 0
	for path, methods := range document.Paths {
		for method, op := range methods {
			if op.Security != nil && len(*op.Security) == 0 {
				continue // needs no key
			}
			method = strings.ToUpper(method)
			target := strings.NewReplacer("{conversation_id}", id, "{event_id}", "e", "{refused_id}", "1", "*", "x").Replace(path)
			pushes := method == http.MethodPost && strings.HasPrefix(path, "/api/v1/webhooks/") && !strings.Contains(path, "refused")
			forbidden := map[string]bool{
				"W": !pushes && path != "/api/keys/current",
				"R": method != http.MethodGet,
			}
			for key, want := range forbidden {
				ctx, leave := t.Context(), context.CancelFunc(func() {})
				if path == "/api/conversations/stream" { // it has no end
					ctx, leave = context.WithTimeout(ctx, time.Second)
				}
				answer := s.DoWithin(ctx, method, target, "", header, key)
				leave()
				assert.Equal(t, want, answer.Status == http.StatusForbidden, "%s %s %s: %d", key, method, path, answer.Status)
			}
			assert.Equal(t, http.StatusUnauthorized, s.Do(t, method, target, "").Status, "%s %s", method, path)
			checked++
		}
	}
	assert.Greater(t, checked, 50)
	assert.Equal(t, 403, s.Do(t, http.MethodGet, "/no/such/route", "", header, "W").Status)
	assert.Equal(t, 404, s.Do(t, http.MethodGet, "/no/such/route", "", header, "R").Status)
}

// What is public is read without a key, on a server that has keys; nothing else is.
func TestSharedRoutesNeedNoKey(t *testing.T) {
	t.Parallel()
	const other = "0d3ee5a55f044e7a9c3b2f9e4f1d7a11"
	each(t, func(t *testing.T, s *apptest.Server) {
		for _, one := range []string{id, other} {
			require.Equal(t, 200, s.Do(t, http.MethodPost, "/api/v1/webhooks/conversations", `{"id":"`+one+`"}`, header, "W").Status)
			require.Equal(t, 200, s.Do(t, http.MethodPost, "/api/v1/webhooks/events/"+one, `[{"id":"e","kind":"MessageEvent"}]`, header, "W").Status)
		}
		require.Equal(t, 200, s.Do(t, http.MethodPatch, "/api/v1/app-conversations/"+id, `{"public":true}`, header, "A").Status)
		for path, want := range map[string]string{
			"/api/shared-conversations/search": id, "/api/shared-conversations/count": "1", "/api/shared-conversations?ids=" + id: id,
			"/api/shared-events/search?conversation_id=" + id: `"e"`, "/api/shared-events/count?conversation_id=" + id: "1",
			"/api/shared-events?id=e&conversation_id=" + id: `"e"`, "/api/shared-events/" + id + "/e": `"e"`,
		} {
			for _, key := range []string{"", "X", "W"} {
				answer := s.Do(t, http.MethodGet, path, "", header, key)
				assert.Equal(t, 200, answer.Status, path)
				assert.Contains(t, answer.Body, want, path)
				assert.NotContains(t, answer.Body, other, path)
			}
		}
		for path, want := range map[string]int{
			"/api/shared-events/search?conversation_id=" + other: 404, "/api/shared-events/count?conversation_id=" + other: 404,
			"/api/shared-events?id=e&conversation_id=" + other: 404, "/api/shared-events/" + other + "/e": 404,
			"/api/conversations/" + id: 401, "/api/v1/conversation/" + id + "/events/search": 401,
		} {
			assert.Equal(t, want, s.Do(t, http.MethodGet, path, "").Status, path)
		}
		assert.JSONEq(t, "[null]", s.Do(t, http.MethodGet, "/api/shared-conversations?ids="+other, "").Body)
	})
}

// An address is what trusted proxies say, and nobody else.
func TestGuessesAreCountedByTheClientsAddress(t *testing.T) {
	t.Parallel()
	for _, trusted := range []bool{true, false} {
		t.Run(fmt.Sprint("trusted ", trusted), func(t *testing.T) {
			t.Parallel()
			proxies := func(c *httpmodule.Config) {
				if trusted {
					c.TrustedProxies = []string{"192.0.2.1"} // httptest's
				}
			}
			s := apptest.New(t, dbtest.Config(t, dbmodule.SQLite), withKeys(t, keys.Config{Keys: "admin:all:A"}), proxies)
			ask := func(from, key string) int {
				return s.Do(t, http.MethodGet, "/api/conversations/count", "", header, key, "X-Forwarded-For", from).Status
			}
			for range 110 {
				ask("198.51.100.1", "X")
			}
			assert.Equal(t, 429, ask("198.51.100.1", "A"))
			if trusted {
				assert.Equal(t, 200, ask("198.51.100.2", "A"))
			} else {
				assert.Equal(t, 429, ask("198.51.100.2", "A"))
			}
		})
	}
}
