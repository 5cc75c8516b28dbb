package events_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/wire"
)

const (
	conversation = "0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a10"
	root         = "/api/conversations/" + conversation + "/events"
	appRoot      = "/api/v1/conversation/" + conversation + "/events"
	push         = "/api/v1/webhooks/events/" + conversation
	final        = "/api/conversations/" + conversation + "/agent_final_response"
)

func announce(t *testing.T, s *apptest.Server) {
	t.Helper()
	apptest.JSON[map[string]any](t, s, http.MethodPost, "/api/conversations",
		`{"conversation_id":"`+conversation+`"}`, http.StatusCreated)
}

func pushAll(t *testing.T, s *apptest.Server, events ...string) {
	t.Helper()
	apptest.JSON[wire.Success](t, s, http.MethodPost, push, "["+strings.Join(events, ",")+"]", 200)
}

func TestSend(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		assert.Equal(t, http.StatusNotFound, s.Do(t, http.MethodPost, root, `{"content":[]}`).Status)
		announce(t, s)
		for _, body := range []string{
			`{"role":"user","content":[{"type":"text","text":"hi"}],"run":false}`,
			`{"role":"assistant","content":[{"type":"text","text":"\ud83d"}]}`,
			`{"content":[{"type":"image","image_urls":["data:x"]}],"other":1}`,
		} {
			assert.Equal(t, `{"success":true}`, s.Do(t, http.MethodPost, root, body).Body)
		}
		page := apptest.JSON[apptest.Page[map[string]any]](t, s, http.MethodGet, root+"/search", "", 200)
		require.Len(t, page.Items, 3)
		for i, source := range []string{"user", "agent", "user"} {
			assert.Equal(t, source, page.Items[i]["source"])
			assert.Equal(t, "MessageEvent", page.Items[i]["kind"])
		}
		refused := s.Do(t, http.MethodPost, root, `{"content":[],"run":true}`)
		assert.Equal(t, http.StatusNotImplemented, refused.Status)
		assert.Equal(t, 3, apptest.JSON[int](t, s, http.MethodGet, root+"/count", "", 200))
		for body, loc := range map[string]string{
			``: `["body"]`, `{`: `["body"]`, `"x"`: `["body"]`, `{"role":5}`: `["body","role"]`,
			`{"content":"x"}`:                           `["body","content"]`,
			`{"content":[5]}`:                           `["body","content",0]`,
			`{"content":[{"type":"text"}]}`:             `["body","content",0,"text"]`,
			`{"content":[{"type":"sound"}]}`:            `["body","content",0,"type"]`,
			`{"content":[{"type":"image"}]}`:            `["body","content",0,"image_urls"]`,
			`{"content":[{"type":"text","text":null}]}`: `["body","content",0,"text"]`,
			`{"run":"yes"}`:                             `["body","run"]`,
		} {
			answer := s.Do(t, http.MethodPost, root, body)
			assert.Equal(t, http.StatusUnprocessableEntity, answer.Status, body)
			assert.Contains(t, answer.Body, `{"detail":[{"loc":`+loc, body)
		}
	})
}

func TestFilters(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		pushAll(t, s,
			`{"id":"1","kind":"MessageEvent","source":"user","timestamp":"2026-01-01T10:00:00","llm_message":{"content":[{"type":"text","text":"Grüße 100% \u00c4B\u0000"}]}}`,
			`{"id":"2","kind":"MessageEvent","source":"agent","timestamp":"2026-01-01T10:00:01","llm_message":{"content":[{"type":"text","text":"one"},{"type":"text","text":"two_2"}],"reasoning_content":"Because"},"extended_content":[{"type":"text","text":"Extra"}]}`,
			`{"id":"3","kind":"ActionEvent","source":"agent","timestamp":"2026-01-01T10:00:02","thought":"one"}`,
			`{"id":"4","timestamp":"2026-01-01T10:00:03"}`,
		)
		for q, want := range map[string]string{
			"":                  "1 2 3 4",
			"kind=MessageEvent": "1 2",
			"kind=openhands.sdk.event.llm_convertible.message.MessageEvent": "1 2",
			"kind=None":                           "",
			"source=agent":                        "2 3",
			"source=agent&kind=ActionEvent":       "3",
			"body=one+TWO":                        "2",
			"body=ONE":                            "2",
			"body=" + url.QueryEscape("GRÜSSE"):   "",
			"body=" + url.QueryEscape("GRÜßE"):    "1",
			"body=" + url.QueryEscape("äb"):       "1",
			"body=" + url.QueryEscape("%"):        "1",
			"body=_":                              "2",
			"body=" + strings.Repeat("a", 60_000): "",
			"body=" + url.QueryEscape("gruße"):    "", // an umlaut is no plain letter
			"body=because+extra":                  "",
			"body=extra+because":                  "2",
			"body=one&kind=ActionEvent":           "",
			"timestamp__gte=2026-01-01T10:00:01":  "2 3 4",
			"timestamp__lt=2026-01-01T10:00:01":   "1",
			"timestamp__gte=2026-01-01T10:00:01Z&timestamp__lt=2026-01-01T12:00:03%2B02:00": "2 3",
		} {
			page := apptest.JSON[apptest.Page[struct{ ID string }]](t, s, http.MethodGet, root+"/search?"+q, "", 200)
			var ids []string
			for _, e := range page.Items {
				ids = append(ids, e.ID)
			}
			assert.Equal(t, want, strings.Join(ids, " "), q)
			assert.Equal(t, len(ids), apptest.JSON[int](t, s, http.MethodGet, root+"/count?"+q, "", 200), q)
		}
		assert.Equal(t, 2, apptest.JSON[int](t, s, http.MethodGet, appRoot+"/count?kind__eq=MessageEvent", "", 200))
		assert.Len(t, apptest.JSON[apptest.Page[any]](t, s, http.MethodGet, appRoot+"/search?timestamp__gte=2026-01-01T10:00:03", "", 200).Items, 1)
		for _, path := range []string{
			root + "?ids=3&ids=none&ids=4", root + "?id=3&id=none&id=4", appRoot + "?id=3&id=none&id=4", root + "?ids=3&ids=%00&ids=4",
		} {
			found := apptest.JSON[[]*struct{ ID string }](t, s, http.MethodGet, path, "", 200)
			require.Len(t, found, 3, path)
			assert.Equal(t, "3", found[0].ID)
			assert.Nil(t, found[1])
			assert.Equal(t, "4", found[2].ID)
		}
	})
}

func TestBadQueries(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		announce(t, s)
		many := strings.Repeat("ids=x&", 101)
		for path, loc := range map[string]string{
			root + "/search?limit=0":                    `["query","limit"]`,
			root + "/search?limit=101":                  `["query","limit"]`,
			root + "/search?sort_order=CREATED_AT":      `["query","sort_order"]`,
			root + "/search?page_id=AAAA":               `["query","page_id"]`,
			root + "/search?timestamp__gte=now":         `["query","timestamp__gte"]`,
			root + "/search?body=%00":                   `["query","body"]`,
			root + "/count?kind=%00":                    `["query","kind"]`,
			root:                                        `["query","ids"]`,
			root + "?" + many:                           `["query","ids"`,
			appRoot:                                     `["query","id"]`,
			appRoot + "/search?limit=101":               `["query","limit"]`,
			appRoot + "/search?kind__eq=%00":            `["query","kind`,
			"/api/conversations/x/events/search":        `["path","conversation_id"]`,
			"/api/conversations/x/agent_final_response": `["path","conversation_id"]`,
			"/api/v1/conversation/x/events/count":       `["path","conversation_id"]`,
		} {
			answer := s.Do(t, http.MethodGet, path, "")
			assert.Equal(t, http.StatusUnprocessableEntity, answer.Status, "%s: %s", path, answer.Body)
			assert.Contains(t, answer.Body, `{"detail":[{"loc":`+loc, path)
		}
		assert.Equal(t, http.StatusUnprocessableEntity, s.Do(t, http.MethodGet, root, `[1]`).Status)
		assert.Equal(t, `{"detail":"Event not found"}`, s.Do(t, http.MethodGet, root+"/none", "").Body)
		other := strings.Replace(root, "0d3e", "1d3e", 1)
		for _, path := range []string{
			other + "/search", other + "/count", other + "/count?kind=x", other + "?ids=1", other + "/1",
			other + "/search?page_id=AAAA", // that it is not there comes before what else is wrong
		} {
			assert.Equal(t, http.StatusNotFound, s.Do(t, http.MethodGet, path, "").Status, path)
		}
	})
}

// Walking pages meets each event once that was there at the start, in both
// orders, while events of earlier, equal and later times come in.
func TestPages(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		next := 0
		put := func(n int) {
			var batch []string
			for range n {
				batch = append(batch, fmt.Sprintf(`{"id":"%d","kind":"K","timestamp":"2026-01-01T10:00:0%d"}`, next, next%3))
				next++
			}
			pushAll(t, s, batch...)
		}
		put(50)
		for _, path := range []string{root + "/search?limit=7", root + "/search?limit=7&kind=K&sort_order=TIMESTAMP_DESC", appRoot + "/search?limit=7"} {
			start := next
			seen := map[string]int{}
			page := apptest.JSON[apptest.Page[struct{ ID string }]](t, s, http.MethodGet, path, "", 200)
			for {
				for _, e := range page.Items {
					seen[e.ID]++
				}
				if page.NextPageID == nil {
					break
				}
				put(3)
				require.Less(t, next, 2000)
				page = apptest.JSON[apptest.Page[struct{ ID string }]](t, s, http.MethodGet, path+"&page_id="+*page.NextPageID, "", 200)
			}
			for i := range start {
				require.Equal(t, 1, seen[fmt.Sprint(i)], "%s: event %d", path, i)
			}
			for id, times := range seen {
				require.Equal(t, 1, times, id)
			}
		}
	})
}

func TestFinalResponse(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		assert.Equal(t, http.StatusNotFound, s.Do(t, http.MethodGet, final, "").Status)
		announce(t, s)
		want := func(text string) {
			t.Helper()
			got := apptest.JSON[struct{ Response string }](t, s, http.MethodGet, final, "", 200)
			assert.Equal(t, text, got.Response)
		}
		want("")
		pushAll(t, s, `{"id":"1","kind":"MessageEvent","source":"user","timestamp":"2026-01-01T10:00:00","llm_message":{"content":[{"type":"text","text":"hi"}]}}`)
		want("")
		pushAll(t, s, `{"id":"2","kind":"MessageEvent","source":"agent","timestamp":"2026-01-01T10:00:01","llm_message":{"content":[{"type":"text","text":"a"},{"type":"text","text":"<b>"}]}}`)
		want("a<b>")
		pushAll(t, s, `{"id":"3","kind":"ActionEvent","source":"agent","timestamp":"2026-01-01T10:00:02","tool_name":"terminal","action":{"kind":"X"}}`)
		want("a<b>")
		pushAll(t, s, `{"id":"4","kind":"ActionEvent","source":"agent","timestamp":"2026-01-01T10:00:03","action":{"kind":"FinishAction","message":"done"}}`)
		want("done")
		pushAll(t, s, `{"id":"5","kind":"MessageEvent","source":"agent","timestamp":"2026-01-01T10:00:04","llm_message":{"content":[{"type":"text","text":"more"}]}}`)
		want("more")
		pushAll(t, s, `{"id":"6","kind":"ActionEvent","source":"agent","timestamp":"2026-01-01T10:00:05","tool_name":"finish","action":null}`)
		want("")
	})
}
