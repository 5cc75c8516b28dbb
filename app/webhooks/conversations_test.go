package webhooks_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/wire"
)

// Events of one conversation are not seen in another, though ids are equal.
func TestConversationsKeepTheirEventsApart(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		other := strings.Replace(dashed, "0d3e", "1d3e", 1)
		apptest.JSON[wire.Success](t, s, "POST", push, `[{"id":"same","n":1},{"id":"mine"}]`, 200)
		apptest.JSON[wire.Success](t, s, "POST", "/api/v1/webhooks/events/"+other, `[{"id":"same","n":2},{"id":"theirs"}]`, 200)
		theirs := strings.Replace(list, dashed, other, 1)
		assert.Equal(t, `{"id":"same","n":1}`, s.Do(t, "GET", list+"/same", "").Body)
		assert.Equal(t, `{"id":"same","n":2}`, s.Do(t, "GET", theirs+"/same", "").Body)
		assert.Equal(t, http.StatusNotFound, s.Do(t, "GET", list+"/theirs", "").Status)
		assert.Equal(t, `[{"id":"same","n":2},null]`, s.Do(t, "GET", theirs+"?ids=same&ids=mine", "").Body)
		assert.Equal(t, `{"items":[{"id":"same","n":2},{"id":"theirs"}],"next_page_id":null}`, s.Do(t, "GET", theirs+"/search", "").Body)
		page := apptest.JSON[apptest.Page[any]](t, s, "GET", list+"/search?limit=1", "", 200)
		assert.Equal(t, 422, s.Do(t, "GET", theirs+"/search?limit=1&page_id="+*page.NextPageID, "").Status)
		apptest.JSON[wire.Success](t, s, "POST", "/api/v1/webhooks/events/"+other,
			`[{"id":"m","kind":"MessageEvent","source":"agent","llm_message":{"content":[{"type":"text","text":"theirs"}]}}]`, 200)
		assert.Contains(t, s.Do(t, "GET", "/api/conversations/"+dashed+"/agent_final_response", "").Body, `"response":""`)
	})
}

func TestConversationsKeepTheirTimesAndTitles(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		put := func(body string) {
			apptest.JSON[wire.Success](t, s, "POST", "/api/v1/webhooks/conversations", body, 200)
		}
		at := "2030-01-02T03:04:05.000000Z"
		put(`{"id":"` + dashed + `","title":"e!","created_at":"` + at + `","updated_at":"` + at + `"}`)
		for q, want := range map[string]int{
			"created_at__gte=" + at: 1, "created_at__lt=" + at: 0, "updated_at__gte=" + at: 1, "updated_at__lt=" + at: 0,
			"title__contains=" + url.QueryEscape("e!"): 1,
		} {
			assert.Equal(t, want, apptest.JSON[int](t, s, "GET", "/api/v1/app-conversations/count?"+q, "", 200), q)
		}
		created := apptest.JSON[map[string]any](t, s, "POST", "/api/conversations", `{"created_at":"1999-01-01T00:00:00Z","updated_at":"1999-01-01T00:00:00Z"}`, 201)
		assert.NotContains(t, created["created_at"], "1999")
		// redelivery of the first push, after events told more
		apptest.JSON[wire.Success](t, s, "POST", push, `[{"id":"1","kind":"ConversationStateUpdateEvent","key":"execution_status","value":"finished"}]`, 200)
		put(`{"id":"` + dashed + `","title":"e!","created_at":"` + at + `","updated_at":"` + at + `"}`)
		// an equal updated_at is newer than nothing, but updated_at never goes back
		id2 := strings.Replace(dashed, "0d3e", "2d3e", 1)
		first := `{"id":"` + id2 + `","execution_status":"running"}`
		put(first)
		apptest.JSON[wire.Success](t, s, "POST", "/api/v1/webhooks/events/"+id2, `[{"id":"1","kind":"ConversationStateUpdateEvent","key":"execution_status","value":"finished"}]`, 200)
		before := s.Do(t, "GET", "/api/conversations/"+id2, "").Body
		put(first)
		assert.Equal(t, before, s.Do(t, "GET", "/api/conversations/"+id2, "").Body)
		put(`{"id":"` + id2 + `","title":"new","updated_at":"2001-01-01T00:00:00Z"}`)
		after := apptest.JSON[struct {
			Updated string `json:"updated_at"`
		}](t, s, "GET", "/api/conversations/"+id2, "", 200)
		assert.NotContains(t, after.Updated, "2001", "updated_at goes back")
	})
}

// Sums that no number holds must not make a conversation unreadable, nor a
// later push take back what a client has set.
func TestExtremeStatsAndPinnedPublic(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		const at = "/api/v1/app-conversations"
		usage := `{"accumulated_cost":-1.7e308,"accumulated_token_usage":{"prompt_tokens":9223372036854775807}}`
		put := func(more string) {
			apptest.JSON[wire.Success](t, s, "POST", "/api/v1/webhooks/conversations", `{"id":"`+dashed+`"`+more+`}`, 200)
		}
		put(`,"stats":{"usage_to_metrics":{"a":` + usage + `,"b":` + usage + `}}`)
		answer := s.Do(t, "GET", at+"/search", "")
		assert.Equal(t, 200, answer.Status, answer.Body)
		assert.NotContains(t, answer.Body, `"prompt_tokens":-`)

		assert.Equal(t, 200, s.Do(t, "PATCH", at+"/"+dashed, `{"public":true}`).Status)
		put(`,"public":false,"title":"later"`)
		assert.Contains(t, s.Do(t, "GET", at+"?ids="+dashed, "").Body, `"public":true`)
	})
}
