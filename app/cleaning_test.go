package app_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// oldStore writes what builds before stored of a conversation.
type oldStore struct {
	db    *dbmodule.Database
	rows  []*storedEvent
	count map[string]int64
}

func (o *oldStore) add(conversation, kind, source, payload string) {
	n := len(o.rows)
	o.rows = append(o.rows, &storedEvent{
		ConversationID: conversation, ID: fmt.Sprintf("e%d", n), Kind: kind, Source: source, Micros: int64(n), Payload: payload,
	})
	o.count[conversation]++
}

func (o *oldStore) state(conversation, key, value string) {
	o.add(conversation, "ConversationStateUpdateEvent", "environment", fmt.Sprintf(`{"key":%q,"value":%s}`, key, value))
}

func (o *oldStore) last() string { return o.rows[len(o.rows)-1].ID }

func (o *oldStore) write(t *testing.T) {
	t.Helper()
	for from := 0; from < len(o.rows); from += 20 {
		part := o.rows[from:min(from+20, len(o.rows))]
		_, err := o.db.DB().NewInsert().Model(&part).Returning("NULL").Exec(t.Context())
		require.NoError(t, err)
	}
}

// The token deltas and copies of the whole state that earlier builds stored are gone
// afterwards; counts, leaf, status and titles are right, and all else is as it was.
func TestWhatOlderBuildsStoredIsCleaned(t *testing.T) {
	t.Parallel()
	const user = `{"llm_message":{"role":"user","content":[{"type":"text","text":"Please flip a coin ten thousand times and tell me what you see"}]}}`
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		var told []string
		db, m := databaseAt(t, cfg, "08245b77612a", func(text string) { told = append(told, text) })

		o := &oldStore{db: db, count: map[string]int64{}}
		o.add("a", "MessageEvent", "user", user)
		for range 350 { // more than one piece reads
			o.add("a", "StreamingDeltaEvent", "agent", `{"content":"x"}`)
		}
		o.add("a", "ActionEvent", "agent", `{"a":1}`)
		leaf := o.last()
		skills := strings.Repeat("skill ", 40_000)
		for range 12 {
			o.state("a", "full_state", `{"execution_status":"running","agent":{"skills":"`+skills+`"}}`)
		}
		o.state("a", "execution_status", `"finished"`)
		o.state("a", "full_state", `{"execution_status":"deleting"}`)
		o.state("a", "execution_status", `"deleting"`)
		o.state("a", "__full_state__", `7`)
		o.state("a", "odd", `"full_state"`)
		o.add("a", "ConversationStateUpdateEvent", "environment", `{"key":7}`)
		o.state("b", "stats", `{}`)
		wrongLeaf := o.last()
		o.add("c", "StreamingDeltaEvent", "agent", `{}`)
		onlyDelta := o.last()
		o.add("d", "MessageEvent", "user", user)
		storeConversation(t, db, "a", map[string]any{"event_count": o.count["a"], "leaf_event_id": "e17", "execution_status": "deleting"})
		storeConversation(t, db, "b", map[string]any{"event_count": o.count["b"], "leaf_event_id": wrongLeaf, "title": "kept", "execution_status": "deleting"})
		storeConversation(t, db, "c", map[string]any{"event_count": o.count["c"], "leaf_event_id": onlyDelta})
		storeConversation(t, db, "d", map[string]any{"event_count": o.count["d"], "leaf_event_id": "pushed", "title": "Set", "title_pinned": true})
		storeConversation(t, db, "e", nil)
		o.write(t)

		upgrade(t, m, db, "3585dcbe2cac")

		// Others write meanwhile.
		var stop atomic.Bool
		var slowest time.Duration
		done := make(chan error, 1)
		go func() {
			for !stop.Load() {
				began := time.Now()
				if _, err := db.DB().NewRaw("UPDATE conversations SET max_iterations = max_iterations + 1 WHERE id = 'e'").Exec(t.Context()); err != nil {
					done <- err
					return
				}
				slowest = max(slowest, time.Since(began))
				time.Sleep(time.Millisecond)
			}
			done <- nil
		}()
		_, err := m.Upgrade(t.Context(), db, "152e5193b7b6")
		stop.Store(true)
		require.NoError(t, err)
		require.NoError(t, <-done)
		t.Logf("the slowest write meanwhile took %s", slowest.Round(time.Millisecond))

		var got []struct {
			ID, Status, Leaf, Title, Folded string
			Events, Stored, Tallied         int64
		}
		require.NoError(t, db.DB().NewRaw(`SELECT id, execution_status AS status, coalesce(leaf_event_id, '') AS leaf, coalesce(title, '') AS title,
coalesce(title_folded, '') AS folded, event_count AS events, (SELECT count(*) FROM events AS e WHERE e.conversation_id = c.id) AS stored,
(SELECT coalesce(sum(n), 0) FROM event_counts AS n WHERE n.conversation_id = c.id) AS tallied FROM conversations AS c ORDER BY id`).Scan(t.Context(), &got))
		var lines []string
		for _, r := range got {
			lines = append(lines, fmt.Sprintf("%s %s %s %q %d %d %d", r.ID, r.Status, r.Leaf, r.Title, r.Events, r.Stored, r.Tallied))
			assert.Equal(t, strings.ToLower(r.Folded), r.Folded)
		}
		assert.Equal(t, []string{
			`a finished ` + leaf + ` "Please flip a coin ten thousand times and tell me…" 6 6 6`,
			`b idle  "kept" 1 1 1`, `c idle  "" 0 0 0`, `d idle pushed "Set" 1 1 1`, `e idle  "" 0 0 0`,
		}, lines)
		assert.Equal(t, "a ActionEvent agent 1\na ConversationStateUpdateEvent environment 4\na MessageEvent user 1\n"+
			"b ConversationStateUpdateEvent environment 1\nd MessageEvent user 1\n", tallies(t, db))
		if assert.Len(t, told, 1) {
			assert.Contains(t, told[0], "cleaned 2 conversations")
			assert.Contains(t, told[0], "351 token deltas and 14 copies of the whole state")
			assert.Contains(t, told[0], "1 titles, 3 leaves, 2 statuses")
		}
	})
}
