package app_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun/dialect"

	"github.com/openhands-go/server/app"
	model "github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// buildBefore is a process of the build before the tallies: it stores events as
// that build did, by the same locks in the same order.
type buildBefore struct {
	sessions     *dbmodule.SessionFactory
	mu           sync.Mutex
	acknowledged map[string]int64
	slowest      time.Duration
	failed       []error
}

// storeEvent is a request that stores an event.
func (b *buildBefore) storeEvent(ctx context.Context, conversation, id string) {
	began := time.Now()
	err := b.sessions.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		if err := lockAsBefore(ctx, s, conversation); err != nil {
			return err
		}
		e := &storedEvent{ConversationID: conversation, ID: id, Kind: "ActionEvent", Source: "agent", Payload: "{}", Micros: began.UnixMicro()}
		if _, err := s.NewInsert().Model(e).Returning("NULL").Exec(ctx); err != nil {
			return err
		}
		_, err := s.NewRaw("UPDATE conversations SET event_count = event_count + 1, updated_at = ?, leaf_event_id = ? WHERE id = ?",
			began.UTC(), id, conversation).Exec(ctx)
		return err
	})
	took := time.Since(began)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.failed = append(b.failed, err)
		return
	}
	b.acknowledged[conversation]++
	b.slowest = max(b.slowest, took)
}

// lockAsBefore locks a conversation's row as the build before does.
func lockAsBefore(ctx context.Context, s *dbmodule.Session, conversation string) error {
	var ids []string
	q := s.NewSelect().Table("conversations").Column("id").Where("id = ?", conversation)
	switch s.Dialect().Name() {
	case dialect.MySQL:
		row := conversationBefore(conversation, nil)
		if _, err := s.NewInsert().Model(&row).Table("conversations").Returning("NULL").
			On("DUPLICATE KEY UPDATE").Set("id = id").Exec(ctx); err != nil {
			return err
		}
		q = q.For("UPDATE")
	case dialect.SQLite:
	default:
		q = q.For("UPDATE")
	}
	return q.Scan(ctx, &ids)
}

// trafficRuns is the environment's name for how often the revisions run under traffic.
const trafficRuns = "DBTEST_TRAFFIC_RUNS"

// The revisions since the build before the tallies run while that build
// writes, up and down and up again: each run succeeds, no write of the build
// fails, and no event is lost. DBTEST_TRAFFIC_RUNS is how often, 3 times by default.
func TestRevisionsUnderTheBuildBefore(t *testing.T) {
	t.Parallel()
	runs := 3
	if text := os.Getenv(trafficRuns); text != "" {
		var err error
		if runs, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", trafficRuns, err)
		}
	}
	const (
		writers, conversations = 4, 12
		large                  = 6_000 // events of one conversation: it takes several pieces
	)
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		const before = "08245b77612a"
		db, m := databaseAt(t, cfg, before)
		b := &buildBefore{acknowledged: map[string]int64{}}
		b.sessions = dbtest.Open(t, cfg, dbmodule.WithModels(app.Models()...)).Sessions()
		for i := range conversations {
			name, n := fmt.Sprintf("c%d", i), 500
			if i == 0 {
				n = large
			}
			storeBefore(t, db, name, n)
			b.acknowledged[name] = int64(n)
		}
		var stop atomic.Bool
		var group sync.WaitGroup
		for w := range writers {
			group.Go(func() {
				// The pace of a busy server, not of one without a free moment, however slow the machine
				// is: with the race detector, writes take ten times as long.
				for i := 0; !stop.Load(); i++ {
					began := time.Now()
					b.storeEvent(t.Context(), fmt.Sprintf("c%d", (w*5+i)%conversations), fmt.Sprintf("w%d-%d", w, i))
					<-time.After(3*time.Millisecond + writers*time.Since(began))
				}
			})
		}
		succeeded := 0
		for range runs {
			if _, err := m.Upgrade(t.Context(), db, "heads"); err != nil {
				t.Error(err)
				continue
			}
			succeeded++
			if _, err := m.Downgrade(t.Context(), db, before); err != nil {
				t.Error(err)
			}
		}
		stop.Store(true)
		group.Wait()
		for _, err := range b.failed[:min(3, len(b.failed))] {
			t.Error("a write of the build before failed:", err)
		}
		if _, err := m.Upgrade(t.Context(), db, "heads"); err != nil {
			t.Fatal(err)
		}
		stored := b.stored(t, db)
		ofConversations, err := model.NewStore(db.Sessions())
		require.NoError(t, err)
		ofEvents, err := events.NewStore(db.Sessions(), ofConversations)
		require.NoError(t, err)
		session := db.Sessions().New(dbmodule.ReadOnly())
		defer func() { require.NoError(t, session.Close()) }()
		lost := int64(0)
		for name, n := range b.acknowledged {
			lost += n - stored[name]
			counted, err := ofEvents.Count(t.Context(), session, name, events.Filter{Source: "agent"})
			if err != nil || counted < n/2 {
				t.Errorf("%s: counted %d by source, %v", name, counted, err)
			}
		}
		if lost != 0 {
			t.Errorf("%d events lost or doubled", lost)
		}
		t.Logf("%d of %d runs succeeded; %d writes lost, %d failed; the slowest write of the build before took %s",
			succeeded, runs, lost, len(b.failed), b.slowest.Round(time.Millisecond))
	})
}

// stored counts the events of each conversation.
func (*buildBefore) stored(t *testing.T, db *dbmodule.Database) map[string]int64 {
	t.Helper()
	var rows []struct {
		ID       string
		N, Count int64
	}
	if err := db.DB().NewRaw(`SELECT c.id, c.event_count AS n, (SELECT count(*) FROM events AS e WHERE e.conversation_id = c.id) AS count
FROM conversations AS c`).Scan(t.Context(), &rows); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int64{}
	for _, r := range rows {
		if r.N != r.Count {
			t.Errorf("%s: has %d events, and counts %d", r.ID, r.Count, r.N)
		}
		counts[r.ID] = r.Count
	}
	return counts
}
