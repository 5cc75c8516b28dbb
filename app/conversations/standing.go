package conversations

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/uptrace/bun"
)

// Standing is the part of a conversation's state by which followers notice a change.
type Standing struct {
	ID string `bun:"id"`
	// Numbered is how many numbered events it has, and so the number of the next event.
	Numbered int64 `bun:"numbered"`
	// Told changes when an agent server pushes the whole state.
	Told      string    `bun:"info_digest"`
	CreatedAt time.Time `bun:"created_at"`
	UpdatedAt time.Time `bun:"updated_at"`
}

// Version returns a number that changes with each change of the conversation.
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

// Standings returns the standings of conversations, by id, without those that do not exist.
func Standings(ctx context.Context, db bun.IDB, ids []string) (map[string]Standing, error) {
	var rows []Standing
	if err := standings(db).Where("conversation.id IN (?)", bun.List(ids)).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("conversations: read the standings of %d: %w", len(ids), err)
	}
	found := make(map[string]Standing, len(rows))
	for _, row := range rows {
		found[row.ID] = row
	}
	return found, nil
}

// Latest returns the standings of the conversations that changed last, the latest first.
func Latest(ctx context.Context, db bun.IDB, limit int) ([]Standing, error) {
	var rows []Standing
	err := standings(db).OrderExpr("conversation.updated_at DESC, conversation.id DESC").Limit(int64(limit)).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("conversations: read the last changes: %w", err)
	}
	return rows, nil
}
