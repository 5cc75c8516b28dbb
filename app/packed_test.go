package app_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	model "github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// What is packed is whole again for builds before when the revisions are taken back, and
// what these have stored is packed where that is said.
func TestPackedIsUnpackedOnTheWayBack(t *testing.T) {
	t.Parallel()
	payload := `{"id":"1","text":"` + strings.Repeat("what a terminal says\\n", 5_000) + `"}`
	agent := `{"agent_context":{"skills":[{"content":"` + strings.Repeat("skill ", 50_000) + `"}]},"kind":"Agent"}`
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		db, m := databaseAt(t, cfg, "3585dcbe2cac")
		storeConversation(t, db, "old", map[string]any{"agent": agent, "title": "T", "title_folded": "t", "tags": `{"a":"1","b":"2"}`})
		upgrade(t, m, db, "heads")
		length := func(column, table, where string) (n int) {
			t.Helper()
			require.NoError(t, db.DB().NewRaw("SELECT coalesce(octet_length("+column+"), 0) FROM "+table+" WHERE "+where).Scan(t.Context(), &n))
			return n
		}
		assert.Less(t, length("agent", "conversations", "id = 'old'"), 100)
		assert.Positive(t, length("agent_skills", "conversations", "id = 'old'"))

		conversations, err := model.NewStore(db.Sessions())
		require.NoError(t, err)
		session := db.Sessions().New(dbmodule.ReadOnly())
		defer func() { require.NoError(t, session.Close()) }()
		value := "2"
		found, _, err := conversations.Page(t.Context(), session, nil, model.Filter{Tags: []model.TagFilter{{Name: "b", Value: &value}, {Name: "a"}}}, model.Title, "", 5)
		require.NoError(t, err)
		if assert.Len(t, found, 1, "its tags are listed") {
			assert.Equal(t, "t", found[0].TitleSort)
		}
		for id, cfg := range map[string]events.Config{"packed": {Packing: true}, "plain": {}} {
			store, err := events.NewConfigured(db.Sessions(), conversations, cfg)
			require.NoError(t, err)
			batch, _, err := events.ParseBatch([]byte("["+payload+"]"), model.Conversation{}.CreatedAt)
			require.NoError(t, err)
			require.NoError(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
				_, err := store.Add(ctx, s, id, batch)
				return err
			}))
			got, err := store.Get(t.Context(), session, nil, id, "1")
			require.NoError(t, err)
			assert.True(t, got == payload, id)
		}
		assert.Zero(t, length("payload", "events", "conversation_id = 'packed'"))
		assert.Less(t, length("payload_packed", "events", "conversation_id = 'packed'"), 1000)
		assert.Equal(t, len(payload), length("payload", "events", "conversation_id = 'plain'"))

		_, err = m.Downgrade(t.Context(), db, "3585dcbe2cac")
		require.NoError(t, err)
		for _, id := range []string{"packed", "plain"} {
			assert.Equal(t, len(payload), length("payload", "events", "conversation_id = '"+id+"'"))
		}
		var back string
		require.NoError(t, db.DB().NewRaw("SELECT agent FROM conversations WHERE id = 'old'").Scan(t.Context(), &back))
		assert.True(t, back == agent)
	})
}
