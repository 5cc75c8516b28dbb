package conversations_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/dbmodule"
)

// between calls a function after each piece that is deleted.
type between struct {
	conversations.Recorder
	pieces []int
	do     func(pieces int)
}

func (b *between) ErasePiece(ctx context.Context, db *dbmodule.Session, id string, most int) (int, error) {
	if b.do != nil {
		b.do(len(b.pieces))
	}
	n, err := b.Recorder.ErasePiece(ctx, db, id, most)
	b.pieces = append(b.pieces, n)
	return n, err
}

const (
	many     = "0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a10"
	fewOther = "0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a11"
)

// fill pushes n events into a conversation.
func fill(t *testing.T, s *apptest.Server, id string, n int) {
	t.Helper()
	var batch []string
	for i := range n {
		batch = append(batch, fmt.Sprintf(`{"id":"e%d","kind":"MessageEvent","timestamp":"2026-01-31T12:00:00"}`, i))
	}
	require.Equal(t, 200, s.Do(t, http.MethodPost, "/api/v1/webhooks/events/"+id, "["+strings.Join(batch, ",")+"]").Status)
}

func eventsOf(t *testing.T, s *apptest.Server, id string) int64 {
	t.Helper()
	session := s.Sessions.New(dbmodule.ReadOnly())
	n, err := session.NewSelect().Model((*events.Event)(nil)).Where("conversation_id = ?", id).Count(t.Context())
	require.NoError(t, err)
	require.NoError(t, session.Close())
	return n
}

// Many events are deleted piece by piece, others write between two of them, and what is cut off goes
// on.
func TestManyEventsAreDeletedInPieces(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		fill(t, s, many, 1200)
		fill(t, s, fewOther, 3)
		ctx, cut := context.WithCancel(t.Context())
		recorder := &between{Recorder: s.Events, do: func(pieces int) {
			if pieces == 1 {
				cut()
			}
		}}
		deleter := conversations.NewDeleter(s.Sessions, s.Conversations, recorder)
		require.Error(t, deleter.Delete(ctx, many), "it was cut off")
		require.EqualValues(t, 700, eventsOf(t, s, many), "one piece is gone")
		fill(t, s, fewOther, 3) // others write meanwhile

		recorder.pieces, recorder.do = nil, nil
		require.NoError(t, deleter.Sweep(t.Context()))
		assert.Equal(t, []int{500, 200}, recorder.pieces)
		assert.Equal(t, 404, s.Do(t, http.MethodGet, "/api/conversations/"+many, "").Status)
		assert.Zero(t, eventsOf(t, s, many))
		assert.EqualValues(t, 3, eventsOf(t, s, fewOther), "another conversation's stay")
		require.NoError(t, deleter.Sweep(t.Context()), "nothing is left to do")
		assert.Len(t, recorder.pieces, 2)

		// Few go at once, and a route deletes many.
		require.NoError(t, deleter.Delete(t.Context(), fewOther))
		assert.Len(t, recorder.pieces, 2)
		require.ErrorIs(t, deleter.Delete(t.Context(), fewOther), dbmodule.ErrNotFound)
		fill(t, s, many, 600)
		assert.Equal(t, 200, s.Do(t, http.MethodDelete, "/api/conversations/"+many, "").Status)
		assert.Equal(t, 404, s.Do(t, http.MethodDelete, "/api/conversations/"+many, "").Status)
		assert.Zero(t, eventsOf(t, s, many))
	})
}

// A conversation may be gone and begun anew while a process deletes it, or before a sweep comes to it:
// another process was faster. The new one has no mark, and nothing of it is deleted.
func TestWhatBeganAnewIsNotDeleted(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		fill(t, s, many, 3)
		deleter := conversations.NewDeleter(s.Sessions, s.Conversations, s.Events)
		require.NoError(t, deleter.Erase(t.Context(), many))
		assert.EqualValues(t, 3, eventsOf(t, s, many))
		assert.Equal(t, 200, s.Do(t, http.MethodGet, "/api/conversations/"+many, "").Status)
	})
}

// The mark can't be set from outside: nobody would see the conversation any more, and then it would be
// deleted.
func TestMarkOfADeletionIsNoStatus(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		fill(t, s, many, 1)
		const mark = `"deletion asked"`
		s.Do(t, http.MethodPost, "/api/v1/webhooks/conversations", `{"id":"`+many+`","execution_status":`+mark+`}`)
		s.Do(t, http.MethodPost, "/api/v1/webhooks/events/"+many,
			`[{"id":"s1","kind":"ConversationStateUpdateEvent","timestamp":"2026-01-31T12:00:00","key":"execution_status","value":`+mark+`},`+
				`{"id":"s2","kind":"ConversationStateUpdateEvent","timestamp":"2026-01-31T12:00:00","key":"full_state","value":{"execution_status":`+mark+`}}]`)
		assert.Equal(t, 422, s.Do(t, http.MethodPost, "/api/conversations", `{"execution_status":`+mark+`}`).Status)
		assert.Equal(t, 200, s.Do(t, http.MethodGet, "/api/conversations/"+many, "").Status)
		require.NoError(t, conversations.NewDeleter(s.Sessions, s.Conversations, s.Events).Sweep(t.Context()))
		assert.Equal(t, 200, s.Do(t, http.MethodGet, "/api/conversations/"+many, "").Status)
		assert.NotZero(t, eventsOf(t, s, many))
	})
}

// As soon as a deletion is marked, nobody finds the conversation any more, and what is sent for it
// is not taken and lost, but is to be sent again.
func TestWhatIsBeingDeletedIsGoneForReaders(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		const child = "0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a12"
		fill(t, s, many, 600)
		const made = `{"id":"` + many + `","title":"Coins","tags":{"a":"b"},"public":true,"sandbox_id":"s","parent_conversation_id":"` + fewOther + `"}`
		require.Equal(t, 200, s.Do(t, http.MethodPost, "/api/v1/webhooks/conversations", made).Status)
		fill(t, s, fewOther, 3)
		fill(t, s, child, 1)
		require.Equal(t, 200, s.Do(t, http.MethodPatch, "/api/conversations/"+many, `{"public":true}`).Status)
		require.Equal(t, 200, s.Do(t, http.MethodGet, "/api/shared-events/search?conversation_id="+many, "").Status)
		listings := map[string]string{}
		for _, search := range []string{
			"/api/conversations/search?", "/api/conversations/search?sort_order=UPDATED_AT", "/api/shared-conversations/search?include_sub_conversations=true",
			"/api/v1/app-conversations/search?sort_order=TITLE&include_sub_conversations=true", "/api/v1/app-conversations/search?tag=a:b&include_sub_conversations=true",
			"/api/v1/app-conversations/search?include_sub_conversations=true", "/api/v1/app-conversations/search?sandbox_id__eq=s&include_sub_conversations=true",
			"/api/v1/app-conversations/search?title__contains=coins&include_sub_conversations=true",
			"/api/v1/app-conversations/search?created_at__gte=2020-01-01T00:00:00Z&include_sub_conversations=true",
		} {
			before := s.Do(t, http.MethodGet, search, "")
			require.Equal(t, 200, before.Status, before.Body)
			require.Contains(t, strings.ReplaceAll(before.Body, "-", ""), strings.ReplaceAll(many, "-", ""), search)
			listings[search] = strings.Replace(search, "/search?", "/count?", 1)
		}
		count := func(path string) int { return apptest.JSON[int](t, s, http.MethodGet, path, "", 200) }
		counted := map[string]int{}
		for _, path := range listings {
			if !strings.Contains(path, "sort_order") {
				counted[path] = count(path)
			}
		}

		ctx, cut := context.WithCancel(t.Context())
		recorder := &between{Recorder: s.Events, do: func(int) { cut() }}
		deleter := conversations.NewDeleter(s.Sessions, s.Conversations, recorder)
		require.Error(t, deleter.Delete(ctx, many), "it is cut off when it is marked")
		require.NotZero(t, eventsOf(t, s, many))

		for search := range listings {
			after := s.Do(t, http.MethodGet, search, "")
			require.Equal(t, 200, after.Status)
			assert.NotContains(t, strings.ReplaceAll(after.Body, "-", ""), strings.ReplaceAll(many, "-", ""), search)
		}
		for path, n := range counted {
			assert.Equal(t, n-1, count(path), path)
		}
		for _, path := range []string{
			"/api/conversations/" + many, "/api/conversations/" + many + "/events/search", "/api/conversations/" + many + "/events/count",
			"/api/conversations/" + many + "/events/count?kind=MessageEvent", "/api/conversations/" + many + "/events/e1", "/api/conversations/" + many + "/events?ids=e1",
			"/api/conversations/" + many + "/agent_final_response",
			"/api/v1/conversation/" + many + "/events/search", "/api/v1/app-conversations/" + many + "/download",
			"/api/shared-events/search?conversation_id=" + many, "/api/shared-events/" + many + "/e1",
		} {
			assert.Equal(t, 404, s.Do(t, http.MethodGet, path, "").Status, path)
		}
		for _, path := range []string{
			"/api/conversations?ids=" + many, "/api/v1/app-conversations?ids=" + many, "/api/shared-conversations?ids=" + many,
		} {
			assert.Equal(t, "[null]", strings.TrimSpace(s.Do(t, http.MethodGet, path, "").Body), path)
		}
		assert.NotContains(t, s.Do(t, http.MethodGet, "/api/v1/app-conversations?ids="+fewOther, "").Body, many, "no child of its parent")
		assert.NotContains(t, s.Do(t, http.MethodGet, "/api/v1/app-conversations?ids="+fewOther, "").Body, strings.ReplaceAll(many, "-", ""))

		stored := eventsOf(t, s, many)
		for _, write := range [][2]string{
			{"/api/v1/webhooks/conversations", `{"id":"` + many + `","execution_status":"running"}`},
			{"/api/v1/webhooks/events/" + many, `[{"id":"new","kind":"MessageEvent","timestamp":"2026-01-31T12:00:00"}]`},
			{"/api/conversations", `{"conversation_id":"` + many + `"}`},
		} {
			answer := s.Do(t, http.MethodPost, write[0], write[1])
			assert.Equal(t, 503, answer.Status, write[0])
			assert.Equal(t, "5", answer.Header.Get("Retry-After"), write[0])
		}
		assert.Equal(t, 200, s.Do(t, http.MethodPost, "/api/v1/webhooks/conversations", `{"id":"`+many+`","execution_status":"deleting"}`).Status,
			"that its agent server deletes its copy changes nothing")
		assert.Equal(t, 404, s.Do(t, http.MethodPatch, "/api/conversations/"+many, `{"title":"x"}`).Status)
		assert.Equal(t, 404, s.Do(t, http.MethodPost, "/api/conversations/"+many+"/events", `{"role":"user","content":[]}`).Status)
		assert.Equal(t, 404, s.Do(t, http.MethodDelete, "/api/conversations/"+many, "").Status)
		assert.Equal(t, stored, eventsOf(t, s, many))

		recorder.do = nil
		require.NoError(t, deleter.Sweep(t.Context()))
		assert.Zero(t, eventsOf(t, s, many))
		fill(t, s, many, 1)
		assert.Equal(t, 200, s.Do(t, http.MethodGet, "/api/conversations/"+many, "").Status, "what is sent again begins it anew")
	})
}
