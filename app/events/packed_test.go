package events_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/app/packing"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// session is what an agent's work on this repository looks like: it looks at each file, which
// is an action and an observation with the file's lines in it, and says something now and then.
func session(t *testing.T) (payloads []string) {
	t.Helper()
	add := func(e map[string]any) {
		e["id"], e["timestamp"] = fmt.Sprintf("event-%06d", len(payloads)), time.Unix(int64(len(payloads)), 0).UTC().Format("2006-01-02T15:04:05.000000")
		text, err := json.Marshal(e)
		require.NoError(t, err)
		payloads = append(payloads, string(text))
	}
	err := fs.WalkDir(os.DirFS("../.."), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, ".md") || strings.Contains(path, "node_modules") {
			return err
		}
		content, err := fs.ReadFile(os.DirFS("../.."), path)
		if err != nil || len(content) > 60_000 {
			return err
		}
		var b strings.Builder
		for n, line := range strings.Split(string(content), "\n") {
			fmt.Fprintf(&b, "%6d\t%s\n", n+1, line)
		}
		if len(payloads)%20 == 0 {
			add(map[string]any{"kind": "MessageEvent", "source": "agent", "llm_message": map[string]any{
				"role": "assistant", "content": []any{map[string]any{"type": "text", "text": "Next I look at " + path}},
			}})
		}
		add(map[string]any{
			"kind": "ActionEvent", "source": "agent", "tool_name": "file_editor", "thought": []any{map[string]any{"type": "text", "text": "I read " + path}},
			"action": map[string]any{"kind": "FileEditorAction", "command": "view", "path": "/workspace/" + path},
		})
		add(map[string]any{
			"kind": "ObservationEvent", "source": "environment", "tool_name": "file_editor",
			"observation": map[string]any{"kind": "FileEditorObservation", "path": "/workspace/" + path, "content": []any{map[string]any{"type": "text", "text": b.String()}}},
		})
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, len(payloads), 300)
	return payloads
}

// What is stored takes less room when large events are packed, and comes back byte for byte.
// How much is told.
func TestPackingSavesRoom(t *testing.T) {
	t.Parallel()
	payloads := session(t)
	came, large := 0, 0
	for _, payload := range payloads {
		came += len(payload)
		if len(payload) > packing.Least {
			large += len(payload)
		}
	}
	const conversation = "0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a10"
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		room, packed := map[bool]int64{}, int64(0)
		for _, isPacking := range []bool{true, false} {
			cfg := cfg
			cfg.URL = dbtest.Config(t, cfg.URL.Engine()).URL // a database of its own
			s := apptest.New(t, cfg)
			store, err := events.NewConfigured(s.Sessions, s.Conversations, events.Config{Packing: isPacking})
			require.NoError(t, err)
			for from := 0; from < len(payloads); from += 50 {
				part := payloads[from:min(from+50, len(payloads))]
				batch, _, err := events.ParseBatch([]byte("["+strings.Join(part, ",")+"]"), time.Now())
				require.NoError(t, err)
				require.NoError(t, s.Sessions.InTx(t.Context(), func(ctx context.Context, session *dbmodule.Session) error {
					_, err := store.Add(ctx, session, conversation, batch)
					return err
				}))
			}
			for i := 0; i < len(payloads); i += 37 {
				got := s.Do(t, "GET", fmt.Sprintf("/api/conversations/%s/events/event-%06d", conversation, i), "")
				require.Equal(t, payloads[i], strings.TrimSpace(got.Body))
			}
			room[isPacking] = roomOfEvents(t, s)
			if isPacking {
				require.NoError(t, s.DB.DB().NewRaw("SELECT sum(octet_length(payload_packed)) FROM events").Scan(t.Context(), &packed))
			}
		}
		assert.Less(t, room[true], room[false])
		assert.Less(t, packed, int64(large)/2)
		mb := func(n int64) float64 { return float64(n) / 1e6 }
		t.Logf("%d events of %.1f MB: the table has %.1f MB without packing, %.1f MB with it (%.0f %%); those over 8 KiB have %.1f MB, packed %.1f",
			len(payloads), mb(int64(came)), mb(room[false]), mb(room[true]), mb(room[true])/mb(room[false])*100, mb(int64(large)), mb(packed))
	})
}

// roomOfEvents is how large the table of events is, its indexes included.
func roomOfEvents(t *testing.T, s *apptest.Server) (size int64) {
	t.Helper()
	query := map[dbmodule.Engine]string{
		dbmodule.SQLite:     "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
		dbmodule.PostgreSQL: "SELECT pg_total_relation_size('events')",
		dbmodule.MySQL:      "SELECT data_length + index_length FROM information_schema.tables WHERE table_schema = database() AND table_name = 'events'",
	}[s.DB.Engine()]
	if s.DB.Engine() == dbmodule.MySQL {
		var rows []map[string]any
		require.NoError(t, s.DB.DB().NewRaw("ANALYZE TABLE events").Scan(t.Context(), &rows))
	}
	require.NoError(t, s.DB.DB().NewRaw(query).Scan(t.Context(), &size))
	return size
}
