package events_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/app/paging"
	"github.com/openhands-go/server/dbmodule"
)

// A page from the middle of a conversation reads its own events and those in between that a
// filter leaves out, not all that come before.
func TestPagesFarInReadFewEvents(t *testing.T) {
	t.Parallel()
	const n, limit = 6000, 20
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		require.NoError(t, s.Sessions.InTx(t.Context(), func(ctx context.Context, db *dbmodule.Session) error {
			_, err := s.Conversations.Insert(ctx, db, &conversations.Patch{ID: numberedID})
			return err
		}))
		var rows []*events.Event
		for i := range n {
			number := int64(i)
			rows = append(rows, &events.Event{
				ConversationID: numberedID, ID: fmt.Sprint(i), Number: &number, Micros: number * 1000, Payload: "{}",
				Kind: []string{"MessageEvent", "ActionEvent", "ObservationEvent"}[i%3], Source: []string{"agent", "user"}[i%2],
			})
			if len(rows) == 500 {
				_, err := s.DB.DB().NewInsert().Model(&rows).ExcludeColumn("seq").Returning("NULL").Exec(t.Context())
				require.NoError(t, err)
				rows = nil
			}
		}
		before := time.UnixMicro(n * 900)
		for name, filter := range map[string]events.Filter{
			"all": {}, "kind": {Kind: "MessageEvent"}, "source": {Source: "user"}, "both": {Kind: "ActionEvent", Source: "user"}, "before": {Before: &before},
		} {
			for _, order := range []string{events.Timestamp, events.TimestampDesc} {
				next, err := paging.Encode("events:"+numberedID, order, paging.Cursor{Micros: n / 2 * 1000, Seq: n / 2})
				require.NoError(t, err)
				for _, pageID := range []string{"", next} {
					read := apptest.RowsRead(t, s, func(db *dbmodule.Session) {
						page, _, err := s.Events.Page(t.Context(), db, numberedID, filter, order, pageID, events.Most{Events: limit, Bytes: 1 << 20})
						require.NoError(t, err)
						require.Len(t, page, limit)
					})
					assert.Less(t, read, int64(n/20+4*limit), "%s by %s after %q", name, order, pageID)
				}
			}
		}
		read := apptest.RowsRead(t, s, func(db *dbmodule.Session) {
			page, err := s.Events.After(t.Context(), db, numberedID, n/2, events.Most{Events: limit, Bytes: 1 << 20})
			require.NoError(t, err)
			require.Len(t, page, limit)
			assert.EqualValues(t, n/2+1, page[0].Number)
		})
		assert.Less(t, read, int64(4*limit), "by number")
	})
}
