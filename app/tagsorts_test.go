package app_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// Tags that were stored before know after the upgrade what their conversations are sorted by,
// more than a piece of them.
func TestTagsOfBeforeAreSorted(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		db, m := databaseAt(t, cfg, "063d589095f0")
		at := func(n int) time.Time { return time.Date(2026, 1, 1, 0, 0, n, 123456000, time.UTC) }
		const n = 450
		for i := range n {
			id := fmt.Sprintf("c%03d", i)
			storeConversation(t, db, id, map[string]any{"created_at": at(i), "updated_at": at(2 * i), "title_sort": fmt.Sprint("t", i)})
			_, err := db.DB().NewRaw("INSERT INTO conversation_tags (conversation_id, name, value) VALUES (?, 'a', '1'), (?, 'b', '2')", id, id).Exec(t.Context())
			require.NoError(t, err)
		}
		upgrade(t, m, db, "heads")
		var rows []struct {
			ConversationID               string
			CreatedMicros, UpdatedMicros int64
			TitleSort                    string
		}
		require.NoError(t, db.DB().NewRaw("SELECT conversation_id, created_micros, updated_micros, title_sort FROM conversation_tags").Scan(t.Context(), &rows))
		require.Len(t, rows, 2*n)
		for _, row := range rows {
			var i int
			_, err := fmt.Sscanf(row.ConversationID, "c%d", &i)
			require.NoError(t, err)
			assert.Equal(t, []any{at(i).UnixMicro(), at(2 * i).UnixMicro(), fmt.Sprint("t", i)}, []any{row.CreatedMicros, row.UpdatedMicros, row.TitleSort}, row.ConversationID)
		}
		_, err := m.Downgrade(t.Context(), db, "063d589095f0")
		require.NoError(t, err)
	})
}
