package events

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/packing"
	"github.com/openhands-go/server/app/paging"
	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

// Store reads and writes events. It is safe for concurrent use.
type Store struct {
	compiled      compiled
	conversations *conversations.Store
	packer        packing.Packer
	// plain says that large payloads are not packed.
	plain bool
	// redact says that secrets in events are masked.
	redact bool
	// publisher may be nil.
	publisher Publisher
	counters  counters
}

// Publisher sends token deltas, which are not stored, to listeners after the unit of work is committed.
type Publisher interface {
	// Pass is called in db's transaction with at least one token delta of a conversation.
	Pass(ctx context.Context, db *dbmodule.Session, conversationID string, deltas []*Incoming) error
}

// Config decides how events are stored.
type Config struct {
	// Packing packs large payloads. Earlier builds can't read packed payloads: turn it off while
	// one of them uses the same database.
	Packing bool `envconfig:"EVENT_PACKING" default:"true" desc:"store events above 8 KiB compressed (set false while builds that can't read them use the same database)"`
	// Redaction masks secrets in events, as is always done in conversations. Without it, events
	// are stored byte for byte.
	Redaction bool `envconfig:"EVENT_REDACTION" default:"false" desc:"mask secrets in events, too, before they are stored (false = events are kept byte for byte)"`
}

// NewStore makes a Store for sessions of this factory's database. c is the store of its conversations.
func NewStore(sessions *dbmodule.SessionFactory, c *conversations.Store) (*Store, error) {
	return NewConfigured(sessions, c, Config{Packing: true})
}

// NewPublishing is [NewConfigured] with a publisher.
func NewPublishing(sessions *dbmodule.SessionFactory, c *conversations.Store, cfg Config, publisher Publisher) (*Store, error) {
	s, err := NewConfigured(sessions, c, cfg)
	if err != nil {
		return nil, err
	}
	s.publisher = publisher
	return s, nil
}

// NewConfigured is [NewStore] with a configuration.
func NewConfigured(sessions *dbmodule.SessionFactory, c *conversations.Store, cfg Config) (*Store, error) {
	queries, err := compile(sessions)
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	return &Store{compiled: queries, conversations: c, plain: !cfg.Packing, redact: cfg.Redaction}, nil
}

// Sort orders of listings. Events with the same timestamp are in the order of arrival.
const (
	Timestamp     = "TIMESTAMP"
	TimestampDesc = "TIMESTAMP_DESC"
)

// maxBatchBytes is the size of the largest batch, in bytes.
const maxBatchBytes = 64 << 20

// storedColumns are the columns that are read, in the order in which rowsOf scans them.
var storedColumns = []string{"seq", "ts", "id", "payload", "payload_packed"}

// text returns the event's payload, unpacked.
func (s *Store) text(e *Event) (string, error) {
	text, err := s.packer.Unpack(e.Payload, e.Packed)
	if err != nil {
		return "", fmt.Errorf("events: read %d: %w", e.Seq, err)
	}
	return text, nil
}

// Most limits how much is read at once.
type Most struct {
	Events, Bytes int
	// Room counts the memory; it may be nil. If it has no room for all events, none is returned,
	// and [httpmodule.Room.Read] calls the read again.
	Room *httpmodule.Room
}

// Page returns the payloads of up to most.Events events of a conversation. pageID is "" for the first page; next
// is the next page's id, "" on the last page. A page has fewer events if they would be larger than most.Bytes,
// but at least one.
func (s *Store) Page(
	ctx context.Context, db *dbmodule.Session, conversationID string, f Filter, order, pageID string, most Most,
) (payloads []string, next string, err error) {
	scope := "events:" + conversationID
	var read reader
	if first := s.compiled.first[order]; first != nil && pageID == "" && f.empty() {
		read = func(do func(*Event) bool) error {
			return first.Each(ctx, db, firstPage{conversationID, most.Events + 1}, do)
		}
	} else {
		q, err := pageAt(db.NewSelect().Model((*Event)(nil)), conversationID, f, order, scope, pageID, most.Events+1)
		if err != nil {
			return nil, "", err
		}
		read = rowsOf(ctx, q)
	}
	found, more, err := s.gather(most, read)
	if err != nil {
		return nil, "", fmt.Errorf("events: list: %w", err)
	}
	if n := len(found); more && n > 0 {
		next, err = paging.Encode(scope, order, paging.Cursor{Micros: found[n-1].Micros, Seq: found[n-1].Seq})
	}
	return payloadsOf(found), next, err
}

// pageAt is the query of up to limit events of a page.
func pageAt(q *bun.SelectQuery, conversationID string, f Filter, order, scope, pageID string, limit int) (*bun.SelectQuery, error) {
	if pageID == "" {
		return pageOf(q, conversationID, f, order, limit), nil
	}
	after := bun.Safe(">")
	if order == TimestampDesc {
		after = "<"
	}
	cursor, err := paging.Decode(pageID, scope, order)
	if err != nil {
		return nil, err
	}
	// This is (ts, seq) after the cursor. It is written out, because MySQL uses no range of an index for a
	// comparison of rows.
	return pageOf(q, conversationID, f.from(cursor.Micros, string(after)), order, limit).
		Where("event.ts ?= ?", after, cursor.Micros).
		Where("(event.ts ? ? OR event.seq ? ?)", after, cursor.Micros, after, cursor.Seq), nil
}

// pageOf is the query of a conversation's first limit events. conversationID and limit are values, or
// placeholders of a compiled query.
func pageOf(q *bun.SelectQuery, conversationID any, f Filter, order string, limit any) *bun.SelectQuery {
	direction := bun.Safe("ASC")
	if order == TimestampDesc {
		direction = "DESC"
	}
	return f.apply(q, conversationID).Where("EXISTS (?)", conversations.Found(q.NewSelect(), conversationID)).
		Column(storedColumns...).ForceIndex(f.index()).OrderExpr("event.ts ?, event.seq ? LIMIT ?", direction, direction, limit)
}

func payloadsOf(found []Event) []string {
	payloads := make([]string, len(found))
	for i := range found {
		payloads[i] = found[i].Payload
	}
	return payloads
}

// gather reads and unpacks events. It stops before the event that would exceed most, except the first one, and
// then reports that there are more. The event that it is reading does not count in most.Room yet.
func (s *Store) gather(most Most, read reader) (found []Event, more bool, err error) {
	count, bytes := 0, 0
	var textErr error
	err = read(func(e *Event) bool {
		size := packing.Size(e.Payload, e.Packed)
		if more = count == most.Events || count > 0 && bytes+size > most.Bytes; more {
			return false
		}
		count, bytes = count+1, bytes+size
		if !most.Room.Add(size) {
			found = nil
			return true
		}
		e.Payload, textErr = s.text(e)
		e.Packed = nil
		found = append(found, *e)
		return textErr == nil
	})
	if err = errors.Join(err, textErr); err != nil {
		return nil, false, err
	}
	return found, more, nil
}

// reader calls do for each event until do returns false. do must not keep the pointer.
type reader func(do func(*Event) (more bool)) error

// rowsOf returns a reader of a query's events.
func rowsOf(ctx context.Context, q *bun.SelectQuery) reader {
	return func(do func(*Event) bool) (err error) {
		rows, err := q.Rows(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		for rows.Next() {
			var e Event
			if err := rows.Scan(&e.Seq, &e.Micros, &e.ID, &e.Payload, &e.Packed); err != nil {
				return err
			}
			if !do(&e) {
				return nil
			}
		}
		return rows.Err()
	}
}

// Count returns how many events all pages of Page have. Without a filter it reads the conversation's counter, and
// returns dbmodule.ErrNotFound if the conversation does not exist. For a kind or a source it reads the
// conversation's tallies. With other conditions it counts the events, by an index unless the filter has Body.
func (s *Store) Count(ctx context.Context, db *dbmodule.Session, conversationID string, f Filter) (int64, error) {
	if f.empty() {
		return s.conversations.EventCount(ctx, db, conversationID)
	}
	n, known, err := s.tallied(ctx, db, conversationID, f)
	if err != nil || known {
		return n, err
	}
	err = f.apply(db.NewSelect().Model((*Event)(nil)), conversationID).ColumnExpr("count(*)").Scan(ctx, &n)
	if err != nil {
		return 0, fmt.Errorf("events: count: %w", err)
	}
	return n, nil
}

// Get returns an event's payload, by its id or its key. If room has no memory for it, Get returns "", and
// [httpmodule.Room.Read] calls it again.
func (s *Store) Get(ctx context.Context, db *dbmodule.Session, room *httpmodule.Room, conversationID, id string) (string, error) {
	e, err := s.compiled.get.One(ctx, db, key{ConversationID: conversationID, ID: keyOf(id)})
	if err != nil {
		return "", fmt.Errorf("events: get: %w", err)
	}
	if !room.Add(packing.Size(e.Payload, e.Packed)) {
		return "", nil
	}
	return s.text(e)
}

// Batch returns the payloads of events in the order of ids, "" for each that does not exist. It returns a
// [wire.Invalid] if they are larger than maxBatchBytes together. If room has no memory for them, it returns
// nothing, and [httpmodule.Room.Read] calls it again.
func (s *Store) Batch(
	ctx context.Context, db *dbmodule.Session, room *httpmodule.Room, conversationID string, ids []string,
) ([]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = keyOf(id)
	}
	q := db.NewSelect().Model((*Event)(nil)).Column(storedColumns...).
		Where("event.conversation_id = ?", conversationID).Where("event.id IN (?)", bun.List(keys)).
		Where("EXISTS (?)", conversations.Found(db.NewSelect(), conversationID))
	found, more, err := s.gather(Most{Events: len(ids), Bytes: maxBatchBytes, Room: room}, rowsOf(ctx, q))
	if err != nil {
		return nil, fmt.Errorf("events: get %d: %w", len(ids), err)
	}
	if more {
		return nil, wire.NewInvalid("too_long", fmt.Sprintf(
			"The events are larger than %d MiB together: ask for fewer at once", maxBatchBytes>>20), "query", "ids")
	}
	byID := make(map[string]string, len(found))
	for _, e := range found {
		byID[e.ID] = e.Payload
	}
	payloads := make([]string, len(ids))
	for i, key := range keys {
		payloads[i] = byID[key]
	}
	return payloads, nil
}

// FinalResponse returns the text of the agent's last message or finish action, or "". To find a finish action, it
// reads the conversation's actions backwards. If room has no memory for the event, it returns "", and
// [httpmodule.Room.Read] calls it again.
func (s *Store) FinalResponse(ctx context.Context, db *dbmodule.Session, room *httpmodule.Room, conversationID string) (string, error) {
	var last Event
	found := false
	// One query for each kind: an index has the order for one kind, but not for both together.
	for _, kind := range [...]string{kindMessage, kindAction} {
		var rows []Event
		q := db.NewSelect().Model((*Event)(nil)).Column(storedColumns...).
			Where("event.conversation_id = ?", conversationID).
			Where("event.kind = ?", kind).Where("event.final = ?", true).ForceIndex(kindIndex).
			Order("event.ts DESC", "event.seq DESC").Limit(1)
		if found {
			q = q.Where("event.ts >= ?", last.Micros)
		}
		if err := q.Scan(ctx, &rows); err != nil {
			return "", fmt.Errorf("events: find the final response: %w", err)
		}
		if len(rows) == 0 {
			continue
		}
		row := rows[0]
		if !found || row.Micros > last.Micros || row.Micros == last.Micros && row.Seq > last.Seq {
			last, found = row, true
		}
	}
	if !found || !room.Add(packing.Size(last.Payload, last.Packed)) {
		return "", nil
	}
	payload, err := s.text(&last)
	return FinalResponse(payload), err
}
