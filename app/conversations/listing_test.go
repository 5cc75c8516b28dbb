package conversations_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/wire"
)

// listed are the ids of a listing, page by page.
func listed(t *testing.T, s *apptest.Server, query string) (ids []string) {
	t.Helper()
	for next := ""; ; {
		require.Less(t, len(ids), 50, "the pages have no end")
		page := apptest.JSON[apptest.Page[info]](t, s, http.MethodGet, appRoot+"/search?limit=3&include_sub_conversations=true&"+query+next, "", 200)
		for _, c := range page.Items {
			ids = append(ids, c.ID)
		}
		if page.NextPageID == nil {
			return ids
		}
		next = "&page_id=" + *page.NextPageID
	}
}

// Conversations with a tag are listed in the same order as all of them, whatever has changed
// since they were tagged.
func TestTaggedConversationsAreListedInOrder(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		const n = 8
		for i := range n {
			apptest.JSON[wire.Success](t, s, http.MethodPost, push, fmt.Sprintf(
				`{"id":"%s","title":"t%d","tags":{"all":"%d"},"created_at":"2026-01-0%dT00:00:00Z","updated_at":"2026-01-0%dT00:00:00Z"}`,
				id(i), i*5%n, i%2, i*3%n+1, i*7%n+1), 200)
		}
		check := func(what string) {
			t.Helper()
			for _, order := range []string{"CREATED_AT", "CREATED_AT_DESC", "UPDATED_AT", "UPDATED_AT_DESC", "TITLE", "TITLE_DESC"} {
				all := listed(t, s, "sort_order="+order)
				require.Len(t, all, n)
				assert.Equal(t, all, listed(t, s, "tag=all&sort_order="+order), "%s: %s", what, order)
				var some []string
				for _, id := range all {
					if (id[len(id)-1]-'0')%2 == 1 {
						some = append(some, id)
					}
				}
				assert.Equal(t, some, listed(t, s, "tag=all:1&sort_order="+order), "%s: %s", what, order)
				assert.Equal(t, some, listed(t, s, "tag=all:1&tag=all&created_at__gte=2000-01-01&updated_at__gte=2000-01-01&sort_order="+order), "%s: %s", what, order)
			}
		}
		check("pushed")
		ok := func(method, path, body string) {
			t.Helper()
			answer := s.Do(t, method, path, body)
			require.Equal(t, 200, answer.Status, answer.Body)
		}
		ok(http.MethodPost, "/api/v1/webhooks/events/"+id(2), `[{"id":"1","kind":"MessageEvent","source":"agent"}]`)
		check("an event came")
		ok(http.MethodPatch, root+"/"+id(3), `{"title":"zz"}`)
		check("a title was set")
		ok(http.MethodPost, push, `{"id":"`+id(4)+`","title":"aa"}`)
		check("a title was pushed")
		ok(http.MethodPost, "/api/v1/webhooks/events/"+id(5), `[{"id":"1","kind":"ConversationStateUpdateEvent","key":"execution_status","value":"running"}]`)
		check("a status came")
		ok(http.MethodPost, "/api/v1/webhooks/events/"+id(1), `[{"id":"1","kind":"ConversationStateUpdateEvent","key":"tags","value":{"more":"1"}}]`)
		check("another tag came")
		ok(http.MethodPatch, root+"/"+id(6), `{"tags":{"all":"0","mine":"1"}}`)
		check("tags were set")
		ok(http.MethodPost, "/api/v1/webhooks/events/"+id(6), `[{"id":"1","kind":"ConversationStateUpdateEvent","key":"full_state","value":{"tags":{"all":"7"},"max_iterations":3}}]`)
		check("tags that a client has set were told")
	})
}

// A range of times that leaves few is listed in each order, as one that leaves all.
func TestRangesAreListedInEachOrder(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		for i := range 8 {
			apptest.JSON[wire.Success](t, s, http.MethodPost, push, fmt.Sprintf(
				`{"id":"%s","title":"t%d","created_at":"2026-01-0%dT00:00:00Z","updated_at":"2026-01-0%dT00:00:00Z"}`, id(i), i*5%8, i+1, i*3%8+1), 200)
		}
		for order, want := range map[string][]string{
			"CREATED_AT": {id(2), id(3), id(4)}, "UPDATED_AT_DESC": {id(2), id(4), id(3)}, "TITLE": {id(2), id(4), id(3)},
		} {
			for i := range want {
				want[i] = strings.ReplaceAll(want[i], "-", "")
			}
			query := "created_at__gte=2026-01-03&created_at__lt=2026-01-06&sort_order=" + order
			assert.Equal(t, want, listed(t, s, query), order)
		}
		assert.Empty(t, listed(t, s, "updated_at__lt=2025-01-01&sort_order=TITLE"))
	})
}

// A text is found anywhere in a title, whatever the case and however long the title, by the
// titles first or by the order first.
func TestTitlesAreSearched(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		titles := []string{"a needle", "NEEDLE b", strings.Repeat("long ", 60) + "Needle", strings.Repeat("long ", 60), "100% of_it", "Él", ""}
		for i, title := range titles {
			apptest.JSON[wire.Success](t, s, http.MethodPost, push, fmt.Sprintf(
				`{"id":"%s","title":"%s","tags":{"n":"%d"},"created_at":"2026-01-0%dT00:00:00Z"}`, id(i), title, i%2, 7-i), 200)
		}
		for text, want := range map[string][]int{
			"needle": {2, 1, 0}, "nEEdle": {2, 1, 0}, "long": {3, 2}, "%": {4}, "f_": {4}, "é": {5}, "none": nil, "g needle": {2},
			strings.Repeat("a", 60_000): nil,
		} {
			hex := make([]string, len(want))
			for i, n := range want {
				hex[i] = strings.ReplaceAll(id(n), "-", "")
			}
			assert.ElementsMatch(t, hex, listed(t, s, "title__contains="+url.QueryEscape(text)), text)
			for _, w := range []conversations.Way{{}, conversations.TitleWay} {
				var rows []*conversations.Conversation
				q, err := conversations.PageQuery(s.DB.DB().NewSelect().Model(&rows), conversations.Filter{TitleContains: text}, w, "CREATED_AT", "", 10)
				require.NoError(t, err)
				require.NoError(t, q.Scan(t.Context()))
				var found []int
				for _, row := range rows {
					found = append(found, int(row.ID[len(row.ID)-1]-'0'))
				}
				assert.Equal(t, want, found, "%s by %v", text, w)
			}
		}
		assert.Len(t, listed(t, s, "title__contains=needle&tag=n:0"), 2)
	})
}
