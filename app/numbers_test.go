package app_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// Events that were stored before there were numbers have them afterwards, in the order of their
// arrival, whatever their timestamps say.
func TestEventsOfBeforeAreNumbered(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		db, m := databaseAt(t, cfg, "ca8bfc75e6de")
		counts := map[string]int64{"a": 0, "b": 0, "c": 0}
		for i := range 650 { // of three conversations, mixed, in several pieces
			id := string(rune('a' + i*i%3))
			if counts[id] == 0 {
				storeConversation(t, db, id, nil)
			}
			counts[id]++
			_, err := db.DB().NewInsert().Model(&storedEvent{ConversationID: id, ID: fmt.Sprint(counts[id] - 1), Micros: int64(-i), Payload: "{}"}).
				Returning("NULL").Exec(t.Context())
			require.NoError(t, err)
		}
		upgrade(t, m, db, "heads")
		var rows []struct {
			ConversationID string
			ID             string
			Number         int64
		}
		require.NoError(t, db.DB().NewRaw("SELECT conversation_id, id, number FROM events ORDER BY conversation_id, number").Scan(t.Context(), &rows))
		require.Len(t, rows, 650)
		for _, row := range rows {
			if fmt.Sprint(row.Number) != row.ID {
				t.Fatalf("%s: the event that came as number %s has number %d", row.ConversationID, row.ID, row.Number)
			}
		}
		for id, n := range counts {
			var numbered int64
			err := db.DB().NewRaw("SELECT coalesce(max(numbered), 0) FROM conversations WHERE id = ?", id).Scan(t.Context(), &numbered)
			require.NoError(t, err)
			assert.Equal(t, n, numbered, id)
		}
	})
}
