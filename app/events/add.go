package events

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/dbmodule"
)

// Add stores the events that the conversation does not have yet, in db's
// transaction, and says how many those were. Events that it has, by their ids,
// change nothing, and neither does what they say of the state. Transient events
// are not stored: only what they say of the state is. A conversation that is not
// there is made.
//
// What events say of the state counts in the order in which they come; their timestamps
// do not matter, for clocks go back and go wrong. The last event that is stored and tells
// no state becomes the conversation's leaf. A conversation without a title gets one from
// its first message of a user's.
//
// Add holds the conversation until the transaction ends: batches for one
// conversation are stored one after the other.
func (s *Store) Add(ctx context.Context, db *dbmodule.Session, conversationID string, batch []*Incoming) (int, error) {
	passes := func(e *Incoming) bool { return e.Transient && e.State == nil }
	passing := slices.DeleteFunc(slices.Clone(batch), func(e *Incoming) bool { return e.Kind != kindDelta })
	batch = slices.DeleteFunc(slices.Clone(batch), passes)
	if len(batch) == 0 {
		return 0, s.pass(ctx, db, conversationID, passing)
	}
	// Before anything is locked.
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
	return len(added), s.pass(ctx, db, conversationID, passing)
}

func (s *Store) pass(ctx context.Context, db *dbmodule.Session, conversationID string, passing []*Incoming) error {
	if s.publisher == nil || len(passing) == 0 {
		return nil
	}
	return s.publisher.Pass(ctx, db, conversationID, passing)
}

// news leaves out of a batch what the locked conversation was told before. added are
// those events of fresh that are to be stored.
//
// That an event which is not stored came before is remembered for a while. A batch all
// of whose other events are stored came before, however long ago; but a sender that got no
// answer may have added to it. What stands behind the last of those is news if nothing was
// stored since.
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

// isNewest reports whether no event of a conversation was stored after one that was.
func isNewest(ctx context.Context, db *dbmodule.Session, conversationID, id string) (bool, error) {
	var later []int64
	err := db.NewRaw("SELECT seq FROM events WHERE conversation_id = ? AND seq > (SELECT seq FROM events WHERE conversation_id = ? AND id = ?) LIMIT 1",
		conversationID, conversationID, id).Scan(ctx, &later)
	if err != nil {
		return false, fmt.Errorf("events: look for later ones: %w", err)
	}
	return len(later) == 0, nil
}

// progressOf is what events tell that come in this order.
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

// chunk is how many ids a statement asks for.
const chunk = 500

// unknown leaves out events that are stored and repetitions within the batch.
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

// maxStatement bounds an insert's payloads, so that the statement stays below
// what servers take at once even if each byte has to be escaped. One event alone
// may be larger: see insertLarge.
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

// row is the event as it is stored.
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
