package conversations

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/uptrace/bun"
)

// Standing is how far a conversation is.
type Standing struct {
	ID string `bun:"id"`
	// Numbered is how many numbered events it has: the number of the next.
	Numbered int64 `bun:"numbered"`
	// Told is another text after an agent server has told all of the state.
	Told      string    `bun:"info_digest"`
	CreatedAt time.Time `bun:"created_at"`
	UpdatedAt time.Time `bun:"updated_at"`
}

// Version is another number after each change.
func (s Standing) Version() int64 {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(s.ID)) // it does not fail
	_, _ = sum.Write(binary.LittleEndian.AppendUint64(nil, uint64(s.Numbered)))
	_, _ = sum.Write(binary.LittleEndian.AppendUint64(nil, uint64(s.UpdatedAt.UnixMicro())))
	_, _ = sum.Write([]byte(s.Told))
	return int64(sum.Sum64())
}

func standings(db bun.IDB) *bun.SelectQuery {
	return withoutMarked(db.NewSelect().Model((*Conversation)(nil)).Column("id", "numbered", "info_digest", "created_at", "updated_at"))
}

// Standings reads how far some conversations are; those that are not there are left out.
func Standings(ctx context.Context, db bun.IDB, ids []string) (map[string]Standing, error) {
	var rows []Standing
	if err := standings(db).Where("conversation.id IN (?)", bun.List(ids)).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("conversations: read how far %d are: %w", len(ids), err)
	}
	found := make(map[string]Standing, len(rows))
	for _, row := range rows {
		found[row.ID] = row
	}
	return found, nil
}

// Latest reads how far those are that changed last, the latest first.
func Latest(ctx context.Context, db bun.IDB, limit int) ([]Standing, error) {
	var rows []Standing
	err := standings(db).OrderExpr("conversation.updated_at DESC, conversation.id DESC").Limit(int64(limit)).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("conversations: read what changed last: %w", err)
	}
	return rows, nil
}
