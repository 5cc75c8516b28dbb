package conversations_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/wire"
)

// What today's clients set and read of a conversation.
func TestAppConversationsAreComplete(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		put := func(n int, more string) {
			t.Helper()
			apptest.JSON[wire.Success](t, s, http.MethodPost, push, `{"id":"`+id(n)+`"`+more+`}`, 200)
		}
		get := func(n int) map[string]any {
			t.Helper()
			return apptest.JSON[[]map[string]any](t, s, http.MethodGet, appRoot+"?ids="+id(n), "", 200)[0]
		}
		put(1, `,"tags":{"a":"1","automationid":"7"},"agent":{"kind":"ACPAgent","acp_model":"first","acp_server":"other"},
			"launched_agent_profile":{"agent_profile_id":"p","revision":2},
			"stats":{"usage_to_metrics":{"agent":{"accumulated_token_usage":{"context_window":100,"per_turn_token":5}},
			"condenser":{"accumulated_token_usage":{"context_window":900,"per_turn_token":50}}}}`)
		got := get(1)
		assert.Equal(t, "first", got["llm_model"])
		assert.Equal(t, "acp", got["agent_kind"])
		assert.Equal(t, "other", got["acp_server"])
		assert.Equal(t, "automation", got["trigger"])
		assert.Equal(t, map[string]any{"agent_profile_id": "p", "revision": 2.0}, got["launched_agent_profile"])
		metrics := got["metrics"].(map[string]any)
		assert.Equal(t, "first", metrics["model_name"])
		usage := metrics["accumulated_token_usage"].(map[string]any)
		assert.Equal(t, 100.0, usage["context_window"], "the agent's, not the largest")
		assert.Equal(t, 5.0, usage["per_turn_token"])

		put(1, `,"tags":{"b":"2","a":"3"},"current_model_id":"second","trigger":"gui"`)
		got = get(1)
		assert.Equal(t, "second", got["llm_model"])
		assert.Equal(t, "gui", got["trigger"])
		assert.Equal(t, map[string]any{"a": "3", "b": "2", "automationid": "7"}, got["tags"], "pushed tags are added")

		patched := apptest.JSON[map[string]any](t, s, http.MethodPatch, appRoot+"/"+id(1),
			`{"selected_repository":"o/r","selected_branch":"main","git_provider":"github","tags":{"mine":"x"}}`, 200)
		for _, c := range []map[string]any{patched, get(1)} {
			assert.Equal(t, "o/r", c["selected_repository"])
			assert.Equal(t, "main", c["selected_branch"])
			assert.Equal(t, "github", c["git_provider"])
			assert.Equal(t, map[string]any{"mine": "x"}, c["tags"])
		}
		assert.Equal(t, 422, s.Do(t, http.MethodPatch, appRoot+"/"+id(1), `{"selected_branch":7}`).Status)
	})
}

// Listings by title, and by tags, which follow each change of them.
func TestListingsByTitleAndTags(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		for n, title := range []string{`"banana"`, `"Apple"`, `null`, `"cherry"`, `"apple"`, `"Élan"`, `"banana"`} {
			apptest.JSON[wire.Success](t, s, http.MethodPost, push,
				`{"id":"`+id(n)+`","title":`+title+`,"tags":{"team":"`+[]string{"a", "b"}[n%2]+`","all":"yes"}}`, 200)
		}
		list := func(query string) (titles, ids []string) {
			t.Helper()
			next := ""
			for {
				page := apptest.JSON[apptest.Page[info]](t, s, http.MethodGet, appRoot+"/search?limit=2&"+query+next, "", 200)
				for _, c := range page.Items {
					title := ""
					if c.Title != nil {
						title = *c.Title
					}
					titles, ids = append(titles, title), append(ids, c.ID)
				}
				if page.NextPageID == nil {
					return titles, ids
				}
				next = "&page_id=" + *page.NextPageID
			}
		}
		up, upIDs := list("sort_order=TITLE")
		require.Len(t, up, 7)
		assert.Equal(t, []string{"", "Apple", "apple", "banana", "banana", "cherry"}, up[:6])
		down, downIDs := list("sort_order=TITLE_DESC")
		assert.Equal(t, "cherry", down[1])
		for i := range upIDs {
			assert.Equal(t, upIDs[i], downIDs[len(downIDs)-1-i])
		}

		count := func(path, query string) int {
			t.Helper()
			return apptest.JSON[int](t, s, http.MethodGet, path+"/count?"+query, "", 200)
		}
		for _, path := range []string{root, appRoot} {
			for query, want := range map[string]int{
				"tag=all": 7, "tag=team:a": 4, "tag=team%3Db": 3, "tag=team:a&tag=all": 4, "tag=team:a&tag=team:b": 0, "tag=none": 0,
				"tags__contains=team:b": 3, "tags__contains=" + url.QueryEscape(`{"team":"a","all":"yes"}`): 4, "tag=team:": 0, "tag=team:A": 0,
			} {
				assert.Equal(t, want, count(path, query), path+" "+query)
				if path == appRoot {
					titles, _ := list(query)
					assert.Len(t, titles, want, query)
				}
			}
			for _, bad := range []string{"tag=Team", "tag=%00", "tags__contains=" + url.QueryEscape(`{"a":1}`)} {
				assert.Equal(t, 422, s.Do(t, http.MethodGet, path+"/search?"+bad, "").Status, bad)
			}
		}
		assert.Equal(t, 200, s.Do(t, http.MethodPatch, root+"/"+id(0), `{"tags":{"team":"c"},"title":"zebra"}`).Status)
		assert.Equal(t, 3, count(root, "tag=team:a"))
		assert.Equal(t, 1, count(root, "tag=team:c"))
		assert.Equal(t, 6, count(root, "tag=all"))
		apptest.JSON[wire.Success](t, s, http.MethodPost, "/api/v1/webhooks/events/"+id(1),
			`[{"id":"1","kind":"ConversationStateUpdateEvent","key":"tags","value":{"team":"d"}}]`, 200)
		assert.Equal(t, 1, count(root, "tag=team:d"))
		assert.Equal(t, 200, s.Do(t, http.MethodDelete, root+"/"+id(1), "").Status)
		assert.Equal(t, 0, count(root, "tag=team:d"))
		apptest.JSON[info](t, s, http.MethodPost, root, `{"tags":{"team":"e"}}`, 201)
		assert.Equal(t, 1, count(root, "tag=team:e"))
	})
}

// A parameter that is not known and was to narrow a search is not passed over.
func TestUnknownParametersAreRefused(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		create(t, s, `{"conversation_id":"`+id(1)+`"}`)
		events := root + "/" + id(1) + "/events"
		for _, path := range []string{
			root + "/search", root + "/count", appRoot + "/search", appRoot + "/count", events + "/search", events + "/count",
			"/api/v1/conversation/" + id(1) + "/events/search", "/api/v1/conversation/" + id(1) + "/events/count",
		} {
			answer := s.Do(t, http.MethodGet, path+"?user_id=me", "")
			assert.Equal(t, 422, answer.Status, path)
			assert.Contains(t, answer.Body, `{"detail":[{"loc":["query","user_id"]`, path)
			assert.Equal(t, 200, s.Do(t, http.MethodGet, path+"?_=1", "").Status, path)
		}
	})
}
