package events

import (
	"context"
	"fmt"

	"github.com/openhands-go/server/app/committed"
	"github.com/openhands-go/server/dbmodule"
)

// counters are of a [Store].
type counters struct{ added, bytes, repeated committed.Counter }

// Counts is what a [Store] did since the process began, in units of work that were committed.
type Counts struct {
	// Added is how many events were stored, and Bytes their size as they came.
	Added, Bytes int64
	// Repeated is how many came that were stored already.
	Repeated int64
}

// Counts reads the counts. Each is right by itself; they are not of one moment.
func (s *Store) Counts() Counts {
	return Counts{Added: s.counters.added.Value(), Bytes: s.counters.bytes.Value(), Repeated: s.counters.repeated.Value()}
}

// count counts what of a batch was added in db's transaction.
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

// Total is how many events the tallies of all conversations have. It does not read the events.
func (*Store) Total(ctx context.Context, db *dbmodule.Session) (int64, error) {
	var n int64
	if err := db.NewSelect().Model((*Tally)(nil)).ColumnExpr("coalesce(sum(tally.n), 0)").Scan(ctx, &n); err != nil {
		return 0, fmt.Errorf("events: count all: %w", err)
	}
	return n, nil
}
