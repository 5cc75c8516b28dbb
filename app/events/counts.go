package events

import (
	"context"
	"fmt"

	"github.com/openhands-go/server/app/committed"
	"github.com/openhands-go/server/dbmodule"
)

// counters count the events of a [Store].
type counters struct{ added, bytes, repeated committed.Counter }

// Counts are the events that a [Store] has received since the process started, in committed units of work.
type Counts struct {
	// Added is how many events were stored, and Bytes their size before packing.
	Added, Bytes int64
	// Repeated is how many events were received again although they were stored.
	Repeated int64
}

// Counts returns the counts. They are read one after the other, and may not be of the same moment.
func (s *Store) Counts() Counts {
	return Counts{Added: s.counters.added.Value(), Bytes: s.counters.bytes.Value(), Repeated: s.counters.repeated.Value()}
}

// count counts a batch, of which added was stored in db's transaction.
func (s *Store) count(db *dbmodule.Session, batch, added []*Incoming) {
	var lasting, size int64
	for _, e := range batch {
		if !e.Transient {
			lasting++
		}
	}
	for _, e := range added {
		size += int64(len(e.Payload))
	}
	s.counters.added.Add(db, int64(len(added)))
	s.counters.bytes.Add(db, size)
	s.counters.repeated.Add(db, lasting-int64(len(added)))
}

// Total returns the number of all events. It reads the tallies of all conversations, and not the events.
func (*Store) Total(ctx context.Context, db *dbmodule.Session) (int64, error) {
	var n int64
	if err := db.NewSelect().Model((*Tally)(nil)).ColumnExpr("coalesce(sum(tally.n), 0)").Scan(ctx, &n); err != nil {
		return 0, fmt.Errorf("events: count all: %w", err)
	}
	return n, nil
}
