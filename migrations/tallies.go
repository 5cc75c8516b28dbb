package migrations

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/openhands-go/server/dbmodule/migrate"
)

// tallyPiece is about how many events a piece of the backfill counts, and tallyPage how many conversations it
// reads.
const (
	tallyPiece = 5000
	tallyPage  = 500
)

// tallyPosition is the position at which a piece begins.
type tallyPosition struct {
	// After is the last completed conversation.
	After string `json:"after"`
	// Within is a conversation whose events take several pieces.
	Within *tallyWithin `json:"within,omitempty"`
}

// tallyWithin is a position among the events of a conversation. The events up to Time and Seq are counted. Only
// events with a seq of at most To are counted in pieces.
type tallyWithin struct {
	Conversation string `json:"conversation"`
	To           int64  `json:"to"`
	Time         int64  `json:"time"`
	Seq          int64  `json:"seq"`
}

// tallyRow is a row of event_counts at the time of this revision.
type tallyRow struct {
	bun.BaseModel `bun:"table:event_counts,alias:tally"`

	ConversationID string `bun:"conversation_id,pk"`
	Kind           string `bun:"kind,pk"`
	Source         string `bun:"source,pk"`
	N              int64  `bun:"n"`
}

// tallyEvents writes the tallies of conversations whose tallies do not add up to their event_count, a few
// conversations in a piece. It locks the conversation's row before it counts, and both builds lock it before
// they store an event, so the tallies are exact. The earlier build may store events afterwards without updating
// them: the server notices that, because the sum differs from event_count.
func tallyEvents(ctx context.Context, db bun.IDB, from string) (piece migrate.Piece, err error) {
	var at tallyPosition
	if from != "" {
		if err := json.Unmarshal([]byte(from), &at); err != nil {
			return piece, fmt.Errorf("migrations: read position %q: %w", from, err)
		}
	}
	if at.Within != nil {
		piece.Rows, err = at.tallyPart(ctx, db)
	} else {
		piece.Rows, piece.Done, err = at.tallyFew(ctx, db)
	}
	if err != nil {
		return piece, fmt.Errorf("migrations: tally events: %w", err)
	}
	next, err := json.Marshal(at)
	piece.Next = string(next)
	return piece, err
}

// tallyFew tallies the next conversations, or begins with a large one.
func (at *tallyPosition) tallyFew(ctx context.Context, db bun.IDB) (rows int64, done bool, err error) {
	var page []struct {
		ID      string
		Events  int64
		Tallied int64
	}
	if err := db.NewRaw(`SELECT c.id, c.event_count AS events,
(SELECT coalesce(sum(t.n), 0) FROM event_counts AS t WHERE t.conversation_id = c.id) AS tallied
FROM conversations AS c WHERE c.id > ? ORDER BY c.id LIMIT ?`, at.After, tallyPage).Scan(ctx, &page); err != nil {
		return 0, false, err
	}
	for _, c := range page {
		if c.Events != c.Tallied {
			if rows > 0 && rows+c.Events > tallyPiece {
				return rows, false, nil // leave it to the next piece
			}
			there, err := lockConversation(ctx, db, c.ID)
			if err != nil {
				return rows, false, err
			}
			if there && c.Events > tallyPiece {
				return rows, false, at.enter(ctx, db, c.ID)
			}
			if there {
				if err := tallyWhole(ctx, db, c.ID); err != nil {
					return rows, false, err
				}
			}
			rows += max(c.Events, 1)
		}
		at.After = c.ID
	}
	return rows, len(page) < tallyPage, nil
}

// lockConversation locks a conversation's row, and reports whether the conversation still exists.
func lockConversation(ctx context.Context, db bun.IDB, id string) (there bool, err error) {
	q := db.NewSelect().Table("conversations").Column("id").Where("id = ?", id)
	if db.Dialect().Name() != dialect.SQLite { // its transaction has the write lock already
		q = q.For("UPDATE")
	}
	var ids []string
	err = q.Scan(ctx, &ids)
	return len(ids) > 0, err
}

// tallyWhole replaces the tallies of a locked conversation.
func tallyWhole(ctx context.Context, db bun.IDB, id string) error {
	if _, err := db.NewRaw("DELETE FROM event_counts WHERE conversation_id = ?", id).Exec(ctx); err != nil {
		return err
	}
	_, err := db.NewRaw(`INSERT INTO event_counts (conversation_id, kind, source, n)
SELECT conversation_id, kind, source, count(*) FROM events WHERE conversation_id = ? GROUP BY conversation_id, kind, source`, id).Exec(ctx)
	return err
}

// enter begins with the events of a large, locked conversation. Events that are stored later have a larger seq,
// because their writers lock the conversation first.
func (at *tallyPosition) enter(ctx context.Context, db bun.IDB, id string) error {
	if _, err := db.NewRaw("DELETE FROM event_counts WHERE conversation_id = ?", id).Exec(ctx); err != nil {
		return err
	}
	at.Within = &tallyWithin{Conversation: id, Time: math.MinInt64, Seq: math.MinInt64}
	return db.NewRaw("SELECT coalesce(max(seq), 0) FROM events WHERE conversation_id = ?", id).Scan(ctx, &at.Within.To)
}

// tallyPart adds the next events of a large conversation to its tallies. The last part also adds the events that
// were stored meanwhile.
func (at *tallyPosition) tallyPart(ctx context.Context, db bun.IDB) (rows int64, err error) {
	w := at.Within
	leave := func() { at.After, at.Within = w.Conversation, nil }
	there, err := lockConversation(ctx, db, w.Conversation)
	if err != nil || !there {
		leave()
		return 0, err
	}
	var events []struct {
		Kind, Source string
		Ts, Seq      int64
	}
	// "ts >=" is redundant, but lets every engine use a range of its index.
	if err := db.NewRaw(`SELECT kind, source, ts, seq FROM events
WHERE conversation_id = ?0 AND ts >= ?1 AND (ts > ?1 OR seq > ?2) AND seq <= ?3 ORDER BY ts, seq LIMIT ?4`,
		w.Conversation, w.Time, w.Seq, w.To, tallyPiece).Scan(ctx, &events); err != nil {
		return 0, err
	}
	counts := map[[2]string]int64{}
	for _, e := range events {
		counts[[2]string{e.Kind, e.Source}]++
		w.Time, w.Seq = e.Ts, e.Seq
	}
	var added []*tallyRow
	for k, n := range counts {
		added = append(added, &tallyRow{ConversationID: w.Conversation, Kind: k[0], Source: k[1], N: n})
	}
	if err := addTallies(ctx, db, added); err != nil || len(events) == tallyPiece {
		return int64(len(events)), err
	}
	var late []*tallyRow
	if err := db.NewRaw(`SELECT conversation_id, kind, source, count(*) AS n FROM events
WHERE conversation_id = ? AND seq > ? GROUP BY conversation_id, kind, source`, w.Conversation, w.To).Scan(ctx, &late); err != nil {
		return 0, err
	}
	leave()
	return int64(len(events)), addTallies(ctx, db, late)
}

func addTallies(ctx context.Context, db bun.IDB, rows []*tallyRow) error {
	if len(rows) == 0 {
		return nil
	}
	q := db.NewInsert().Model(&rows).Returning("NULL")
	if db.Dialect().Name() == dialect.MySQL {
		q = q.On("DUPLICATE KEY UPDATE").Set("n = n + VALUES(n)")
	} else {
		q = q.On("CONFLICT (conversation_id, kind, source) DO UPDATE").Set("n = tally.n + EXCLUDED.n")
	}
	_, err := q.Exec(ctx)
	return err
}
