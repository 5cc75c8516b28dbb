package conversations_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/httpmodule"
)

// largeOnes is a server with four public conversations. Three have 3 MiB each; the first's agent
// has large skills, too.
func largeOnes(t *testing.T, cfg dbmodule.Config, budget int64) *apptest.Server {
	t.Helper()
	s := apptest.New(t, cfg, func(cfg *httpmodule.Config) { cfg.MemoryBudget = budget })
	prompt, skill := strings.Repeat("a line of a prompt ", 3<<20/19), strings.Repeat("a line of a skill ", 2<<20/18)
	for i := range 4 {
		body := fmt.Sprintf(`{"id":%q,"public":true,"created_at":"2026-01-01T00:00:0%dZ","agent":{"kind":"Agent","prompt":%q`, id(i), i, prompt)
		switch i {
		case 0:
			body += fmt.Sprintf(`,"agent_context":{"skills":[{"name":"s","content":%q}]}`, skill)
		case 3:
			body = fmt.Sprintf(`{"id":%q,"public":true,"created_at":"2026-01-01T00:00:0%dZ","agent":{"kind":"Agent"`, id(i), i)
		}
		apptest.JSON[wire.Success](t, s, http.MethodPost, "/api/v1/webhooks/conversations", body+`}}`, 200)
	}
	return s
}

// A page of conversations ends where they reach paging.MaxBytes, and its next_page_id goes on with
// the next: none is left out, none comes twice.
func TestPagesOfLargeConversationsEndByTheirSize(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		s := largeOnes(t, cfg, 0)
		for order, want := range map[string][]string{"CREATED_AT": {"0 1", "2 3"}, "CREATED_AT_DESC": {"3 2 1", "0"}} {
			var pages []string
			for next := ""; ; {
				page := apptest.JSON[apptest.Page[struct{ ID string }]](t, s, http.MethodGet, "/api/conversations/search?sort_order="+order+next, "", 200)
				ids := make([]string, len(page.Items))
				for i, item := range page.Items {
					for n := range 4 {
						if item.ID == id(n) {
							ids[i] = fmt.Sprint(n)
						}
					}
				}
				pages = append(pages, strings.Join(ids, " "))
				if page.NextPageID == nil {
					break
				}
				require.Less(t, len(pages), 10)
				next = "&page_id=" + *page.NextPageID
			}
			assert.Equal(t, want, pages, order)
		}
		session := s.Sessions.New(dbmodule.ReadOnly())
		defer func() { assert.NoError(t, session.Close()) }()
		found, _, err := s.Conversations.Page(t.Context(), session, nil, conversations.Filter{}, conversations.CreatedAt, "", 1)
		require.NoError(t, err)
		assert.Len(t, found, 1)
	})
}

// Large conversations count in the server's memory, whatever way they are read.
func TestLargeConversationsStayWithinTheBudget(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		s := largeOnes(t, cfg, 4<<20)
		ways := map[string]int{
			"/api/conversations/search":                                             6 << 20,
			"/api/conversations/search?include_skills=true":                         6 << 20,
			"/api/conversations?ids=" + id(0) + "&ids=" + id(1):                     6 << 20,
			"/api/conversations?include_skills=true&ids=" + id(0) + "&ids=" + id(1): 8 << 20,
			"/api/conversations/" + id(2):                                           3 << 20,
			"/api/conversations/" + id(0) + "?include_skills=true":                  5 << 20,
			"/api/v1/app-conversations/search":                                      0,
			"/api/v1/app-conversations?ids=" + id(0):                                0,
			"/api/shared-conversations/search":                                      0,
			"/api/shared-conversations?ids=" + id(1):                                0,
		}
		begun, leave := make(chan int, 100), make(chan struct{})
		var holding, beyond sync.WaitGroup
		holding.Go(func() {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/conversations/"+id(1), nil)
			s.Serve(apptest.NewSlowClient(begun, leave), r)
		})
		<-begun
		for path := range ways {
			beyond.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				answer := s.DoWithin(ctx, http.MethodGet, path, "")
				assert.Equal(t, http.StatusServiceUnavailable, answer.Status, path)
				assert.NotEmpty(t, answer.Header.Get("Retry-After"), path)
			})
		}
		beyond.Wait()
		assert.Equal(t, 200, s.Do(t, http.MethodGet, "/api/conversations/"+id(3), "").Status, "small ones are served")
		close(leave)
		holding.Wait()
		for path, size := range ways {
			for range 2 {
				answer := s.Do(t, http.MethodGet, path, "")
				assert.Equal(t, http.StatusOK, answer.Status, path)
				assert.InDelta(t, size, len(answer.Body), 20_000, path)
			}
		}
	})
}
