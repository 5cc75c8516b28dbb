package events

import (
	"context"
	"fmt"
	"time"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/dbmodule"
)

// number assigns the next numbers of the locked conversation to events before they are stored. It returns how
// many numbered events the conversation has then.
//
// Earlier builds that use the same database store events without a number. number assigns theirs first.
func (*Store) number(ctx context.Context, db *dbmodule.Session, c *conversations.Conversation, added []*Incoming) (int64, error) {
	next := c.Numbered
	for left := c.EventCount != c.Numbered; left; {
		var rows []*Event
		err := db.NewSelect().Model(&rows).Column("seq").Where("event.conversation_id = ?", c.ID).
			Where("event.number IS NULL").Order("event.seq").Limit(chunk).Scan(ctx)
		if err != nil {
			return 0, fmt.Errorf("events: find events without a number: %w", err)
		}
		for _, row := range rows {
			if _, err := db.NewUpdate().Model((*Event)(nil)).Set("number = ?", next).Where("seq = ?", row.Seq).Exec(ctx); err != nil {
				return 0, fmt.Errorf("events: number %d: %w", row.Seq, err)
			}
			next++
		}
		left = len(rows) == chunk
	}
	for _, e := range added {
		number := next
		e.Number = &number
		next++
	}
	return next, nil
}

// Numbered is an event with its number.
type Numbered struct {
	Number int64
	ID     string
	// Micros is the event's timestamp in microseconds since 1970.
	Micros int64
	// Payload is the event as it came.
	Payload string
}

// After returns up to most.Events events with a number above after, in the order of their numbers; after is -1
// for all. It returns fewer if they would be larger than most.Bytes, but at least one if there is one.
func (s *Store) After(ctx context.Context, db *dbmodule.Session, conversationID string, after int64, most Most) ([]Numbered, error) {
	// gather scans the first column into Seq: here it is the number.
	q := db.NewSelect().Model((*Event)(nil)).Column("number", "ts", "id", "payload", "payload_packed").
		Where("event.conversation_id = ?", conversationID).Where("event.number > ?", after).
		Order("event.number").Limit(int64(most.Events)).ForceIndex(numberIndex)
	read, _, err := s.gather(most, rowsOf(ctx, q))
	if err != nil {
		return nil, fmt.Errorf("events: read after %d: %w", after, err)
	}
	found := make([]Numbered, len(read))
	for i, e := range read {
		found[i] = Numbered{Number: e.Seq, ID: e.ID, Micros: e.Micros, Payload: e.Payload}
	}
	return found, nil
}

// FirstSince returns the lowest number of an event with a timestamp at or after from. It reports false if there
// is none.
func (*Store) FirstSince(ctx context.Context, db *dbmodule.Session, conversationID string, from time.Time) (int64, bool, error) {
	var number *int64
	err := db.NewSelect().Model((*Event)(nil)).ColumnExpr("min(event.number)").
		Where("event.conversation_id = ?", conversationID).Where("event.ts >= ?", from.UnixMicro()).Scan(ctx, &number)
	if err != nil {
		return 0, false, fmt.Errorf("events: find the first since %s: %w", from, err)
	}
	if number == nil {
		return 0, false, nil
	}
	return *number, true, nil
}
