package conversations

import (
	"context"
	"fmt"

	"github.com/openhands-go/server/app/committed"
	"github.com/openhands-go/server/dbmodule"
)

// counters count a [Store]'s changes.
type counters struct{ created, deleted, repeated committed.Counter }

// Counts are the changes that a [Store] has made since the process started, in committed units of work.
type Counts struct {
	// Created and Deleted are numbers of conversations.
	Created, Deleted int64
	// Repeated is how many pushes of a conversation's state were repetitions: see [Store.Put].
	Repeated int64
}

// Counts returns the counts. They are read one after the other, and may not be of the same moment.
func (s *Store) Counts() Counts {
	return Counts{Created: s.counters.created.Value(), Deleted: s.counters.deleted.Value(), Repeated: s.counters.repeated.Value()}
}

// Total returns how many conversations the database has.
func (*Store) Total(ctx context.Context, db *dbmodule.Session) (int64, error) {
	var n int64
	if err := db.NewSelect().Model((*Conversation)(nil)).ColumnExpr("count(*)").Scan(ctx, &n); err != nil {
		return 0, fmt.Errorf("conversations: count all: %w", err)
	}
	return n, nil
}
