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

// Store reads and writes events through whatever session it is given. It is
// safe for concurrent use.
type Store struct {
	compiled      compiled
	conversations *conversations.Store
	packer        packing.Packer
	// plain leaves large payloads as they are.
	plain bool
	// redact masks secrets in events.
	redact bool
	// publisher may be nil.
	publisher Publisher
	counters  counters
}

// Publisher passes on what is not stored, once the unit of work is committed.
type Publisher interface {
	// Pass is called in db's transaction, with pieces of a conversation's messages, one at
	// least.
	Pass(ctx context.Context, db *dbmodule.Session, conversationID string, passing []*Incoming) error
}

// Config decides how events are stored.
type Config struct {
	// Packing packs large payloads. Builds before can't read what is packed: turn it off
	// for as long as one of them serves the same database.
	Packing bool `envconfig:"EVENT_PACKING" default:"true" desc:"store events above 8 KiB compressed (set false while builds that can't read them use the same database)"`
	// Redaction masks secrets in events as in conversations. Without it events are kept
	// byte for byte.
	Redaction bool `envconfig:"EVENT_REDACTION" default:"false" desc:"mask secrets in events, too, before they are stored (false = events are kept byte for byte)"`
}

// NewStore makes a Store for sessions of this factory's database, beside a store of their
// conversations.
func NewStore(sessions *dbmodule.SessionFactory, c *conversations.Store) (*Store, error) {
	return NewConfigured(sessions, c, Config{Packing: true})
}

// NewPublishing is [NewConfigured] with somebody who passes on what is not stored.
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

// Sort orders of listings; events of one timestamp come in the order of arrival.
const (
	Timestamp     = "TIMESTAMP"
	TimestampDesc = "TIMESTAMP_DESC"
)

// maxBatchBytes bounds what Batch reads at once, in bytes.
const maxBatchBytes = 64 << 20

// storedColumns are what is read of an event.
var storedColumns = []string{"seq", "ts", "id", "payload", "payload_packed"}

// text is the event as it came.
func (s *Store) text(e *Event) (string, error) {
	text, err := s.packer.Unpack(e.Payload, e.Packed)
	if err != nil {
		return "", fmt.Errorf("events: read %d: %w", e.Seq, err)
	}
	return text, nil
}

// Most says how much is read at once. What is read counts in Room; where it has no room
// for all, nothing is returned, and Room calls the read again: see [httpmodule.Room].
type Most struct {
	Events, Bytes int
	// Room may be nil: then nothing counts.
	Room *httpmodule.Room
}

// Page lists up to most.Events events of a conversation after pageID, "" for the first
// page, as they came, and the next page's id, "" after the last. A page ends earlier when
// its events reach most.Bytes; it has one event at least.
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

// pageAt are up to limit events of a conversation from where a page begins.
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
	// Spelled out, since MySQL finds no range in a comparison of rows.
	return pageOf(q, conversationID, f.from(cursor.Micros, string(after)), order, limit).
		Where("event.ts ?= ?", after, cursor.Micros).
		Where("(event.ts ? ? OR event.seq ? ?)", after, cursor.Micros, after, cursor.Seq), nil
}

// pageOf are up to limit events of a conversation. Its id and the limit are values, or how a
// compiled query names them.
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

// gather reads events with their texts as they came. It ends, and reports that there are
// more, before the event with which they would be more than most, unless that is the first.
// It has one event in memory that does not count: the one that it looks at.
func (s *Store) gather(most Most, read reader) (found []Event, more bool, err error) {
	count, bytes := 0, 0
	var failed error
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
		e.Payload, failed = s.text(e)
		e.Packed = nil
		found = append(found, *e)
		return failed == nil
	})
	if err = errors.Join(err, failed); err != nil {
		return nil, false, err
	}
	return found, more, nil
}

// reader reads events one by one, until do says false. The event is another one then.
type reader func(do func(*Event) (more bool)) error

// rowsOf reads the events of a query.
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

// Count counts the events that Page lists. Without a filter it reads the
// conversation's counter, and a conversation that is not there is
// dbmodule.ErrNotFound. By kind and source it reads the conversation's tallies;
// with other conditions, the events that these leave, by an index unless the
// condition is Body.
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

// Get reads one event as it came, by its id or the key of it. Without room for it, it
// returns "", and room calls it again.
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

// Batch reads events as they came in the order of ids, "" where there is none. More than
// maxBatchBytes in all are a [wire.Invalid]. Without room for them it returns nothing, and
// room calls it again.
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

// FinalResponse is the text of the agent's last message or finish, "" if there
// is none. It looks back through the conversation's actions for the latter. Without room for
// that event it returns "", and room calls it again.
func (s *Store) FinalResponse(ctx context.Context, db *dbmodule.Session, room *httpmodule.Room, conversationID string) (string, error) {
	var last Event
	found := false
	// One kind at a time: that is the order of an index, both together is not.
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
