package migrations

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule/migrate"
)

const listingsPage = 200 // conversations

// listingTag is a row of conversation_tags at the time of this revision.
type listingTag struct {
	bun.BaseModel `bun:"table:conversation_tags,alias:tag"`

	ConversationID string `bun:"conversation_id,pk"`
	Name           string `bun:"name,pk"`
	Value          string `bun:"value"`
}

// fillListings writes the column title_sort of existing conversations, and the rows of their tags. from is the last
// completed conversation.
func fillListings(ctx context.Context, db bun.IDB, from string) (piece migrate.Piece, err error) {
	var ids []string
	if err := db.NewRaw("SELECT id FROM conversations WHERE id > ? ORDER BY id LIMIT ?", from, listingsPage).Scan(ctx, &ids); err != nil {
		return piece, fmt.Errorf("migrations: fill listings: %w", err)
	}
	piece.Done, piece.Next = len(ids) < listingsPage, from
	for end := time.Now().Add(cleanTime); piece.Rows < int64(len(ids)); {
		id := ids[piece.Rows]
		if piece.Rows > 0 && time.Now().After(end) {
			piece.Done = false
			break
		}
		if err := fillListing(ctx, db, id); err != nil {
			return piece, fmt.Errorf("migrations: fill listings: %s: %w", id, err)
		}
		piece.Rows, piece.Next = piece.Rows+1, id
	}
	return piece, nil
}

func fillListing(ctx context.Context, db bun.IDB, id string) error {
	if there, err := lockConversation(ctx, db, id); err != nil || !there {
		return err
	}
	var rows []struct {
		Folded *string
		Tags   string
	}
	if err := db.NewRaw("SELECT title_folded AS folded, tags FROM conversations WHERE id = ?", id).Scan(ctx, &rows); err != nil || len(rows) == 0 {
		return err
	}
	if rows[0].Folded != nil {
		runes := []rune(*rows[0].Folded)
		if _, err := db.NewRaw("UPDATE conversations SET title_sort = ? WHERE id = ?", string(runes[:min(len(runes), 200)]), id).Exec(ctx); err != nil {
			return err
		}
	}
	if _, err := db.NewRaw("DELETE FROM conversation_tags WHERE conversation_id = ?", id).Exec(ctx); err != nil {
		return err
	}
	var tags map[string]string
	if json.Unmarshal([]byte(rows[0].Tags), &tags) != nil {
		return nil // the store never wrote such tags
	}
	var all []*listingTag
	for name, value := range tags {
		if len(name) <= 255 {
			all = append(all, &listingTag{ConversationID: id, Name: name, Value: value})
		}
	}
	if len(all) == 0 {
		return nil
	}
	_, err := db.NewInsert().Model(&all).Returning("NULL").Exec(ctx)
	return err
}
