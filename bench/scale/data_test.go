package scale_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/bench/scale"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// TestEventsAreAsStored holds the rows that are made against what the server
// would store of their payloads.
func TestEventsAreAsStored(t *testing.T) {
	t.Parallel()
	const rows = 25_000
	d := scale.Data{Rows: rows}
	counts := map[string]int64{}
	seen, last := map[string]bool{}, int64(0)
	for e := range d.Events() {
		counts[e.ConversationID]++
		require.False(t, seen[e.ConversationID+e.ID])
		seen[e.ConversationID+e.ID] = true
		require.Greater(t, e.Micros, last)
		last = e.Micros
		if len(seen)%97 != 0 {
			continue
		}
		require.True(t, json.Valid([]byte(e.Payload)), e.Payload)
		batch, _, err := events.ParseBatch([]byte("["+e.Payload+"]"), time.Now())
		require.NoError(t, err)
		want := batch[0].Event
		want.ConversationID = e.ConversationID
		number := counts[e.ConversationID] - 1 // from 0, in the order of arrival
		want.Number = &number
		require.Equal(t, want, *e)
	}
	require.Len(t, seen, rows)
	require.Len(t, counts, int(d.Conversations()))
	sizes := map[int64]int{}
	for _, n := range counts {
		sizes[n]++
	}
	require.Equal(t, map[int64]int{1000: int(d.Conversations()) - 1, d.EventCount(0): 1}, sizes)
}

// TestMeasure loads and measures little on each engine.
func TestMeasure(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		o := scale.Options{Small: 2100, Large: 3300, Used: 2, Rounds: 1, Calls: 2}
		c := contract.Config{Engine: cfg.URL.Engine(), Pool: 3, Synchronous: "NORMAL"}
		small, large := c, c
		small.URL, large.URL = dbtest.URL(t, c.Engine), dbtest.URL(t, c.Engine)
		loaded := int64(0)
		require.NoError(t, scale.Load(t.Context(), small, scale.Data{Rows: o.Small}, func(int64) {}))
		require.NoError(t, scale.Load(t.Context(), large, scale.Data{Rows: o.Large}, func(n int64) { loaded = n }))
		require.Zero(t, loaded, "too few to tell of")
		checkTallies(t, small)
		figures, err := scale.Measure(t.Context(), small, large, o)
		require.NoError(t, err)
		for _, f := range figures {
			require.Positive(t, f.Small, f.Probe)
			require.Positive(t, f.Large, f.Probe)
			require.NotEmpty(t, f.Plans, f.Probe)
			for _, p := range f.Plans {
				require.NotEmpty(t, p.Steps, p.Statement)
			}
		}
	})
}

// checkTallies compares what is counted with what is there.
func checkTallies(t *testing.T, c contract.Config) {
	pools, err := contract.Open(c)
	require.NoError(t, err)
	defer pools.Close()
	var wrong int
	require.NoError(t, pools.Reader.QueryRowContext(t.Context(), `
		SELECT count(*) FROM (SELECT sum(n) FROM (
			SELECT conversation_id, kind, source, count(*) AS n FROM events GROUP BY conversation_id, kind, source
			UNION ALL
			SELECT conversation_id, kind, source, -n FROM event_counts
			UNION ALL
			SELECT id, '', '', event_count FROM conversations
			UNION ALL
			SELECT conversation_id, '', '', -count(*) FROM events GROUP BY conversation_id
		) AS sides GROUP BY conversation_id, kind, source HAVING sum(n) <> 0) AS wrong`).Scan(&wrong))
	require.Zero(t, wrong)
}
