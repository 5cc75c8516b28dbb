package migrations

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule/migrate"
)

const tagSortsPage = 200 // conversations

// sortTags copies the conversations' sort keys to existing tags. from is the last completed conversation.
func sortTags(ctx context.Context, db bun.IDB, from string) (piece migrate.Piece, err error) {
	var ids []string
	err = db.NewRaw("SELECT DISTINCT conversation_id FROM conversation_tags WHERE conversation_id > ? ORDER BY conversation_id LIMIT ?",
		from, tagSortsPage).Scan(ctx, &ids)
	if err != nil {
		return piece, fmt.Errorf("migrations: sort tags: %w", err)
	}
	piece.Done, piece.Next = len(ids) < tagSortsPage, from
	for end := time.Now().Add(cleanTime); piece.Rows < int64(len(ids)); {
		id := ids[piece.Rows]
		if piece.Rows > 0 && time.Now().After(end) {
			piece.Done = false
			break
		}
		if err := sortTagsOf(ctx, db, id); err != nil {
			return piece, fmt.Errorf("migrations: sort tags of %s: %w", id, err)
		}
		piece.Rows, piece.Next = piece.Rows+1, id
	}
	return piece, nil
}

func sortTagsOf(ctx context.Context, db bun.IDB, id string) error {
	if there, err := lockConversation(ctx, db, id); err != nil || !there {
		return err
	}
	var rows []struct {
		CreatedAt, UpdatedAt time.Time
		TitleSort            string
	}
	err := db.NewRaw("SELECT created_at, updated_at, title_sort FROM conversations WHERE id = ?", id).Scan(ctx, &rows)
	if err != nil || len(rows) == 0 {
		return err
	}
	_, err = db.NewRaw("UPDATE conversation_tags SET created_micros = ?, updated_micros = ?, title_sort = ? WHERE conversation_id = ?",
		rows[0].CreatedAt.UnixMicro(), rows[0].UpdatedAt.UnixMicro(), rows[0].TitleSort, id).Exec(ctx)
	return err
}
