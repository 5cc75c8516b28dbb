package events_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/dbmodule"
)

const numberedID = "0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a10"

// add stores events of these ids.
func add(ctx context.Context, s *apptest.Server, ids ...string) error {
	batch, _, err := events.ParseBatch([]byte(`[{"id":"`+strings.Join(ids, `"},{"id":"`)+`"}]`), time.Now())
	if err != nil {
		return err
	}
	return s.Sessions.InTx(ctx, func(ctx context.Context, db *dbmodule.Session) error {
		_, err := s.Events.Add(ctx, db, numberedID, batch)
		return err
	})
}

// numbers reads all numbers, 3 at a time.
func numbers(t *testing.T, s *apptest.Server) (numbers []int64, ids string) {
	t.Helper()
	db := s.Sessions.New(dbmodule.ReadOnly())
	defer db.Close()
	for after := int64(-1); ; {
		page, err := s.Events.After(t.Context(), db, numberedID, after, events.Most{Events: 3, Bytes: 1 << 20})
		require.NoError(t, err)
		if len(page) == 0 {
			return numbers, ids
		}
		for _, e := range page {
			numbers, ids, after = append(numbers, e.Number), ids+e.ID, e.Number
			assert.Contains(t, e.Payload, e.ID)
		}
	}
}

func assertDense(t *testing.T, s *apptest.Server, n int) {
	t.Helper()
	got, _ := numbers(t, s)
	want := make([]int64, n)
	for i := range want {
		want[i] = int64(i)
	}
	assert.Equal(t, want, got)
}

// However many write at once, and whatever comes twice or is no part of the history, numbers are
// dense, from 0.
func TestNumbersAreDense(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := range 5 {
					first, twice := fmt.Sprint(w, "-", i), fmt.Sprint("all-", i)
					assert.NoError(t, add(t.Context(), s, first, twice, first, fmt.Sprint(first, "b")))
				}
			})
		}
		wg.Wait()
		assertDense(t, s, 45)
		stop := fmt.Errorf("stop")
		err := s.Sessions.InTx(t.Context(), func(ctx context.Context, db *dbmodule.Session) error {
			batch, _, err := events.ParseBatch([]byte(`[{"id":"rolled back"}]`), time.Now())
			require.NoError(t, err)
			_, err = s.Events.Add(ctx, db, numberedID, batch)
			require.NoError(t, err)
			return stop
		})
		require.ErrorIs(t, err, stop)
		apptest.JSON[any](t, s, "POST", "/api/v1/webhooks/events/"+numberedID,
			`[{"id":"delta","kind":"StreamingDeltaEvent"},{"id":"s","kind":"ConversationStateUpdateEvent","key":"tags","value":{"a":"b"}}]`, 200)
		require.NoError(t, add(t.Context(), s, "last"))
		assertDense(t, s, 47)
	})
}

// What a build before the numbers stores meanwhile gets its number with the next event.
func TestEventsOfOlderBuildsAreNumbered(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		require.NoError(t, add(t.Context(), s, "a", "b"))
		for _, id := range []string{"c", "d"} {
			_, err := s.DB.DB().ExecContext(t.Context(), "INSERT INTO events (conversation_id, id, kind, source, ts, final, payload) VALUES (?, ?, '', '', 0, ?, ?)",
				numberedID, id, false, `{"id":"`+id+`"}`)
			require.NoError(t, err)
			_, err = s.DB.DB().ExecContext(t.Context(), "UPDATE conversations SET event_count = event_count + 1")
			require.NoError(t, err)
		}
		_, ids := numbers(t, s)
		assert.Equal(t, "ab", ids)
		require.NoError(t, add(t.Context(), s, "e"))
		_, ids = numbers(t, s)
		assert.Equal(t, "abcde", ids)
		assertDense(t, s, 5)
	})
}

// A number is never given again: not after the last event is deleted, whoever deletes it.
func TestNumbersAreNotReused(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		require.NoError(t, add(t.Context(), s, "a", "b", "c"))
		_, err := s.DB.DB().ExecContext(t.Context(), "DELETE FROM events WHERE id = 'c'")
		require.NoError(t, err)
		_, err = s.DB.DB().ExecContext(t.Context(), "UPDATE conversations SET event_count = 2")
		require.NoError(t, err)
		require.NoError(t, add(t.Context(), s, "d"))
		got, ids := numbers(t, s)
		assert.Equal(t, []int64{0, 1, 3}, got)
		assert.Equal(t, "abd", ids)
	})
}
