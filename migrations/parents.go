package migrations

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule/migrate"
)

const parentsPage = 200 // conversations

// markParents sets has_parent of existing conversations. from is the last completed conversation.
func markParents(ctx context.Context, db bun.IDB, from string) (piece migrate.Piece, err error) {
	var ids []string
	err = db.NewRaw("SELECT id FROM conversations WHERE id > ? AND parent_conversation_id IS NOT NULL ORDER BY id LIMIT ?", from, parentsPage).Scan(ctx, &ids)
	if err == nil && len(ids) > 0 {
		_, err = db.NewRaw("UPDATE conversations SET has_parent = ? WHERE id IN (?)", true, bun.List(ids)).Exec(ctx)
	}
	if err != nil {
		return piece, fmt.Errorf("migrations: mark parents: %w", err)
	}
	piece.Rows, piece.Done, piece.Next = int64(len(ids)), len(ids) < parentsPage, from
	if len(ids) > 0 {
		piece.Next = ids[len(ids)-1]
	}
	return piece, nil
}
