package events

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/dbmodule"
)

// Tally is a row of event_counts: how many events of one kind and source a conversation has. So counting does not
// read the events, of which there can be millions.
//
// Earlier builds that use the same database store events without updating tallies, but they update the
// conversation's event_count. So the tallies are used only if their sum equals event_count.
type Tally struct {
	bun.BaseModel `bun:"table:event_counts,alias:tally"`

	ConversationID string `bun:"conversation_id,pk,type:varchar(36) collate utf8mb4_bin"`
	Kind           string `bun:"kind,pk,type:varchar(255) collate utf8mb4_bin"`
	Source         string `bun:"source,pk,type:varchar(255) collate utf8mb4_bin"`
	N              int64  `bun:"n,notnull"`

	Conversation *conversations.Conversation `bun:"rel:belongs-to,join:conversation_id=id,on_delete:CASCADE"`
}

// tally adds events to the tallies of their locked conversation.
func (s *Store) tally(ctx context.Context, db *dbmodule.Session, conversationID string, added []*Incoming) error {
	type key struct{ kind, source string }
	counts := map[key]int64{}
	for _, e := range added {
		counts[key{e.Kind, e.Source}]++
	}
	rows := make([]Tally, 0, len(counts))
	for k, n := range counts {
		rows = append(rows, Tally{ConversationID: conversationID, Kind: k.kind, Source: k.source, N: n})
	}
	slices.SortFunc(rows, func(a, b Tally) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Source, b.Source))
	})
	for part := range slices.Chunk(rows, chunk) {
		if _, err := s.compiled.tally.ExecAll(ctx, db, &part); err != nil {
			return fmt.Errorf("events: tally %d: %w", len(part), err)
		}
	}
	return nil
}

// tallied counts events by the tallies. known is false if the filter has other conditions, or the tallies are
// incomplete.
func (*Store) tallied(ctx context.Context, db *dbmodule.Session, conversationID string, f Filter) (n int64, known bool, err error) {
	if f.Body != "" || f.From != nil || f.Before != nil {
		return 0, false, nil
	}
	// The database compares kind and source, because MySQL's collation compares in its own way.
	matching := db.NewSelect().Model((*Tally)(nil)).ColumnExpr("coalesce(sum(tally.n), 0)").
		Where("tally.conversation_id = conversation.id")
	if f.Kind != "" {
		matching = matching.Where("tally.kind = ?", kindKey(f.Kind))
	}
	if f.Source != "" {
		matching = matching.Where("tally.source = ?", nameKey(f.Source))
	}
	all := db.NewSelect().Model((*Tally)(nil)).ColumnExpr("coalesce(sum(tally.n), 0)").
		Where("tally.conversation_id = conversation.id")
	var rows []struct {
		Stored  int64 `bun:"stored"`
		Tallied int64 `bun:"tallied"`
		N       int64 `bun:"n"`
	}
	// One statement, so that the three numbers are consistent.
	err = db.NewSelect().Model((*conversations.Conversation)(nil)).ColumnExpr("conversation.event_count AS stored").
		ColumnExpr("(?) AS tallied", all).ColumnExpr("(?) AS n", matching).
		Where("conversation.id = ?", conversationID).Scan(ctx, &rows)
	if err != nil {
		return 0, false, fmt.Errorf("events: count: %w", err)
	}
	if len(rows) == 0 || rows[0].Stored != rows[0].Tallied {
		return 0, false, nil
	}
	return rows[0].N, true, nil
}
