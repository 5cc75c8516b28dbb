package events_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/app/apptest"
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
