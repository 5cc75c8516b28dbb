package migrations

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule/migrate"
)

// A piece of the cleaning ends after about cleanTime, because on SQLite nobody else can write meanwhile. One step
// deletes at most cleanRows events of at most cleanBytes together, or one larger event: deleting a large event
// takes time, because SQLite frees all its pages.
const (
	cleanTime  = 25 * time.Millisecond
	cleanRows  = 100
	cleanBytes = 1 << 20
	cleanPage  = 100 // conversations
)

// Kinds of events at the time of this revision.
const (
	deltaKind   = "StreamingDeltaEvent"
	stateKind   = "ConversationStateUpdateEvent"
	messageKind = "MessageEvent"
)

// cleaning is the position at which a piece begins, and the number of changes so far.
type cleaning struct {
	// After is the last completed conversation.
	After string `json:"after"`
	// Within is the conversation that is in progress.
	Within *cleaningOf `json:"within,omitempty"`

	Conversations int64 `json:"conversations"`
	Deltas        int64 `json:"deltas"`
	States        int64 `json:"states"`
	Bytes         int64 `json:"bytes"`
	Titles        int64 `json:"titles"`
	Leaves        int64 `json:"leaves"`
	Statuses      int64 `json:"statuses"`
}

// cleaningOf is a position among the events of a conversation.
type cleaningOf struct {
	Conversation string `json:"conversation"`
	Kind         string `json:"kind"` // of the events that are being checked
	Time         int64  `json:"time"`
	Seq          int64  `json:"seq"`
	// Status is the last status in its events, except "deleting".
	Status string `json:"status,omitempty"`
	// LeafGone says that the event of leaf_event_id was deleted.
	LeafGone bool `json:"leaf_gone,omitempty"`
	// Removed says that an event was deleted.
	Removed bool `json:"removed,omitempty"`
}

func begin(id string) *cleaningOf {
	return &cleaningOf{Conversation: id, Kind: deltaKind, Time: math.MinInt64, Seq: math.MinInt64}
}

// cleanEvents deletes events that earlier builds stored although they are not part of a conversation's history:
// token deltas, and state updates that contain the whole state. It corrects the counts, the leaf and the status
// "deleting", and gives a title to conversations without one. It locks the conversation's row before it reads
// events, as writers of events do. After the last piece it calls tell with a summary.
func cleanEvents(tell func(string)) migrate.BackfillFunc {
	return func(ctx context.Context, db bun.IDB, from string) (piece migrate.Piece, err error) {
		var c cleaning
		if from != "" {
			if err := json.Unmarshal([]byte(from), &c); err != nil {
				return piece, fmt.Errorf("migrations: read position %q: %w", from, err)
			}
		}
		if piece.Rows, piece.Done, err = c.piece(ctx, db); err != nil {
			return piece, fmt.Errorf("migrations: clean events: %w", err)
		}
		if piece.Done && tell != nil && c.Conversations > 0 {
			tell(c.summary())
		}
		next, err := json.Marshal(c)
		piece.Next = string(next)
		return piece, err
	}
}

func (c *cleaning) summary() string {
	return fmt.Sprintf("cleaned %d conversations that older builds stored: deleted %d token deltas and %d copies of the whole state, "+
		"%d bytes in all; set %d titles, %d leaves, %d statuses", c.Conversations, c.Deltas, c.States, c.Bytes, c.Titles, c.Leaves, c.Statuses)
}

func (c *cleaning) piece(ctx context.Context, db bun.IDB) (rows int64, done bool, err error) {
	end := time.Now().Add(cleanTime)
	var page []string
	for rows == 0 || time.Now().Before(end) {
		if c.Within == nil {
			if len(page) == 0 {
				if err := db.NewRaw("SELECT id FROM conversations WHERE id > ? ORDER BY id LIMIT ?", c.After, cleanPage).Scan(ctx, &page); err != nil {
					return rows, false, err
				}
				if len(page) == 0 {
					return rows, true, nil
				}
			}
			c.Within, page = begin(page[0]), page[1:]
		}
		there, err := lockConversation(ctx, db, c.Within.Conversation)
		if err != nil {
			return rows, false, err
		}
		if !there {
			c.leave()
			rows++
			continue
		}
		n, err := c.step(ctx, db)
		if err != nil {
			return rows, false, err
		}
		rows += max(n, 1)
	}
	return rows, false, nil
}

func (c *cleaning) leave() { c.After, c.Within = c.Within.Conversation, nil }

// cleanRow is an event that is being checked.
type cleanRow struct {
	Seq, Ts, Size    int64
	ID, Kind, Source string
	Payload          string
}

// step cleans the next events of one kind, or completes the conversation if there are no more.
func (c *cleaning) step(ctx context.Context, db bun.IDB) (int64, error) {
	w := c.Within
	rows, err := w.next(ctx, db)
	if err != nil {
		return 0, err
	}
	var gone []*cleanRow
	for _, r := range rows {
		w.Time, w.Seq = r.Ts, r.Seq
		switch {
		case r.Kind == deltaKind:
			c.Deltas++
			gone = append(gone, r)
		case w.readState(r):
			c.States++
			gone = append(gone, r)
		}
	}
	for _, r := range gone {
		c.Bytes += r.Size
	}
	if err := w.remove(ctx, db, gone); err != nil || len(rows) > 0 {
		return int64(len(rows)), err
	}
	if w.Kind == deltaKind {
		w.Kind, w.Time, w.Seq = stateKind, math.MinInt64, math.MinInt64
		return 0, nil
	}
	return 0, c.finish(ctx, db)
}

// next returns the next events, at most cleanBytes of them.
func (w *cleaningOf) next(ctx context.Context, db bun.IDB) (rows []*cleanRow, err error) {
	// "ts >=" is redundant, but lets every engine use a range of its index.
	err = db.NewRaw(`SELECT seq, ts, id, kind, source, octet_length(payload) AS size FROM events
WHERE conversation_id = ?0 AND kind = ?1 AND ts >= ?2 AND (ts > ?2 OR seq > ?3) ORDER BY ts, seq LIMIT ?4`,
		w.Conversation, w.Kind, w.Time, w.Seq, cleanRows).Scan(ctx, &rows)
	size, n := int64(0), 0
	for n < len(rows) && (n == 0 || size+rows[n].Size <= cleanBytes) {
		size += rows[n].Size
		n++
	}
	rows = rows[:n]
	if err != nil || w.Kind == deltaKind || n == 0 {
		return rows, err
	}
	bySeq, seqs := make(map[int64]*cleanRow, n), make([]int64, n)
	for i, r := range rows {
		bySeq[r.Seq], seqs[i] = r, r.Seq
	}
	var payloads []struct {
		Seq     int64
		Payload string
	}
	if err := db.NewRaw("SELECT seq, payload FROM events WHERE seq IN (?)", bun.List(seqs)).Scan(ctx, &payloads); err != nil {
		return nil, err
	}
	for _, p := range payloads {
		bySeq[p.Seq].Payload = p.Payload
	}
	return rows, nil
}

// readState remembers the status in a state event, and reports whether the event contains the whole state.
func (w *cleaningOf) readState(r *cleanRow) (whole bool) {
	var event struct {
		Key   any             `json:"key"`
		Value json.RawMessage `json:"value"`
	}
	if json.Unmarshal([]byte(r.Payload), &event) != nil {
		return false
	}
	status := event.Value
	if whole = event.Key == "full_state" || event.Key == "__full_state__"; whole {
		var members struct {
			Status json.RawMessage `json:"execution_status"`
		}
		if json.Unmarshal(event.Value, &members) != nil {
			return true
		}
		status = members.Status
	} else if event.Key != "execution_status" {
		return false
	}
	var text string
	if json.Unmarshal(status, &text) == nil && text != "" && text != "deleting" && len(text) <= 64 {
		w.Status = text
	}
	return whole
}

// remove deletes events and corrects the counts.
func (w *cleaningOf) remove(ctx context.Context, db bun.IDB, gone []*cleanRow) error {
	if len(gone) == 0 {
		return nil
	}
	var leaf []*string
	if err := db.NewRaw("SELECT leaf_event_id FROM conversations WHERE id = ?", w.Conversation).Scan(ctx, &leaf); err != nil {
		return err
	}
	seqs, sources := make([]int64, len(gone)), map[string]int64{}
	for i, r := range gone {
		seqs[i] = r.Seq
		sources[r.Source]++
		if len(leaf) == 1 && leaf[0] != nil && *leaf[0] == r.ID {
			w.LeafGone = true
		}
	}
	w.Removed = true
	if _, err := db.NewRaw("DELETE FROM events WHERE seq IN (?)", bun.List(seqs)).Exec(ctx); err != nil {
		return err
	}
	if _, err := db.NewRaw("UPDATE conversations SET event_count = event_count - ? WHERE id = ?", len(gone), w.Conversation).Exec(ctx); err != nil {
		return err
	}
	for source, n := range sources {
		if _, err := db.NewRaw("UPDATE event_counts SET n = n - ? WHERE conversation_id = ? AND kind = ? AND source = ?",
			n, w.Conversation, w.Kind, source).Exec(ctx); err != nil {
			return err
		}
	}
	_, err := db.NewRaw("DELETE FROM event_counts WHERE conversation_id = ? AND kind = ? AND n <= 0", w.Conversation, w.Kind).Exec(ctx)
	return err
}

// finish corrects title, status and leaf of the conversation, and goes on to the next one.
func (c *cleaning) finish(ctx context.Context, db bun.IDB) error {
	w := c.Within
	var rows []struct {
		Title, LeafEventID *string
		ExecutionStatus    string
	}
	if err := db.NewRaw("SELECT title, leaf_event_id, execution_status FROM conversations WHERE id = ?", w.Conversation).Scan(ctx, &rows); err != nil || len(rows) == 0 {
		return err
	}
	row := rows[0]
	if row.Title == nil {
		if err := c.setTitle(ctx, db); err != nil {
			return err
		}
	}
	if row.ExecutionStatus == "deleting" {
		status := w.Status
		if status == "" {
			status = "idle"
		}
		c.Statuses++
		if _, err := db.NewRaw("UPDATE conversations SET execution_status = ? WHERE id = ?", status, w.Conversation).Exec(ctx); err != nil {
			return err
		}
	}
	if err := c.setLeaf(ctx, db, row.LeafEventID); err != nil {
		return err
	}
	if w.Removed {
		c.Conversations++
	}
	c.leave()
	return nil
}

// setLeaf corrects leaf_event_id if its event was deleted or is a state event.
func (c *cleaning) setLeaf(ctx context.Context, db bun.IDB, leaf *string) error {
	w := c.Within
	invalid := w.LeafGone
	if !invalid && leaf != nil {
		var kinds []string
		if err := db.NewRaw("SELECT kind FROM events WHERE conversation_id = ? AND id = ?", w.Conversation, *leaf).Scan(ctx, &kinds); err != nil {
			return err
		}
		invalid = len(kinds) == 1 && kinds[0] == stateKind
	}
	if !invalid {
		return nil
	}
	var last []string
	if err := db.NewRaw("SELECT id FROM events WHERE conversation_id = ? AND kind <> ? ORDER BY ts DESC, seq DESC LIMIT 1",
		w.Conversation, stateKind).Scan(ctx, &last); err != nil {
		return err
	}
	var to *string
	if len(last) == 1 {
		to = &last[0]
	}
	c.Leaves++
	_, err := db.NewRaw("UPDATE conversations SET leaf_event_id = ? WHERE id = ?", to, w.Conversation).Exec(ctx)
	return err
}

// setTitle makes a title from the user's first message.
func (c *cleaning) setTitle(ctx context.Context, db bun.IDB) error {
	w := c.Within
	var first []string
	if err := db.NewRaw("SELECT payload FROM events WHERE conversation_id = ? AND kind = ? AND source = 'user' ORDER BY ts, seq LIMIT 1",
		w.Conversation, messageKind).Scan(ctx, &first); err != nil || len(first) == 0 {
		return err
	}
	title := firstWords(first[0])
	if title == "" {
		return nil
	}
	c.Titles++
	_, err := db.NewRaw("UPDATE conversations SET title = ?, title_folded = ? WHERE id = ?", title, folded(title), w.Conversation).Exec(ctx)
	return err
}
