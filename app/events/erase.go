package events

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// ErasePiece deletes up to most events of a conversation, and returns how many it has deleted. The caller has
// locked the conversation and is deleting it, so ErasePiece does not update the counters.
func (*Store) ErasePiece(ctx context.Context, db *dbmodule.Session, conversationID string, most int) (int, error) {
	var piece []int64
	err := db.NewSelect().Model((*Event)(nil)).Column("seq").Where("event.conversation_id = ?", conversationID).Limit(int64(most)).Scan(ctx, &piece)
	if err != nil {
		return 0, fmt.Errorf("events: find events of %s to delete: %w", conversationID, err)
	}
	if len(piece) == 0 {
		return 0, nil
	}
	if _, err := db.NewDelete().Model((*Event)(nil)).Where("seq IN (?)", bun.List(piece)).Exec(ctx); err != nil {
		return 0, fmt.Errorf("events: delete %d of %s: %w", len(piece), conversationID, err)
	}
	return len(piece), nil
}
