package events_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/httpmodule"
)

// What is marked public is shared, and nothing else; start tasks are nulls.
func TestOnlyPublicIsShared(t *testing.T) {
	t.Parallel()
	const open, closed = "0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a10", "1d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a10"
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		for id, public := range map[string]string{open: "true", closed: "false"} {
			apptest.JSON[wire.Success](t, s, http.MethodPost, "/api/v1/webhooks/conversations",
				`{"id":"`+id+`","title":"t","public":`+public+`,"sandbox_id":"box","user_id":"me","tags":{"a":"b"},"workspace":{"working_dir":"/here"}}`, 200)
			apptest.JSON[wire.Success](t, s, http.MethodPost, "/api/v1/webhooks/events/"+id, `[{"id":"e1","kind":"ActionEvent"},{"id":"e2","kind":"Other"}]`, 200)
		}
		const shared, events = "/api/shared-conversations", "/api/shared-events"
		page := s.Do(t, http.MethodGet, shared+"/search", "").Body
		assert.Contains(t, page, "0d3ee5a55f044e7a9c3b2f9e4f1d7a10")
		for _, private := range []string{"1d3ee5a5", `"box"`, `"me"`, "/here", `"a":"b"`} {
			assert.NotContains(t, page, private)
		}
		assert.Equal(t, "1", s.Do(t, http.MethodGet, shared+"/count", "").Body)
		for _, hidden := range []string{"tag=a", "tag=a:b", "tags__contains=a:b", "sandbox_id__eq=box"} {
			for _, path := range []string{"/search?", "/count?"} {
				assert.Equal(t, 422, s.Do(t, http.MethodGet, shared+path+hidden, "").Status, "%s can be guessed", hidden)
			}
		}
		both := apptest.JSON[[]*map[string]any](t, s, http.MethodGet, shared+"?ids="+closed+"&ids="+open, "", 200)
		require.Len(t, both, 2)
		assert.True(t, both[0] == nil && both[1] != nil)

		for path, want := range map[string]string{
			"/search?conversation_id=%s&kind__eq=Other": `{"items":[{"id":"e2","kind":"Other"}],"next_page_id":null}`,
			"/count?conversation_id=%s":                 "2", "?conversation_id=%s&id=e2&id=x": `[{"id":"e2","kind":"Other"},null]`, "/%s/e1": `{"id":"e1","kind":"ActionEvent"}`,
		} {
			assert.Equal(t, want, s.Do(t, http.MethodGet, events+fmt.Sprintf(path, open), "").Body, path)
			hidden := s.Do(t, http.MethodGet, events+fmt.Sprintf(path, closed), "")
			assert.Equal(t, http.StatusNotFound, hidden.Status, path)
			assert.Equal(t, `{"detail":"Conversation not found"}`, hidden.Body, "as one that is not there")
		}
		assert.Equal(t, "[null,null]", s.Do(t, http.MethodGet, "/api/v1/app-conversations/start-tasks?ids=a&ids=b", "").Body)

		limited := 0
		for range 200 {
			if s.Do(t, http.MethodGet, shared+"/count", "").Status == http.StatusTooManyRequests {
				limited++
			}
		}
		assert.Positive(t, limited, "an address that asks too often")
		assert.Equal(t, 200, s.Do(t, http.MethodGet, "/api/conversations/count", "").Status, "with a key there is no limit")
	})
}

// Behind a trusted proxy each client has a limit of its own. Whoever is no trusted proxy can't
// get around the limit by a header.
func TestSharedIsLimitedByTheClientsAddress(t *testing.T) {
	t.Parallel()
	for _, trusted := range []bool{true, false} {
		t.Run(fmt.Sprint("trusted ", trusted), func(t *testing.T) {
			t.Parallel()
			s := apptest.New(t, dbtest.Config(t, dbmodule.SQLite), func(c *httpmodule.Config) {
				if trusted {
					c.TrustedProxies = []string{"192.0.2.1"} // httptest's
				}
			})
			ask := func(from string) int {
				return s.Do(t, http.MethodGet, "/api/shared-conversations/count", "", "X-Forwarded-For", from).Status
			}
			for range 2000 {
				if ask("198.51.100.1") == http.StatusTooManyRequests {
					break
				}
			}
			refused := 0
			for i := range 50 {
				if ask(fmt.Sprint("198.51.101.", i)) == http.StatusTooManyRequests {
					refused++
				}
			}
			assert.Equal(t, trusted, refused == 0, refused)
		})
	}
}
