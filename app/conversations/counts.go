package conversations

import (
	"context"
	"fmt"

	"github.com/openhands-go/server/app/committed"
	"github.com/openhands-go/server/dbmodule"
)

// counters are of a [Store].
type counters struct{ created, deleted, repeated committed.Counter }

// Counts is what a [Store] did since the process began, in units of work that were committed.
type Counts struct {
	// Created and Deleted are numbers of conversations.
	Created, Deleted int64
	// Repeated is how many pushes of a conversation's state said what was told last.
	Repeated int64
}

// Counts reads the counts. Each is right by itself; they are not of one moment.
func (s *Store) Counts() Counts {
	return Counts{Created: s.counters.created.Value(), Deleted: s.counters.deleted.Value(), Repeated: s.counters.repeated.Value()}
}

// Total is how many conversations there are.
func (*Store) Total(ctx context.Context, db *dbmodule.Session) (int64, error) {
	var n int64
	if err := db.NewSelect().Model((*Conversation)(nil)).ColumnExpr("count(*)").Scan(ctx, &n); err != nil {
		return 0, fmt.Errorf("conversations: count all: %w", err)
	}
	return n, nil
}
