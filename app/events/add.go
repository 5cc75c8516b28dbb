package events

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/dbmodule"
)

// Add stores the events of a batch that the conversation does not have yet, in db's transaction, and returns
// how many it has stored. It ignores events that the conversation has, by their ids. It does not store
// transient events, but applies their state updates. It creates the conversation if it does not exist.
//
// State updates are applied in the order of the batch. Timestamps do not matter, because clocks can be wrong.
// The last stored event that is not a state update becomes the conversation's leaf. A conversation without a
// title gets one from the user's first message.
//
// Add locks the conversation until the transaction ends, so that the batches of one conversation are stored
// one after the other.
func (s *Store) Add(ctx context.Context, db *dbmodule.Session, conversationID string, batch []*Incoming) (int, error) {
	withoutEffect := func(e *Incoming) bool { return e.Transient && e.State == nil }
	deltas := slices.DeleteFunc(slices.Clone(batch), func(e *Incoming) bool { return e.Kind != kindDelta })
	batch = slices.DeleteFunc(slices.Clone(batch), withoutEffect)
	if len(batch) == 0 {
		return 0, s.pass(ctx, db, conversationID, deltas)
	}
	// Packing takes time, so it comes before the lock.
	if err := s.pack(batch); err != nil {
		return 0, err
	}
	c, err := s.conversations.Lock(ctx, db, conversationID)
	if err != nil {
		return 0, err
	}
	fresh, added, err := s.news(ctx, db, c, batch)
	if err != nil {
		return 0, err
	}
	s.count(db, batch, added)
	if len(fresh) == 0 {
		return 0, nil
	}
	numbered, err := s.number(ctx, db, c, added)
	if err != nil {
		return 0, err
	}
	if len(added) > 0 {
		if err := s.insert(ctx, db, conversationID, added); err != nil {
			return 0, err
		}
		if err := s.tally(ctx, db, conversationID, added); err != nil {
			return 0, err
		}
	}
	progress := progressOf(fresh)
	progress.Numbered = numbered
	if c.Title == nil {
		progress.Title = titleFor(added)
	}
	if err := s.conversations.Advance(ctx, db, c, progress); err != nil {
		return 0, err
	}
	return len(added), s.pass(ctx, db, conversationID, deltas)
}

// pass gives token deltas, which are not stored, to the publisher.
func (s *Store) pass(ctx context.Context, db *dbmodule.Session, conversationID string, deltas []*Incoming) error {
	if s.publisher == nil || len(deltas) == 0 {
		return nil
	}
	return s.publisher.Pass(ctx, db, conversationID, deltas)
}

// news returns the events of a batch that the locked conversation has not received before. added are the
// events of fresh that must be stored.
//
// For transient events, the conversation remembers only the last few ([conversations.Conversation.Heard]). But
// if all other events of the batch are stored, the batch is a repetition, however old, and its transient
// events are ignored too. A sender that got no answer may have appended events to such a batch: the transient
// events after the last stored one are new, if that is still the conversation's newest event.
func (s *Store) news(
	ctx context.Context, db *dbmodule.Session, c *conversations.Conversation, batch []*Incoming,
) (fresh, added []*Incoming, err error) {
	transient := func(e *Incoming) bool { return e.Transient }
	lasting := slices.DeleteFunc(slices.Clone(batch), transient)
	if added, err = s.unknown(ctx, db, c.ID, lasting); err != nil {
		return nil, nil, err
	}
	if len(lasting) > 0 && len(added) == 0 {
		last := lasting[len(lasting)-1]
		if batch = batch[slices.Index(batch, last)+1:]; len(batch) == 0 {
			return nil, nil, nil
		}
		if newest, err := isNewest(ctx, db, c.ID, last.ID); err != nil || !newest {
			return nil, nil, err
		}
	}
	isNew, newIDs := make(map[*Incoming]bool, len(added)), make(map[string]bool, len(added))
	for _, e := range added {
		isNew[e], newIDs[e.ID] = true, true
	}
	// Senders send in order: what is not stored and stands before something that came before did
	// so, too, even if there were more of them than are remembered.
	before := false
	for _, e := range slices.Backward(batch) {
		if e.Transient {
			before = before || c.Heard(e.ID)
		} else {
			before = before || !newIDs[e.ID]
		}
		if isNew[e] || e.Transient && !before {
			fresh = append(fresh, e)
		}
	}
	slices.Reverse(fresh)
	return fresh, added, nil
}

// isNewest reports whether a stored event is the last that was stored in its conversation.
func isNewest(ctx context.Context, db *dbmodule.Session, conversationID, id string) (bool, error) {
	var later []int64
	err := db.NewRaw("SELECT seq FROM events WHERE conversation_id = ? AND seq > (SELECT seq FROM events WHERE conversation_id = ? AND id = ?) LIMIT 1",
		conversationID, conversationID, id).Scan(ctx, &later)
	if err != nil {
		return false, fmt.Errorf("events: find later events: %w", err)
	}
	return len(later) == 0, nil
}

// progressOf returns how these events, in this order, change the conversation.
func progressOf(fresh []*Incoming) conversations.Progress {
	var progress conversations.Progress
	for _, e := range fresh {
		switch {
		case e.Transient:
			progress.Heard = append(progress.Heard, e.ID)
		case e.Kind == kindState:
			progress.Added++
		default:
			progress.Added++
			progress.LeafEventID = &e.ID
			if progress.State != nil {
				progress.State.LeafEventID = nil // this one is newer
			}
		}
		if e.State != nil {
			if progress.State == nil {
				progress.State = &conversations.Patch{}
			}
			progress.State.Merge(e.State)
		}
	}
	return progress
}

// pack packs the large payloads of a batch.
func (s *Store) pack(batch []*Incoming) (err error) {
	for _, e := range batch {
		if s.plain || e.Transient || e.Packed != nil {
			continue
		}
		if e.Packed, err = s.packer.Pack(e.Payload); err != nil {
			return fmt.Errorf("events: pack: %w", err)
		}
	}
	return nil
}

// chunk is how many ids or rows one statement has.
const chunk = 500

// unknown returns the events of a batch that are not stored, without repetitions within the batch.
func (*Store) unknown(
	ctx context.Context, db *dbmodule.Session, conversationID string, batch []*Incoming,
) ([]*Incoming, error) {
	known := make(map[string]bool, len(batch))
	ids := make([]string, 0, len(batch))
	for _, e := range batch {
		ids = append(ids, e.ID)
	}
	for len(ids) > 0 {
		part := ids[:min(len(ids), chunk)]
		ids = ids[len(part):]
		var found []string
		err := db.NewSelect().Model((*Event)(nil)).Column("id").
			Where("event.conversation_id = ?", conversationID).
			Where("event.id IN (?)", bun.List(part)).Scan(ctx, &found)
		if err != nil {
			return nil, fmt.Errorf("events: look up: %w", err)
		}
		for _, id := range found {
			known[id] = true
		}
	}
	var added []*Incoming
	for _, e := range batch {
		if !known[e.ID] {
			known[e.ID] = true
			added = append(added, e)
		}
	}
	return added, nil
}

// maxStatement is how many bytes of payloads one INSERT has, so that the statement stays below the limits of
// servers even if each byte is escaped. A single event may be larger: see insertLarge.
const maxStatement = 1 << 20

func (s *Store) insert(ctx context.Context, db *dbmodule.Session, conversationID string, added []*Incoming) error {
	for len(added) > 0 {
		added[0].ConversationID = conversationID
		if done, err := s.insertLarge(ctx, db, added[0].row()); err != nil {
			return err
		} else if done {
			added = added[1:]
			continue
		}
		var rows []Event
		size := 0
		for _, e := range added {
			e.ConversationID = conversationID
			row := e.row()
			more := len(row.Payload) + len(row.Packed)
			if len(rows) > 0 && (size+more > maxStatement || len(rows) == 100) {
				break
			}
			size += more
			rows = append(rows, row)
		}
		added = added[len(rows):]
		if err := s.insertRows(ctx, db, rows); err != nil {
			return err
		}
	}
	return nil
}

// row returns the event's row.
func (e *Incoming) row() Event {
	row := e.Event
	if row.Packed != nil {
		row.Payload = ""
	}
	return row
}

func (s *Store) insertRows(ctx context.Context, db *dbmodule.Session, rows []Event) error {
	if _, err := s.compiled.insert.ExecAll(ctx, db, &rows); err != nil {
		return fmt.Errorf("events: insert %d: %w", len(rows), err)
	}
	return nil
}
