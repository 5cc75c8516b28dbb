package events_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/events"
)

// mixed are events of three kinds and two sources, one of them twice.
func mixed(from int) []string {
	var all []string
	for i, of := range [][2]string{
		{"MessageEvent", "user"},
		{"MessageEvent", "agent"},
		{"ActionEvent", "agent"},
		{"ActionEvent", "agent"},
		{"Odd", ""},
	} {
		all = append(all, fmt.Sprintf(`{"id":"e%d","kind":%q,"source":%q,"timestamp":"2026-01-01T00:00:00"}`, from+i, of[0], of[1]))
	}
	return append(all, all[0])
}

func countBy(t *testing.T, s *apptest.Server, query string) int {
	t.Helper()
	return apptest.JSON[int](t, s, http.MethodGet, root+"/count?"+query, "", 200)
}

// queries are filters with how many events of a mixed batch they leave.
var queries = map[string]int{
	"kind=MessageEvent": 2,
	"kind=" + url.QueryEscape("openhands.sdk.event.MessageEvent"): 2,
	"source=agent":                  3,
	"kind=ActionEvent&source=agent": 2,
	"kind=ActionEvent&source=user":  0,
	"kind=actionevent":              0,
	"kind=Nothing":                  0,
	"kind=MessageEvent&timestamp__gte=2026-01-01T00:00:00": 2,
	"kind=MessageEvent&timestamp__lt=2026-01-01T00:00:00":  0,
}

func TestCountsAreTallied(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		assert.Equal(t, http.StatusNotFound, s.Do(t, http.MethodGet, root+"/count?kind=Odd", "").Status)
		announce(t, s)
		assert.Zero(t, countBy(t, s, "kind=Odd"))
		pushAll(t, s, mixed(0)...)
		pushAll(t, s, mixed(0)...) // a repetition changes nothing
		pushAll(t, s, mixed(5)...)
		for query, n := range queries {
			assert.Equal(t, 2*n, countBy(t, s, query), query)
		}
		var tallies []events.Tally
		require.NoError(t, s.DB.DB().NewSelect().Model(&tallies).Order("kind", "source").Scan(t.Context()))
		require.Len(t, tallies, 4)

		// They are what is read: no event has this kind.
		_, err := s.DB.DB().NewUpdate().Model((*events.Tally)(nil)).Set("kind = 'Moved'").Where("kind = 'Odd'").Exec(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2, countBy(t, s, "kind=Moved"))

		require.Equal(t, 200, s.Do(t, http.MethodDelete, "/api/conversations/"+conversation, "").Status)
		left, err := s.DB.DB().NewSelect().Model((*events.Tally)(nil)).Count(t.Context())
		require.NoError(t, err)
		assert.Zero(t, left)
	})
}

// A build from before the tallies stores events on the same database.
func TestCountsWithoutTallies(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		announce(t, s)
		pushAll(t, s, mixed(0)...)
		_, err := s.DB.DB().NewInsert().Model(&events.Event{
			ConversationID: conversation, ID: "old", Kind: "ActionEvent", Source: "user", Payload: "{}",
		}).ExcludeColumn("seq").Returning("NULL").Exec(t.Context())
		require.NoError(t, err)
		_, err = s.DB.DB().ExecContext(t.Context(), "UPDATE conversations SET event_count = event_count + 1")
		require.NoError(t, err)
		pushAll(t, s, mixed(5)...)
		assert.Equal(t, 1, countBy(t, s, "kind=ActionEvent&source=user"))
		assert.Equal(t, 5, countBy(t, s, "kind=ActionEvent"))
		assert.Equal(t, 4, countBy(t, s, "kind=MessageEvent"))
	})
}
