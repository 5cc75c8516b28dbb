package webhooks_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/wire"
)

const (
	dashed = "0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a10"
	hex    = "0d3ee5a55f044e7a9c3b2f9e4f1d7a10"
	push   = "/api/v1/webhooks/events/" + hex
	list   = "/api/conversations/" + dashed + "/events"
)

// Whatever JSON an event holds, it comes back byte for byte, alone and in a page.
func TestEventsComeBackByteForByte(t *testing.T) {
	t.Parallel()
	nasty := map[string]string{
		"nul":            `{"id":"nul","kind":"MessageEvent","llm_message":{"content":[{"type":"text","text":"a\u0000b"}]}}`,
		"surrogate":      `{"id":"surrogate","kind":"MessageEvent","llm_message":{"content":[{"type":"text","text":"\ud800 \udfff\ud83d"}]}}`,
		"bigint":         `{"id":"bigint","n":123456789012345678901234567890,"m":9007199254740993,"x":1.0e+400,"z":-0.0}`,
		"duplicates":     `{"id":"wrong","a":1,"a":2,"id":"duplicates"}`,
		"spaces":         "{ \"id\" :\n\t\"spaces\" ,\r\n \"a\" : [ 1 , 2 ] }",
		"escapes":        `{"id":"escapes","s":"\/\u003c\u00e9é<>&\\\\'\"%_?$1 ?0 \u2028` + "\u2028" + `"}`,
		"emoji":          `{"id":"emoji","s":"😀𝕏\u0001` + "\u007f\uffff" + `"}`,
		"case":           `{"ID":"no","Id":"no","id":"case","KIND":1}`,
		"deep":           `{"id":"deep","d":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`,
		"large":          `{"id":"large","kind":"MessageEvent","llm_message":{"content":[{"type":"text","text":"` + strings.Repeat(`x\\'é`, 5<<20/6) + `"}]}}`,
		"state":          `{"id":"state","kind":"ConversationStateUpdateEvent","key":"execution_status","value":{"odd":1}}`,
		"evt_%41":        `{"id":"evt_%41"}`,
		"UPPER":          `{"id":"UPPER"}`,
		"upper":          `{"id":"upper"}`,
		"ünïcödé/slash?": `{"id":"ünïcödé/slash?"}`,
	}
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		var all []string
		for _, event := range nasty {
			all = append(all, event)
		}
		apptest.JSON[wire.Success](t, s, http.MethodPost, push, "[\n"+strings.Join(all, " ,\t")+"]", http.StatusOK)
		for id, event := range nasty {
			answer := s.Do(t, http.MethodGet, list+"/"+escape(id), "")
			require.Equal(t, http.StatusOK, answer.Status, id+answer.Body[:min(200, len(answer.Body))])
			if event != answer.Body {
				t.Errorf("%s came back otherwise", id)
			}
		}
		page := s.Do(t, http.MethodGet, list+"/search", "")
		require.Equal(t, http.StatusOK, page.Status)
		for id, event := range nasty {
			if !strings.Contains(page.Body, event) {
				t.Errorf("%s is not in the page as it came", id)
			}
		}
		require.True(t, json.Valid([]byte(page.Body)))
		answer := s.Do(t, http.MethodGet, list, `["UPPER","none","upper"]`)
		assert.Equal(t, `[{"id":"UPPER"},null,{"id":"upper"}]`, answer.Body)
	})
}

// An event that takes more than the 16 MiB that MariaDB reads at once when it is
// escaped.
func TestLargestEvent(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		const unit = `\\\\é😀`
		event := `{"id":"1","kind":"MessageEvent","llm_message":{"content":[{"type":"text","text":"` +
			strings.Repeat(unit, 9<<20/len(unit)) + `"}]}}`
		apptest.JSON[wire.Success](t, s, http.MethodPost, push, "["+event+"]", http.StatusOK)
		answer := s.Do(t, http.MethodGet, list+"/1", "")
		require.Equal(t, http.StatusOK, answer.Status)
		if event != answer.Body {
			t.Error("it came back otherwise")
		}
	})
}

func escape(id string) string {
	return strings.NewReplacer("%", "%25", "/", "%2F", "?", "%3F").Replace(id)
}

func TestRedeliveryChangesNothing(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		first := `[{"id":"1","timestamp":"2026-01-01T10:00:00","kind":"ConversationStateUpdateEvent","key":"execution_status","value":"running"},` +
			`{"id":"2","timestamp":"2026-01-01T10:00:01"}]`
		second := `[{"id":"3","timestamp":"2026-01-01T10:00:02","kind":"ConversationStateUpdateEvent","key":"execution_status","value":"finished"}]`
		for _, batch := range []string{first, second} {
			apptest.JSON[wire.Success](t, s, http.MethodPost, push, batch, http.StatusOK)
		}
		before := s.Do(t, http.MethodGet, "/api/conversations/"+hex, "")
		require.Contains(t, before.Body, `"execution_status":"finished"`)
		events := s.Do(t, http.MethodGet, list+"/search", "").Body

		changed := strings.Replace(first, `"2026-01-01T10:00:01"`, `"2030-01-01T10:00:01"`, 1)
		for _, batch := range []string{first, second, changed, "[" + first[1:len(first)-1] + "," + second[1:len(second)-1] + "]"} {
			apptest.JSON[wire.Success](t, s, http.MethodPost, push, batch, http.StatusOK)
		}
		assert.Equal(t, before.Body, s.Do(t, http.MethodGet, "/api/conversations/"+hex, "").Body)
		assert.Equal(t, events, s.Do(t, http.MethodGet, list+"/search", "").Body)
		assert.Equal(t, int64(3), apptest.JSON[int64](t, s, http.MethodGet, list+"/count", "", 200))

		// A new event among known ones, and a repeated one in the batch itself.
		batch := `[{"id":"2"},{"id":"4","timestamp":"2026-01-01T09:00:00","kind":"ConversationStateUpdateEvent","key":"execution_status","value":"error"},{"id":"4"}]`
		apptest.JSON[wire.Success](t, s, http.MethodPost, push, batch, http.StatusOK)
		assert.Equal(t, int64(4), apptest.JSON[int64](t, s, http.MethodGet, list+"/count", "", 200))
		assert.Contains(t, s.Do(t, http.MethodGet, "/api/conversations/"+hex, "").Body, `"execution_status":"error"`, "it came last")
	})
}

func TestStateOfEvents(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		batch := `[{"id":"1","timestamp":"2026-01-01T10:00:03","kind":"ConversationStateUpdateEvent","key":"execution_status","value":"running"},
			{"id":"2","timestamp":"2026-01-01T10:00:02","kind":"ConversationStateUpdateEvent","key":"full_state","value":{"execution_status":"finished","agent_state":{},
			 "stats":{"usage_to_metrics":{"agent":{"accumulated_cost":1.25,"accumulated_token_usage":{"prompt_tokens":5000000000,"completion_tokens":7}},
			 "condenser":{"accumulated_cost":0.25,"accumulated_token_usage":{"prompt_tokens":1}}}}}}]`
		apptest.JSON[wire.Success](t, s, http.MethodPost, push, batch, http.StatusOK)
		info := apptest.JSON[map[string]any](t, s, http.MethodGet, "/api/conversations/"+dashed, "", 200)
		assert.Equal(t, "finished", info["execution_status"])
		answer := s.Do(t, http.MethodGet, "/api/v1/app-conversations?ids="+dashed, "")
		assert.Contains(t, answer.Body, `"accumulated_cost":1.5`)
		assert.Contains(t, answer.Body, `"prompt_tokens":5000000001`)
		assert.Contains(t, answer.Body, `"completion_tokens":7`)
	})
}

// Deliveries at the same time, among them of the same batch, lose nothing and
// count each event once, whether or not the conversation was announced.
func TestConcurrentDeliveries(t *testing.T) {
	t.Parallel()
	const deliveries = 200
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		var wg sync.WaitGroup
		statuses := make([]int, deliveries)
		for i := range deliveries {
			wg.Add(1)
			go func() {
				defer wg.Done()
				batch := i / 2 // everything comes twice
				var events []string
				for j := range 5 {
					events = append(events, fmt.Sprintf(`{"id":"%d-%d","kind":"ActionEvent","timestamp":"2026-01-01T10:00:%02d"}`, batch, j, j))
				}
				statuses[i] = s.Do(t, http.MethodPost, push, "["+strings.Join(events, ",")+"]").Status
			}()
		}
		wg.Wait()
		for i, status := range statuses {
			require.Equal(t, http.StatusOK, status, "delivery %d", i)
		}
		const want = deliveries / 2 * 5
		assert.Equal(t, want, apptest.JSON[int](t, s, http.MethodGet, list+"/count", "", 200))
		assert.Equal(t, want, apptest.JSON[int](t, s, http.MethodGet, list+"/count?kind=ActionEvent", "", 200))

		seen := map[string]bool{}
		next := ""
		for {
			page := apptest.JSON[apptest.Page[struct{ ID string }]](t, s, http.MethodGet, list+"/search?limit=37"+next, "", 200)
			for _, e := range page.Items {
				require.False(t, seen[e.ID], "%s came twice", e.ID)
				seen[e.ID] = true
			}
			if page.NextPageID == nil {
				break
			}
			next = "&page_id=" + *page.NextPageID
		}
		assert.Len(t, seen, want)
	})
}

// Deliveries to many conversations at once, none of them known.
func TestConcurrentConversations(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				path := fmt.Sprintf("/api/v1/webhooks/events/%032x", i%20+1)
				answer := s.Do(t, http.MethodPost, path, fmt.Sprintf(`[{"id":"a"},{"id":"%d"}]`, i))
				assert.Equal(t, http.StatusOK, answer.Status, answer.Body)
			}()
		}
		wg.Wait()
		assert.Equal(t, 20, apptest.JSON[int](t, s, http.MethodGet, "/api/conversations/count", "", 200))
	})
}

// What is no batch, or not all of one, is a mistake that the sender is told.
func TestBadBatches(t *testing.T) {
	t.Parallel()
	bad := map[string]string{
		"truncated":     `[{"id":"1"},{"id":"2"`,
		"in a string":   `[{"id":"1"},{"id":"2]`,
		"no body":       ``,
		"blank":         `  `,
		"an object":     `{"id":"1"}`,
		"a number":      `7`,
		"null":          `null`,
		"garbage after": `[{"id":"1"}] x`,
	}
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		for name, body := range bad {
			answer := s.Do(t, http.MethodPost, push, body)
			assert.Equal(t, http.StatusUnprocessableEntity, answer.Status, "%s: %s", name, answer.Body)
			assert.Contains(t, answer.Body, `{"detail":[{"loc":["body"`, name)
		}
		assert.Equal(t, http.StatusUnprocessableEntity, s.Do(t, http.MethodPost, "/api/v1/webhooks/events/none", `[]`).Status)
		assert.Equal(t, http.StatusNotFound, s.Do(t, http.MethodGet, list+"/count", "").Status, "nothing was stored")
		assert.Equal(t, "0", s.Do(t, http.MethodGet, refusedList+"/count", "").Body)
		apptest.JSON[wire.Success](t, s, http.MethodPost, push, ` [ ] `, http.StatusOK)
	})
}

// What Python writes, and what other writers might.
func TestTimestamps(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		stamps := []string{
			"0001-01-01T00:00:00", "1969-12-31T23:59:59.999999", "2026-01-01T09:59:60.5", "2026-01-01T10:00:00",
			"2026-01-01T10:00:00.000001", "2026-01-01 10:00:00.1", "2026-01-01T12:00:01+02:00", "2026-01-01T10:00:02Z",
			"9999-12-31T23:59:59.999999",
		}
		stamps[2] = "2026-01-01"
		var batch []string
		for i := range stamps {
			i = (i*4 + 3) % len(stamps)
			batch = append(batch, fmt.Sprintf(`{"id":"%d","timestamp":%q}`, i, stamps[i]))
		}
		apptest.JSON[wire.Success](t, s, http.MethodPost, push, "["+strings.Join(batch, ",")+"]", http.StatusOK)
		for _, order := range []string{"TIMESTAMP", "TIMESTAMP_DESC"} {
			page := apptest.JSON[apptest.Page[struct{ ID, Timestamp string }]](t, s, http.MethodGet, list+"/search?sort_order="+order, "", 200)
			require.Len(t, page.Items, len(stamps))
			for i, e := range page.Items {
				if order == "TIMESTAMP_DESC" {
					i = len(stamps) - 1 - i
				}
				assert.Equal(t, stamps[i], e.Timestamp)
			}
		}
		assert.Equal(t, 4, apptest.JSON[int](t, s, http.MethodGet,
			list+"/count?timestamp__gte=2026-01-01T10:00:00&timestamp__lt=2026-01-01T12:00:02%2B02:00", "", 200))
	})
}
