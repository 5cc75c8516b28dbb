package migrations

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/openhands-go/server/dbmodule/migrate"
)

const (
	// numberPage is how many events one statement numbers. While others write all the time, a piece
	// waits for the lock longer than it works, so a few large pieces are faster.
	numberPage = 1000
	// numberTime is when a piece ends after its current statement: so it holds SQLite's writer for
	// less than 100 ms.
	numberTime = 60 * time.Millisecond
)

// numberEvents numbers the existing events. It reads them in the order of their arrival, and gives each the next
// number of its conversation. It locks the conversations' rows first, as writers of events do.
//
// It ends with the event that was the last one when it began. Events that earlier builds store meanwhile without
// a number get it when this build stores the conversation's next event. from has the seq of the last numbered
// event, and the seq of the event to end with.
func numberEvents(ctx context.Context, db bun.IDB, from string) (piece migrate.Piece, err error) {
	after, until := int64(-1<<62), int64(0)
	if from == "" {
		err = db.NewRaw("SELECT COALESCE(MAX(seq), 0) FROM events").Scan(ctx, &until)
	} else {
		_, err = fmt.Sscanf(from, "%d to %d", &after, &until)
	}
	if err != nil {
		return piece, fmt.Errorf("migrations: number events from %q: %w", from, err)
	}
	for end := time.Now().Add(numberTime); !piece.Done && (piece.Rows == 0 || time.Now().Before(end)); {
		n, last, err := numberPart(ctx, db, after, until)
		if err != nil {
			return piece, fmt.Errorf("migrations: number events: %w", err)
		}
		piece.Rows, piece.Done, after = piece.Rows+int64(n), n < numberPage, last
	}
	piece.Next = fmt.Sprintf("%d to %d", after, until)
	return piece, nil
}

// numberRow is an event to number.
type numberRow struct {
	Seq            int64
	ConversationID string
	Number         *int64
}

// numberPart numbers the next events. It returns how many it has read, and the seq of the last.
func numberPart(ctx context.Context, db bun.IDB, after, until int64) (n int, last int64, err error) {
	var rows []*numberRow
	err = db.NewRaw("SELECT seq, conversation_id, number FROM events WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?", after, until, numberPage).Scan(ctx, &rows)
	if err != nil || len(rows) == 0 {
		return 0, after, err
	}
	n, last = len(rows), rows[len(rows)-1].Seq
	var ids []string
	for _, row := range rows {
		if row.Number == nil {
			ids = append(ids, row.ConversationID)
		}
	}
	slices.Sort(ids)
	if ids = slices.Compact(ids); len(ids) == 0 {
		return n, last, nil
	}
	numbered, err := lockNumbered(ctx, db, ids)
	if err != nil {
		return 0, 0, err
	}
	// Read them again, now that nobody else can number them. On MySQL only a locking read sees
	// changes that others have committed since the transaction's first read.
	lock := ""
	if db.Dialect().Name() != dialect.SQLite {
		lock = " FOR UPDATE"
	}
	rows = nil
	if err = db.NewRaw("SELECT seq, conversation_id, number FROM events WHERE seq > ? AND seq <= ? ORDER BY seq"+lock, after, last).Scan(ctx, &rows); err != nil {
		return 0, 0, err
	}
	return n, last, writeNumbers(ctx, db, rows, numbered)
}

// lockNumbered locks conversations and returns their next numbers.
func lockNumbered(ctx context.Context, db bun.IDB, ids []string) (map[string]int64, error) {
	q := db.NewSelect().Table("conversations").Column("id", "numbered").Where("id IN (?)", bun.List(ids)).Order("id")
	if db.Dialect().Name() != dialect.SQLite { // its transaction has the write lock already
		q = q.For("UPDATE")
	}
	var rows []struct {
		ID       string
		Numbered int64
	}
	if err := q.Scan(ctx, &rows); err != nil {
		return nil, err
	}
	numbered := make(map[string]int64, len(rows))
	for _, row := range rows {
		numbered[row.ID] = row.Numbered
	}
	return numbered, nil
}

// writeNumbers numbers the unnumbered events of locked conversations.
func writeNumbers(ctx context.Context, db bun.IDB, rows []*numberRow, numbered map[string]int64) error {
	var seqs []int64
	var cases []byte
	changed := map[string]int64{}
	for _, row := range rows {
		next, locked := numbered[row.ConversationID]
		if row.Number != nil || !locked {
			continue
		}
		seqs = append(seqs, row.Seq)
		cases = fmt.Appendf(cases, " WHEN %d THEN %d", row.Seq, next)
		numbered[row.ConversationID] = next + 1
		changed[row.ConversationID] = next + 1
	}
	if len(seqs) == 0 {
		return nil
	}
	_, err := db.NewRaw("UPDATE events SET number = CASE seq"+string(cases)+" END WHERE seq IN (?)", bun.List(seqs)).Exec(ctx)
	for id, next := range changed {
		if err == nil {
			_, err = db.NewRaw("UPDATE conversations SET numbered = ? WHERE id = ?", next, id).Exec(ctx)
		}
	}
	return err
}
