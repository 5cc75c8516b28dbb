package events_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/paging"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// large is an event of that many MiB, whose text a database takes little room for.
func large(id string, megabytes int) string {
	return fmt.Sprintf(`{"id":%q,"kind":"ObservationEvent","source":"environment","timestamp":"2026-01-01T10:00:00","text":"%s"}`,
		id, strings.Repeat("a line of a log ", megabytes<<16))
}

// A page ends where its events reach paging.MaxBytes, and its next_page_id goes on with the
// next event: none is left out, none comes twice.
func TestPagesEndByTheirSize(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		sizes := []int{3, 3, 3, 9}
		for i, size := range sizes {
			pushAll(t, s, large(fmt.Sprint(i), size))
		}
		pushAll(t, s, `{"id":"4","timestamp":"2026-01-01T10:00:00"}`)
		for _, order := range []string{"TIMESTAMP", "TIMESTAMP_DESC"} {
			var pages []string
			for next := ""; ; {
				answer := s.Do(t, http.MethodGet, root+"/search?sort_order="+order+next, "")
				page := apptest.JSON[apptest.Page[struct{ ID string }]](t, s, http.MethodGet, root+"/search?sort_order="+order+next, "", 200)
				ids := make([]string, len(page.Items))
				for i, item := range page.Items {
					ids[i] = item.ID
				}
				pages = append(pages, strings.Join(ids, " "))
				assert.True(t, len(ids) == 1 || len(answer.Body) <= paging.MaxBytes+1000, "%d bytes", len(answer.Body))
				if page.NextPageID == nil {
					break
				}
				require.Less(t, len(pages), 10)
				next = "&page_id=" + *page.NextPageID
			}
			want := []string{"0 1", "2", "3", "4"}
			if order == "TIMESTAMP_DESC" {
				want = []string{"4", "3", "2 1", "0"}
			}
			assert.Equal(t, want, pages, order)
		}
		apptest.JSON[[]map[string]any](t, s, http.MethodGet, root+"?ids=3&ids=none&ids=2", "", 200)
	})
}

// What is asked for by ids can't be cut: too much is refused, with what to do.
func TestBatchesHaveASize(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, dbtest.Config(t, dbmodule.SQLite))
	query := "?"
	for i := range 6 {
		pushAll(t, s, large(fmt.Sprint(i), 11))
		query += fmt.Sprintf("&ids=%d", i)
	}
	answer := s.Do(t, http.MethodGet, root+query, "")
	assert.Equal(t, http.StatusUnprocessableEntity, answer.Status)
	assert.Contains(t, answer.Body, "The events are larger than 64 MiB together: ask for fewer at once")
	few := apptest.JSON[[]map[string]any](t, s, http.MethodGet, root+"?ids=0&ids=1", "", 200)
	assert.Len(t, few, 2)
}
