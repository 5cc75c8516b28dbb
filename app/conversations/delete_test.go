package conversations_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

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

func (b *between) ErasePiece(ctx context.Context, db bun.IDB, id string, most int) (int, error) {
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

func statusOf(t *testing.T, s *apptest.Server, id string) string {
	t.Helper()
	return apptest.JSON[struct {
		ExecutionStatus string `json:"execution_status"`
	}](t, s, http.MethodGet, "/api/conversations/"+id, "", 200).ExecutionStatus
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
		require.Equal(t, "deleting", statusOf(t, s, many))
		// Others write meanwhile, and what an agent server says does not end the deletion.
		fill(t, s, fewOther, 3)
		require.Equal(t, 200, s.Do(t, http.MethodPost, "/api/v1/webhooks/conversations", `{"id":"`+many+`","execution_status":"running"}`).Status)
		require.Equal(t, "deleting", statusOf(t, s, many))

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
