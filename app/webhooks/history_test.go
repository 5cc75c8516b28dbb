package webhooks_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/wire"
)

const info = "/api/conversations/" + dashed

// Pieces of messages and repetitions of the whole state are no part of the history.
func TestTransientEventsAreNotStored(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		send := func(batch string) {
			t.Helper()
			apptest.JSON[wire.Success](t, s, http.MethodPost, push, batch, http.StatusOK)
		}
		send(`[{"id":"d1","kind":"StreamingDeltaEvent","content":"a"},{"id":"d2","kind":"StreamingDeltaEvent","content":"b"}]`)
		assert.Equal(t, http.StatusNotFound, s.Do(t, http.MethodGet, info, "").Status, "nothing is known of it so far")

		send(`[{"id":"d3","kind":"StreamingDeltaEvent"},{"id":"f1","kind":"ConversationStateUpdateEvent","key":"full_state","value":{
			"execution_status":"running","agent":{"kind":"Agent","llm":{"model":"m1","api_key":"top"}},"tags":{"team":"a"},
			"confirmation_policy":{"kind":"AlwaysConfirm"},"activated_knowledge_skills":["git"],"max_iterations":7,"leaf_event_id":"far",
			"stats":{"usage_to_metrics":{"agent":{"accumulated_cost":2}}},"odd":1}},
			{"id":"a1","kind":"ActionEvent"}]`)
		assert.Equal(t, 1, apptest.JSON[int](t, s, http.MethodGet, list+"/count", "", 200))
		assert.Equal(t, `{"items":[{"id":"a1","kind":"ActionEvent"}],"next_page_id":null}`, s.Do(t, http.MethodGet, list+"/search", "").Body)
		assert.Equal(t, http.StatusNotFound, s.Do(t, http.MethodGet, list+"/f1", "").Status)
		got := s.Do(t, http.MethodGet, info, "").Body
		for _, part := range []string{
			`"execution_status":"running"`, `"model":"m1"`, `"tags":{"team":"a"}`, `{"kind":"AlwaysConfirm"}`,
			`"activated_knowledge_skills":["git"]`, `"max_iterations":7`, `"accumulated_cost":2`,
		} {
			assert.Contains(t, got, part)
		}
		assert.NotContains(t, got, "top", "a secret")
		assert.Contains(t, s.Do(t, http.MethodGet, "/api/v1/app-conversations?ids="+dashed, "").Body, `"llm_model":"m1"`)

		// One field alone, as agent servers broadcast it.
		send(`[{"id":"s1","kind":"ConversationStateUpdateEvent","key":"agent","value":{"kind":"ACPAgent","llm":{"model":"m2"}}},
			{"id":"s2","kind":"ConversationStateUpdateEvent","key":"confirmation_policy","value":{"kind":"NeverConfirm"}},
			{"id":"s3","kind":"ConversationStateUpdateEvent","key":"nothing_we_know","value":1}]`)
		got = s.Do(t, http.MethodGet, info, "").Body
		assert.Contains(t, got, `"model":"m2"`)
		assert.Contains(t, got, `{"kind":"NeverConfirm"}`)
		assert.Contains(t, got, `"tags":{"team":"a"}`, "what was not mentioned stays")
		assert.Equal(t, 4, apptest.JSON[int](t, s, http.MethodGet, list+"/count", "", 200))

		// What a client has set is the client's.
		assert.Equal(t, http.StatusOK, s.Do(t, http.MethodPatch, info, `{"tags":{"mine":"1"}}`).Status)
		send(`[{"id":"f2","kind":"ConversationStateUpdateEvent","key":"full_state","value":{"tags":{"team":"b"},"max_iterations":8}}]`)
		got = s.Do(t, http.MethodGet, info, "").Body
		assert.Contains(t, got, `"tags":{"mine":"1"}`)
		assert.Contains(t, got, `"max_iterations":8`)
		assert.Equal(t, 4, apptest.JSON[int](t, s, http.MethodGet, list+"/count", "", 200))
	})
}

func TestLeafIsTheLastEventThatTellsNoState(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		for _, step := range []struct{ batch, leaf string }{
			{`[{"id":"1","kind":"MessageEvent"},{"id":"2","kind":"ActionEvent"},{"id":"3","kind":"ConversationStateUpdateEvent","key":"execution_status","value":"idle"}]`, `"2"`},
			{`[{"id":"4","kind":"ConversationStateUpdateEvent","key":"stats","value":{}}]`, `"2"`},
			{`[{"id":"5","kind":"ObservationEvent","timestamp":"2001-01-01T00:00:00"}]`, `"5"`},
			{`[{"id":"1","kind":"MessageEvent"}]`, `"5"`},
			{`[{"id":"d","kind":"StreamingDeltaEvent"}]`, `"5"`},
		} {
			apptest.JSON[wire.Success](t, s, http.MethodPost, push, step.batch, http.StatusOK)
			assert.Contains(t, s.Do(t, http.MethodGet, info, "").Body, `"leaf_event_id":`+step.leaf, step.batch)
		}
	})
}

// An agent server that deletes its copy says so first: the store keeps its own.
func TestDeletingIsNoStatus(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		put := func(body string) {
			apptest.JSON[wire.Success](t, s, http.MethodPost, "/api/v1/webhooks/conversations", body, http.StatusOK)
		}
		put(`{"id":"` + dashed + `","execution_status":"finished","title":"kept"}`)
		put(`{"id":"` + dashed + `","execution_status":"deleting","title":"other"}`)
		apptest.JSON[wire.Success](t, s, http.MethodPost, push, `[{"id":"1","kind":"ConversationStateUpdateEvent","key":"execution_status","value":"deleting"},
			{"id":"2","kind":"ConversationStateUpdateEvent","key":"full_state","value":{"execution_status":"deleting","max_iterations":9}}]`, http.StatusOK)
		got := s.Do(t, http.MethodGet, info, "").Body
		assert.Contains(t, got, `"execution_status":"finished"`)
		assert.Contains(t, got, `"title":"kept"`)
		assert.Contains(t, got, `"max_iterations":9`)

		other := strings.Replace(dashed, "0d3e", "3d3e", 1)
		put(`{"id":"` + other + `","execution_status":"deleting"}`)
		assert.Equal(t, http.StatusNotFound, s.Do(t, http.MethodGet, "/api/conversations/"+other, "").Status)
	})
}

func TestTitleOfTheFirstMessage(t *testing.T) {
	t.Parallel()
	message := func(id, source, text string) string {
		return `{"id":"` + id + `","kind":"MessageEvent","source":"` + source + `","llm_message":{"role":"user","content":[{"type":"text","text":"` + text + `"}]}}`
	}
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		send := func(events ...string) {
			t.Helper()
			apptest.JSON[wire.Success](t, s, http.MethodPost, push, "["+strings.Join(events, ",")+"]", http.StatusOK)
		}
		title := func() string {
			t.Helper()
			got := apptest.JSON[struct{ Title *string }](t, s, http.MethodGet, info, "", 200)
			if got.Title == nil {
				return "none"
			}
			return *got.Title
		}
		send(message("1", "agent", "I am an agent"), `{"id":"2","kind":"MessageEvent","source":"user","llm_message":{"content":[{"type":"image","image_urls":[]}]}}`)
		assert.Equal(t, "none", title(), "a picture is no title")
		send(message("4", "user", "second in time"), `{"id":"3","kind":"MessageEvent","source":"user","timestamp":"2001-01-01T00:00:00","llm_message":{"content":[
			{"type":"image","image_urls":["x"]},{"type":"text","text":"What is this?"}]}}`)
		assert.Equal(t, "What is this?", title())

		other := strings.Replace(dashed, "0d3e", "4d3e", 1)
		apptest.JSON[wire.Success](t, s, http.MethodPost, "/api/v1/webhooks/events/"+other,
			"["+message("1", "user", `  Please\n write\ta program that flips a coin ten thousand times`)+"]", http.StatusOK)
		apptest.JSON[wire.Success](t, s, http.MethodPost, "/api/v1/webhooks/events/"+other, "["+message("2", "user", "And now?")+"]", http.StatusOK)
		found := apptest.JSON[int](t, s, http.MethodGet, "/api/v1/app-conversations/count?title__contains=FLIPS", "", 200)
		assert.Equal(t, 1, found, "it is found by its title")
		got := s.Do(t, http.MethodGet, "/api/conversations/"+other, "").Body
		assert.Contains(t, got, `"title":"Please write a program that flips a coin ten…"`)

		// A title that is pushed or set comes in its place, and stays.
		put := func(title string) {
			apptest.JSON[wire.Success](t, s, http.MethodPost, "/api/v1/webhooks/conversations", `{"id":"`+other+`","title":`+title+`}`, http.StatusOK)
		}
		put(`null`)
		assert.Contains(t, s.Do(t, http.MethodGet, "/api/conversations/"+other, "").Body, `flips a coin`)
		put(`"Coins"`)
		apptest.JSON[wire.Success](t, s, http.MethodPost, "/api/v1/webhooks/events/"+other, "["+message("3", "user", "More")+"]", http.StatusOK)
		assert.Contains(t, s.Do(t, http.MethodGet, "/api/conversations/"+other, "").Body, `"title":"Coins"`)
	})
}

// A sender that got no answer puts the batch in front of what came since: a whole state at
// its end is news, unless something was stored after the rest of the batch.
func TestStateBehindARepeatedBatchCounts(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		full := func(id string, iterations int) string {
			return fmt.Sprintf(`{"id":"%s","kind":"ConversationStateUpdateEvent","key":"full_state","value":{"max_iterations":%d}}`, id, iterations)
		}
		for _, step := range []struct {
			batch      string
			iterations int
		}{
			{`[` + full("f1", 1) + `,{"id":"1","kind":"ActionEvent"}]`, 1},
			{`[` + full("f1", 1) + `,{"id":"1","kind":"ActionEvent"},` + full("f2", 2) + `]`, 2},
			{`[` + full("f0", 9) + `,{"id":"1","kind":"ActionEvent"}]`, 2},
			{`[{"id":"2","kind":"ActionEvent"}]`, 2},
			{`[{"id":"1","kind":"ActionEvent"},` + full("f3", 3) + `]`, 2},
			{`[{"id":"1","kind":"ActionEvent"},{"id":"2","kind":"ActionEvent"},` + full("f4", 4) + `]`, 4},
		} {
			apptest.JSON[wire.Success](t, s, http.MethodPost, push, step.batch, http.StatusOK)
			assert.Contains(t, s.Do(t, http.MethodGet, info, "").Body, fmt.Sprintf(`"max_iterations":%d`, step.iterations), step.batch)
		}
		assert.Equal(t, 2, apptest.JSON[int](t, s, http.MethodGet, list+"/count", "", 200))
	})
}

// An agent server that unsets a field says null; in a repetition of the whole state, it leaves the field out.
func TestNullUnsetsAField(t *testing.T) {
	t.Parallel()
	state := func(id, key, value string) string {
		return `[{"id":"` + id + `","kind":"ConversationStateUpdateEvent","key":"` + key + `","value":` + value + `}]`
	}
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		analyzer := map[string]any{"kind": "LLMSecurityAnalyzer"}
		for i, step := range []struct {
			path, body string
			want       any
		}{
			{push, state("1", "security_analyzer", `{"kind":"LLMSecurityAnalyzer"}`), analyzer},
			{push, state("2", "max_iterations", `null`), analyzer},
			{push, state("3", "security_analyzer", `null`), nil},
			{push, state("4", "full_state", `{"security_analyzer":{"kind":"LLMSecurityAnalyzer"},"hook_config":{"stop":[]},"persistence_dir":"there"}`), analyzer},
			{push, state("5", "full_state", `{"max_iterations":7}`), nil},
			{pushInfo, `{"id":"` + dashed + `","security_analyzer":{"kind":"LLMSecurityAnalyzer"},"selected_branch":"main"}`, analyzer},
			{pushInfo, `{"id":"` + dashed + `","title":"not mentioned"}`, analyzer},
			{pushInfo, `{"id":"` + dashed + `","security_analyzer":null,"selected_branch":null}`, nil},
		} {
			apptest.JSON[wire.Success](t, s, http.MethodPost, step.path, step.body, http.StatusOK)
			got := apptest.JSON[map[string]any](t, s, http.MethodGet, info, "", 200)
			assert.Equal(t, step.want, got["security_analyzer"], "%d: %s", i, step.body)
		}
		got := apptest.JSON[map[string]any](t, s, http.MethodGet, info, "", 200)
		assert.Nil(t, got["hook_config"])
		assert.Equal(t, "there", got["persistence_dir"])
		app := s.Do(t, http.MethodGet, "/api/v1/app-conversations?ids="+dashed, "").Body
		assert.Contains(t, app, `"selected_branch":"main"`, "it is the client's to unset")
	})
}

// Tags that two events of one batch tell are those that two batches tell.
func TestTagsOfABatch(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		apptest.JSON[wire.Success](t, s, http.MethodPost, push, `[
			{"id":"1","kind":"ConversationStateUpdateEvent","key":"tags","value":{"a":"1","b":"1"}},
			{"id":"2","kind":"ConversationStateUpdateEvent","key":"tags","value":{"b":"2"}},
			{"id":"3","kind":"ConversationStateUpdateEvent","key":"full_state","value":{"tags":{"c":"3"}}}]`, http.StatusOK)
		assert.Contains(t, s.Do(t, http.MethodGet, info, "").Body, `"tags":{"a":"1","b":"2","c":"3"}`)
		assert.Equal(t, "1", s.Do(t, http.MethodGet, "/api/conversations/count?tag=a:1&tag=b:2&tag=c", "").Body)
	})
}
