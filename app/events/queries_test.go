package events_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/dbmodule"
)

// counter counts statements that read events, and those that look for nothing but a conversation.
type counter struct{ conversations, events atomic.Int64 }

func (*counter) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (c *counter) AfterQuery(_ context.Context, event *bun.QueryEvent) {
	text := strings.NewReplacer("`", "", `"`, "").Replace(event.Query)
	switch {
	case strings.Contains(text, "FROM events"):
		c.events.Add(1)
	case strings.Contains(text, "FROM conversations"):
		c.conversations.Add(1)
	}
}

// Events that are found prove that their conversation is there: it is looked for only where
// none are found.
func TestConversationIsLookedForWhereNoEventsAre(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		pushAll(t, s, `{"id":"1","kind":"MessageEvent","source":"user"}`)
		counts := new(counter)
		s.DB.DB().AddQueryHook(counts) //nolint:staticcheck // WithQueryHook makes a database that no session uses
		for _, test := range []struct {
			path  string
			looks int64
		}{
			{root + "/search", 0},
			{root + "?ids=none&ids=1", 0},
			{root + "/search?kind=none", 1},
			{root + "?ids=none", 1},
		} {
			conversations, events := counts.conversations.Load(), counts.events.Load()
			assert.Equal(t, http.StatusOK, s.Do(t, http.MethodGet, test.path, "").Status, test.path)
			assert.Equal(t, test.looks, counts.conversations.Load()-conversations, test.path)
			assert.EqualValues(t, 1, counts.events.Load()-events, test.path)
		}
	})
}

// The first page is compiled. It is the one that a filter without effect asks for, whose query is
// not.
func TestFirstPageIsAsOthers(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		large := strings.Repeat("is stored packed ", 2000)
		pushAll(t, s, `{"id":"1","timestamp":"2026-01-01T00:00:00"}`, `{"id":"2","text":"`+large+`","timestamp":"2026-01-01T00:00:00"}`,
			`{"id":"3","timestamp":"2025-01-01T00:00:00"}`, `{"id":"4","timestamp":"2027-01-01T00:00:00"}`)
		db := s.Sessions.New(dbmodule.ReadOnly())
		defer func() { require.NoError(t, db.Close()) }()
		before := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
		for _, order := range []string{events.Timestamp, events.TimestampDesc} {
			for range 3 { // as text, and prepared
				for _, most := range []events.Most{{Events: 2, Bytes: 1 << 20}, {Events: 100, Bytes: 1 << 20}, {Events: 100, Bytes: 100}} {
					compiled, next, err := s.Events.Page(t.Context(), db, conversation, events.Filter{}, order, "", most)
					require.NoError(t, err)
					ordinary, nextOfOrdinary, err := s.Events.Page(t.Context(), db, conversation, events.Filter{Before: &before}, order, "", most)
					require.NoError(t, err)
					require.NotEmpty(t, compiled)
					assert.Equal(t, ordinary, compiled)
					assert.Equal(t, nextOfOrdinary, next)
					assert.Equal(t, len(compiled) < 4, next != "")
				}
			}
		}
	})
}
