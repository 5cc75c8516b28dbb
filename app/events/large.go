package events

import (
	"context"
	"fmt"
	"unicode/utf8"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/openhands-go/server/dbmodule"
)

// maxPiece is how many bytes of text one statement has on MySQL and MariaDB. Their default max_allowed_packet is
// 16 MiB, and escaping can double a text.
const maxPiece = 3 << 20

// insertLarge stores an event that does not fit into one statement on MySQL and MariaDB: it inserts the row
// without its texts and then appends them in pieces. It reports false, and does nothing, if one statement is
// enough.
func (s *Store) insertLarge(ctx context.Context, db *dbmodule.Session, e Event) (bool, error) {
	size := len(e.Payload) + len(e.Packed)
	if e.Body != nil {
		size += len(*e.Body)
	}
	if db.Dialect().Name() != dialect.MySQL || size <= maxPiece {
		return false, nil
	}
	row := e
	row.Payload = ""
	if e.Packed != nil {
		row.Packed = []byte{}
	}
	if e.Body != nil {
		row.Body = new(string)
	}
	if err := s.insertRows(ctx, db, []Event{row}); err != nil {
		return true, err
	}
	if err := appendText(ctx, db, e, "payload", e.Payload); err != nil {
		return true, err
	}
	for rest := e.Packed; len(rest) > 0; {
		piece := rest[:min(len(rest), maxPiece)]
		rest = rest[len(piece):]
		if err := appendPiece(ctx, db, e, "payload_packed", piece); err != nil {
			return true, err
		}
	}
	if e.Body == nil {
		return true, nil
	}
	return true, appendText(ctx, db, e, "body", *e.Body)
}

// appendText appends a text to a column, in pieces.
func appendText(ctx context.Context, db *dbmodule.Session, e Event, column, text string) error {
	for len(text) > 0 {
		end := min(len(text), maxPiece)
		for end < len(text) && !utf8.RuneStart(text[end]) {
			end--
		}
		if err := appendPiece(ctx, db, e, column, text[:end]); err != nil {
			return err
		}
		text = text[end:]
	}
	return nil
}

// appendPiece appends a text or bytes to a column.
func appendPiece(ctx context.Context, db *dbmodule.Session, e Event, column string, piece any) error {
	_, err := db.NewUpdate().Model((*Event)(nil)).
		Set("? = CONCAT(?, ?)", bun.Ident(column), bun.Ident(column), piece).
		Where("conversation_id = ?", e.ConversationID).Where("id = ?", e.ID).Exec(ctx)
	if err != nil {
		return fmt.Errorf("events: append to %s: %w", column, err)
	}
	return nil
}
