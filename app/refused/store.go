package refused

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/openhands-go/server/app/committed"
	"github.com/openhands-go/server/app/paging"
	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbquery"
	"github.com/openhands-go/server/httpmodule"
)

// Store reads and writes refused deliveries. It is safe for concurrent use.
type Store struct{ recorded committed.Counter }

// NewStore makes a Store.
func NewStore() *Store { return &Store{} }

// Refusal is a delivery that could not be stored.
type Refusal struct {
	What           string
	ConversationID string // "" if it is not known
	Reason         string
	// Body is the delivery, or nil if it is too large. Size is its size in bytes.
	Body []byte
	Size int64
}

// Record keeps refusals, in db's transaction, and deletes the oldest ones above [MostKept]. For a refusal
// that is kept already, it increments Times.
func (s *Store) Record(ctx context.Context, db *dbmodule.Session, refusals ...Refusal) error {
	for _, r := range refusals {
		if err := s.record(ctx, db, r); err != nil {
			return fmt.Errorf("refused: record: %w", err)
		}
		s.recorded.Add(db, 1)
	}
	if len(refusals) == 0 {
		return nil
	}
	if err := prune(ctx, db); err != nil {
		return fmt.Errorf("refused: delete the oldest: %w", err)
	}
	return nil
}

func (*Store) record(ctx context.Context, db *dbmodule.Session, r Refusal) error {
	row := &Delivery{
		What: r.What, Reason: r.Reason, Size: r.Size, Times: 1, ReceivedAt: wire.Now(), Digest: r.digest(),
	}
	if r.ConversationID != "" {
		row.ConversationID = &r.ConversationID
	}
	if len(r.Body) <= LargestBody {
		row.Body = r.Body
	}
	times := bun.Ident("delivery.times")
	if db.Dialect().Name() == dialect.MySQL {
		times = "times" // MySQL allows no alias here
	}
	q := dbquery.Upsert(db.NewInsert().Model(row).ExcludeColumn("id").Returning("NULL"), []string{"digest"}, "reason").
		Set("times = ? + 1", times)
	_, err := q.Exec(ctx)
	return err
}

func (r Refusal) digest() string {
	hash := sha256.New()
	_, _ = fmt.Fprintf(hash, "%s\n%s\n%d\n", r.What, r.ConversationID, r.Size)
	hash.Write(r.Body)
	return hex.EncodeToString(hash.Sum(nil))
}

// prune deletes deliveries older than KeptFor, and all but the newest MostKept: the newest have the
// largest ids.
func prune(ctx context.Context, db *dbmodule.Session) error {
	var oldest []int64
	err := db.NewSelect().Model((*Delivery)(nil)).Column("id").Order("id DESC").Offset(MostKept-1).Limit(1).Scan(ctx, &oldest)
	if err != nil {
		return err
	}
	q := db.NewDelete().Model((*Delivery)(nil)).Where("received_at < ?", wire.Now().Add(-KeptFor))
	if len(oldest) > 0 {
		q = q.WhereOr("id < ?", oldest[0])
	}
	_, err = q.Exec(ctx)
	return err
}

// Recorded returns how many refusals this process has recorded in committed units of work.
func (s *Store) Recorded() int64 { return s.recorded.Value() }

// Count returns how many deliveries are kept.
func (*Store) Count(ctx context.Context, db *dbmodule.Session) (int64, error) {
	var n int64
	if err := db.NewSelect().Model((*Delivery)(nil)).ColumnExpr("count(*)").Scan(ctx, &n); err != nil {
		return 0, fmt.Errorf("refused: count: %w", err)
	}
	return n, nil
}

const scope, order = "refused", "id"

// Page returns up to limit deliveries, the newest first, without their bodies. pageID is "" for the first
// page. next is the next page's id, "" on the last page.
func (*Store) Page(ctx context.Context, db *dbmodule.Session, pageID string, limit int) (rows []*Listed, next string, err error) {
	q := db.NewSelect().Model((*Delivery)(nil)).ExcludeColumn("body", "digest").
		ColumnExpr("delivery.body IS NOT NULL AS body_kept").Order("delivery.id DESC").Limit(int64(limit) + 1)
	if pageID != "" {
		cursor, err := paging.Decode(pageID, scope, order)
		if err != nil {
			return nil, "", err
		}
		q = q.Where("delivery.id < ?", cursor.Seq)
	}
	if err := q.Scan(ctx, &rows); err != nil {
		return nil, "", fmt.Errorf("refused: list: %w", err)
	}
	if len(rows) > limit {
		rows = rows[:limit]
		next, err = paging.Encode(scope, order, paging.Cursor{Seq: rows[limit-1].ID})
	}
	return rows, next, err
}

// Listed is a delivery without its body.
type Listed struct {
	Delivery `bun:",extend"`

	BodyKept bool `bun:"body_kept"`
}

// Get returns a delivery with its body. If room has no memory for the body, it returns the delivery
// without it; call it inside [httpmodule.Room.Read], which then calls it again.
func (*Store) Get(ctx context.Context, db *dbmodule.Session, room *httpmodule.Room, id int64) (*Delivery, error) {
	d := new(Delivery)
	if err := db.NewSelect().Model(d).Where("delivery.id = ?", id).Scan(ctx); err != nil {
		return nil, fmt.Errorf("refused: get %d: %w", id, err)
	}
	if !room.Add(len(d.Body)) {
		d.Body = nil
	}
	return d, nil
}

// Drop deletes a delivery. It returns dbmodule.ErrNotFound if there is none with this id.
func (*Store) Drop(ctx context.Context, db *dbmodule.Session, id int64) error {
	result, err := db.NewDelete().Model((*Delivery)(nil)).Where("id = ?", id).Exec(ctx)
	if err == nil {
		var n int64
		if n, err = result.RowsAffected(); err == nil && n == 0 {
			err = sql.ErrNoRows
		}
	}
	if err != nil {
		return fmt.Errorf("refused: drop %d: %w", id, err)
	}
	return nil
}

// DropAll deletes all deliveries, and returns how many there were.
func (*Store) DropAll(ctx context.Context, db *dbmodule.Session) (int64, error) {
	result, err := db.NewDelete().Model((*Delivery)(nil)).Where("id > 0").Exec(ctx)
	if err != nil {
		return 0, fmt.Errorf("refused: drop all: %w", err)
	}
	return result.RowsAffected()
}
