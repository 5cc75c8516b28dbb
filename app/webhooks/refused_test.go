package webhooks_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/refused"
	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
)

const refusedList = "/api/v1/webhooks/refused"

type pushed struct {
	Success bool
	Refused []struct {
		Index  *int
		Reason string
	}
}

type kept struct {
	ID             int64   `json:"id"`
	What           string  `json:"what"`
	ConversationID *string `json:"conversation_id"`
	Reason         string  `json:"reason"`
	Size           int64   `json:"size"`
	BodyKept       bool    `json:"body_kept"`
	Times          int64   `json:"times"`
	ReceivedAt     string  `json:"received_at"`
}

func refusals(t *testing.T, s *apptest.Server) []kept {
	t.Helper()
	return apptest.JSON[apptest.Page[kept]](t, s, http.MethodGet, refusedList, "", 200).Items
}

// One event that can't be stored blocks none of the others, whatever is wrong with it.
func TestPoisonBlocksNothing(t *testing.T) {
	t.Parallel()
	poison := map[string]string{
		"a number":      `7`,
		"null":          `null`,
		"no id":         `{"kind":"x"}`,
		"a null id":     `{"id":null}`,
		"an empty id":   `{"id":""}`,
		"a numeric id":  `{"id":2}`,
		"not a number":  `{"id":"nan","x":NaN}`,
		"invalid UTF-8": "{\"id\":\"utf\",\"s\":\"\xff\"}",
		"raw control":   "{\"id\":\"nul\",\"s\":\"\x00\"}",
		"too deep":      `{"id":"deep","s":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + "}",
	}
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		n := 0
		for name, element := range poison {
			n += 2
			batch := fmt.Sprintf(`[{"id":"%d"}, %s ,{"id":"%d"}]`, n, element, n+1)
			got := apptest.JSON[pushed](t, s, http.MethodPost, push, batch, http.StatusOK)
			if assert.Len(t, got.Refused, 1, name) {
				assert.Equal(t, 1, *got.Refused[0].Index, name)
				assert.Contains(t, got.Refused[0].Reason, "body", name)
			}
			assert.Equal(t, n, apptest.JSON[int](t, s, http.MethodGet, list+"/count", "", 200), name)
			all := refusals(t, s)
			if assert.Len(t, all, n/2, name) {
				assert.Equal(t, "event", all[0].What)
				assert.Equal(t, dashed, *all[0].ConversationID)
				assert.Equal(t, int64(len(element)), all[0].Size, name)
				body := s.Do(t, http.MethodGet, fmt.Sprintf("%s/%d/body", refusedList, all[0].ID), "")
				assert.Equal(t, element, body.Body, name)
			}
		}
		assert.Equal(t, n/2, apptest.JSON[int](t, s, http.MethodGet, refusedList+"/count", "", 200))
	})
}

// Ids and kinds of any length and of any characters, and any timestamp, are taken, and found
// by what they are.
func TestAnyIDKindAndTimestamp(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 5000)
	ids := []string{"plain", long, long + "y", "a ", "a", " a", "a\u0000b", "tab\t", "~tilde", "ü" + strings.Repeat("é", 300)}
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		batch := make([]json.RawMessage, len(ids))
		for i, id := range ids {
			text, err := json.Marshal(map[string]any{"id": id, "kind": long + "Kind", "source": long, "timestamp": "the day after", "n": i})
			require.NoError(t, err)
			batch[i] = text
		}
		body, err := json.Marshal(batch)
		require.NoError(t, err)
		for range 2 { // the second time it is known
			got := apptest.JSON[pushed](t, s, http.MethodPost, push, string(body), http.StatusOK)
			assert.Empty(t, got.Refused)
			assert.Equal(t, len(ids), apptest.JSON[int](t, s, http.MethodGet, list+"/count", "", 200))
		}
		for i, id := range ids {
			assert.Equal(t, string(batch[i]), s.Do(t, http.MethodGet, list+"/"+url.PathEscape(id), "").Body, "%.20q", id)
		}
		asked, err := json.Marshal([]string{ids[2], "none", ids[3], long})
		require.NoError(t, err)
		assert.Equal(t, "["+string(batch[2])+",null,"+string(batch[3])+","+string(batch[1])+"]", s.Do(t, http.MethodGet, list, string(asked)).Body)
		assert.Equal(t, len(ids), apptest.JSON[int](t, s, http.MethodGet, list+"/count?kind="+long+"Kind", "", 200))
		assert.Equal(t, len(ids), apptest.JSON[int](t, s, http.MethodGet, list+"/count?source="+long, "", 200))
		assert.Len(t, apptest.JSON[apptest.Page[any]](t, s, http.MethodGet, list+"/search?kind="+long+"Kind", "", 200).Items, len(ids))

		// The leaf that is shown can be asked for.
		leaf := apptest.JSON[struct {
			Leaf string `json:"leaf_event_id"`
		}](t, s, http.MethodGet, info, "", 200).Leaf
		assert.Equal(t, string(batch[len(ids)-1]), s.Do(t, http.MethodGet, list+"/"+url.PathEscape(leaf), "").Body)

		for i, stamp := range []string{`5`, `null`, `[]`, `"2026-13-45T99:00:00"`, `"1e9"`, `""`, `"2026-01-01T10:00:00.123456789+14:00"`} {
			got := apptest.JSON[pushed](t, s, http.MethodPost, push, fmt.Sprintf(`[{"id":"t%d","timestamp":%s,"kind":{},"source":3}]`, i, stamp), 200)
			assert.Empty(t, got.Refused, stamp)
		}
		assert.Equal(t, len(ids)+7, apptest.JSON[int](t, s, http.MethodGet, list+"/count", "", 200))
	})
}

// Of a push of the state, a member that can't be read is left out and kept, its secrets
// masked; trying again sets nothing else.
func TestPushWithABadMember(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		put := func(more string) pushed {
			t.Helper()
			return apptest.JSON[pushed](t, s, http.MethodPost, pushInfo, `{"id":"`+dashed+`"`+more+`}`, http.StatusOK)
		}
		got := put(`,"execution_status":"running","title":"good","max_iterations":"many","created_at":"soon","agent":["sk-live"],"api_key":"sk-live"`)
		require.Len(t, got.Refused, 1)
		assert.Contains(t, got.Refused[0].Reason, "body.max_iterations")
		assert.Contains(t, got.Refused[0].Reason, "body.created_at")
		shown := s.Do(t, http.MethodGet, info, "").Body
		assert.Contains(t, shown, `"execution_status":"running"`)
		assert.Contains(t, shown, `"title":"good"`)

		put(`,"execution_status":"finished"`)
		all := refusals(t, s)
		require.Len(t, all, 1)
		assert.Equal(t, "conversation", all[0].What)
		retry := s.Do(t, http.MethodPost, fmt.Sprintf("%s/%d/retry", refusedList, all[0].ID), "")
		assert.Equal(t, http.StatusConflict, retry.Status, retry.Body)
		assert.Contains(t, retry.Body, "max_iterations")
		assert.Contains(t, s.Do(t, http.MethodGet, info, "").Body, `"execution_status":"finished"`, "it set nothing else")

		for _, bad := range []string{`{`, `[]`, `{}`, `{"id":"x"}`, `{"id":7}`} {
			assert.Equal(t, http.StatusUnprocessableEntity, s.Do(t, http.MethodPost, pushInfo, bad).Status, bad)
		}
	})
}

// Above 64 MiB an event is refused by its size; below, it is stored whatever it holds.
func TestLimitOfWebhooks(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		event := func(id string, size int) string {
			return `[{"id":"` + id + `","kind":"MessageEvent","llm_message":{"content":[{"type":"text","text":"` + strings.Repeat(`x\\é"`[:5], size/5) + `"}]}}]`
		}
		large := event("large", 60<<20)
		got := apptest.JSON[pushed](t, s, http.MethodPost, push, large, http.StatusOK)
		assert.Empty(t, got.Refused)
		back := s.Do(t, http.MethodGet, list+"/large", "").Body
		assert.True(t, "["+back+"]" == large, "it came back otherwise")

		for path, body := range map[string]string{push: event("over", 65<<20), pushInfo: `{"id":"` + dashed + `","title":"` + strings.Repeat("x", 65<<20) + `"}`} {
			got := apptest.JSON[pushed](t, s, http.MethodPost, path, body, http.StatusOK)
			require.Len(t, got.Refused, 1)
			assert.Contains(t, got.Refused[0].Reason, fmt.Sprint(len(body)))
			newest := refusals(t, s)[0]
			assert.Equal(t, int64(len(body)), newest.Size)
			assert.False(t, newest.BodyKept)
			for method, path := range map[string]string{http.MethodGet: "body", http.MethodPost: "retry"} {
				assert.Equal(t, http.StatusConflict, s.Do(t, method, fmt.Sprintf("%s/%d/%s", refusedList, newest.ID, path), "").Status)
			}
		}
	})
}

func TestRefusedAreTriedAgainAndDropped(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		for range 3 {
			apptest.JSON[pushed](t, s, http.MethodPost, push, `[{"kind":"same"}]`, 200)
		}
		for i := range 4 {
			apptest.JSON[pushed](t, s, http.MethodPost, push, fmt.Sprintf(`[%d]`, i), 200)
		}
		first := apptest.JSON[apptest.Page[kept]](t, s, http.MethodGet, refusedList+"?limit=3", "", 200)
		require.Len(t, first.Items, 3)
		rest := apptest.JSON[apptest.Page[kept]](t, s, http.MethodGet, refusedList+"?limit=3&page_id="+*first.NextPageID, "", 200)
		require.Len(t, rest.Items, 2)
		assert.Nil(t, rest.NextPageID)
		same := rest.Items[1]
		assert.Equal(t, int64(3), same.Times, "what comes again is there once")
		at := func(id int64, what string) string { return fmt.Sprintf("%s/%d%s", refusedList, id, what) }
		assert.Equal(t, http.StatusConflict, s.Do(t, http.MethodPost, at(same.ID, "/retry"), "").Status)

		// What could not be stored by a build before can be by this one.
		require.NoError(t, s.Sessions.InTx(t.Context(), func(ctx context.Context, db *dbmodule.Session) error {
			return refused.NewStore().Record(ctx, db, refused.Refusal{
				What: refused.Event, ConversationID: dashed, Reason: "once", Body: []byte(`{"id":"now"}`), Size: 12,
			})
		}))
		assert.Equal(t, http.StatusOK, s.Do(t, http.MethodPost, at(refusals(t, s)[0].ID, "/retry"), "").Status)
		assert.Equal(t, `{"id":"now"}`, s.Do(t, http.MethodGet, list+"/now", "").Body)
		assert.Len(t, refusals(t, s), 5)

		assert.Equal(t, http.StatusOK, s.Do(t, http.MethodDelete, at(same.ID, ""), "").Status)
		for method, path := range map[string]string{http.MethodDelete: "", http.MethodPost: "/retry", http.MethodGet: "/body"} {
			assert.Equal(t, http.StatusNotFound, s.Do(t, method, at(same.ID, path), "").Status)
		}
		assert.Equal(t, `{"dropped":4}`, strings.TrimSpace(s.Do(t, http.MethodDelete, refusedList, "").Body))
		assert.Equal(t, "0", s.Do(t, http.MethodGet, refusedList+"/count", "").Body)
	})
}

// Number, age and what is kept of each are bounded.
func TestRefusedAreBounded(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		old := &refused.Delivery{Digest: "old", What: refused.Event, ReceivedAt: wire.Now().Add(-refused.KeptFor - time.Hour)}
		_, err := s.DB.DB().NewInsert().Model(old).ExcludeColumn("id").Returning("NULL").Exec(t.Context())
		require.NoError(t, err)
		batch := make([]string, refused.MostKept+20)
		for i := range batch {
			batch[i] = fmt.Sprint(i)
		}
		apptest.JSON[pushed](t, s, http.MethodPost, push, "["+strings.Join(batch[:5], ",")+"]", 200)
		assert.Equal(t, 5, apptest.JSON[int](t, s, http.MethodGet, refusedList+"/count", "", 200), "the old one is gone")
		apptest.JSON[pushed](t, s, http.MethodPost, push, "["+strings.Join(batch[5:], ",")+"]", 200)
		assert.Equal(t, refused.MostKept, apptest.JSON[int](t, s, http.MethodGet, refusedList+"/count", "", 200))
		newest := s.Do(t, http.MethodGet, fmt.Sprintf("%s/%d/body", refusedList, refusals(t, s)[0].ID), "").Body
		assert.Equal(t, batch[len(batch)-1], newest)

		// So is what is kept of a body.
		large := `"` + strings.Repeat("x", refused.LargestBody) + `"`
		apptest.JSON[pushed](t, s, http.MethodPost, push, "["+large+"]", 200)
		last := refusals(t, s)[0]
		assert.Equal(t, int64(len(large)), last.Size)
		assert.False(t, last.BodyKept)
	})
}
