package events

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/packing"
	"github.com/openhands-go/server/app/paging"
	"github.com/openhands-go/server/app/wire"
)

// Store reads and writes events through whatever session it is given. It is
// safe for concurrent use.
type Store struct {
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
	Pass(ctx context.Context, db bun.IDB, conversationID string, passing []*Incoming) error
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

// NewStore makes a Store beside a store of their conversations.
func NewStore(c *conversations.Store) *Store { return &Store{conversations: c} }

// NewPublishing is [NewConfigured] with somebody who passes on what is not stored.
func NewPublishing(c *conversations.Store, cfg Config, publisher Publisher) *Store {
	s := NewConfigured(c, cfg)
	s.publisher = publisher
	return s
}

// NewConfigured is [NewStore] with a configuration.
func NewConfigured(c *conversations.Store, cfg Config) *Store {
	return &Store{conversations: c, plain: !cfg.Packing, redact: cfg.Redaction}
}

// Sort orders of listings; events of one timestamp come in the order of arrival.
const (
	Timestamp     = "TIMESTAMP"
	TimestampDesc = "TIMESTAMP_DESC"
)

// Filter chooses events of a conversation. Its zero value chooses all.
type Filter struct {
	Kind   string
	Source string
	// Body is looked for in the text of messages, whatever the case. It reads
	// every message of the conversation that the other conditions leave.
	Body   string
	From   *time.Time // at or after
	Before *time.Time
}

func (f Filter) empty() bool { return f == Filter{} }

// from leaves out the bound behind which a page begins anyway: of two bounds SQLite takes any,
// and would pass over all events between them.
func (f Filter) from(micros int64, after string) Filter {
	if after == ">" && f.From != nil && f.From.UnixMicro() <= micros {
		f.From = nil
	}
	if after == "<" && f.Before != nil && f.Before.UnixMicro() > micros {
		f.Before = nil
	}
	return f
}

func (f Filter) apply(q *bun.SelectQuery, conversationID string) *bun.SelectQuery {
	q = q.Where("event.conversation_id = ?", conversationID)
	kind := kindKey(f.Kind)
	if f.Body != "" && kind == "" {
		kind = kindMessage // only messages have a body, and this has an index
	}
	if kind != "" {
		q = q.Where("event.kind = ?", kind)
	}
	if f.Source != "" {
		q = q.Where("event.source = ?", nameKey(f.Source))
	}
	if f.Body != "" {
		q = conversations.Contains(q, "event.body", f.Body)
	}
	if f.From != nil {
		q = q.Where("event.ts >= ?", f.From.UnixMicro())
	}
	if f.Before != nil {
		q = q.Where("event.ts < ?", f.Before.UnixMicro())
	}
	return q
}

// MySQL and MariaDB are told which index has the order of what is read, for they choose badly.
// All indexes begin with the conversation. MariaDB takes any of them for that column alone. Then
// it goes over to the one that has the order, and forgets that it could begin where the page begins:
// it reads all that the index has before that.
const (
	orderIndex  = "ix_events_conversation_id_ts_seq"
	kindIndex   = "ix_events_conversation_id_kind_ts_seq"
	numberIndex = "uq_events_conversation_id_number"
)

// index is the index that has a page in its order.
func (f Filter) index() string {
	if f.Kind != "" || f.Body != "" {
		return kindIndex
	}
	return orderIndex
}

// kindKey is a kind as the store has it: older clients name the Python class
// with its module.
func kindKey(kind string) string {
	if strings.HasPrefix(kind, "openhands.") {
		kind = kind[strings.LastIndexByte(kind, '.')+1:]
	}
	return nameKey(kind)
}

// Add stores the events that the conversation does not have yet, in db's
// transaction, and says how many those were. Events that it has, by their ids,
// change nothing, and neither does what they say of the state. Transient events
// are not stored: only what they say of the state is. A conversation that is not
// there is made.
//
// What events say of the state counts in the order in which they come; their timestamps
// do not matter, for clocks go back and go wrong. The last event that is stored and tells
// no state becomes the conversation's leaf. A conversation without a title gets one from
// its first message of a user's.
//
// Add holds the conversation until the transaction ends: batches for one
// conversation are stored one after the other.
func (s *Store) Add(ctx context.Context, db bun.IDB, conversationID string, batch []*Incoming) (int, error) {
	passes := func(e *Incoming) bool { return e.Transient && e.State == nil }
	passing := slices.DeleteFunc(slices.Clone(batch), func(e *Incoming) bool { return e.Kind != kindDelta })
	batch = slices.DeleteFunc(slices.Clone(batch), passes)
	if len(batch) == 0 {
		return 0, s.pass(ctx, db, conversationID, passing)
	}
	// Before anything is locked.
	if err := s.pack(batch); err != nil {
		return 0, err
	}
	c, err := s.conversations.Lock(ctx, db, conversationID)
	if err != nil {
		return 0, err
	}
	fresh, added, err := s.news(ctx, db, c, batch)
	if err != nil {
		return 0, err
	}
	s.count(db, batch, added)
	if len(fresh) == 0 {
		return 0, nil
	}
	numbered, err := s.number(ctx, db, c, added)
	if err != nil {
		return 0, err
	}
	if len(added) > 0 {
		if err := s.insert(ctx, db, conversationID, added); err != nil {
			return 0, err
		}
		if err := s.tally(ctx, db, conversationID, added); err != nil {
			return 0, err
		}
	}
	progress := progressOf(fresh)
	progress.Numbered = numbered
	if c.Title == nil {
		if progress.Title, err = s.titleFor(ctx, db, conversationID, added); err != nil {
			return 0, err
		}
	}
	if err := s.conversations.Advance(ctx, db, c, progress); err != nil {
		return 0, err
	}
	return len(added), s.pass(ctx, db, conversationID, passing)
}

func (s *Store) pass(ctx context.Context, db bun.IDB, conversationID string, passing []*Incoming) error {
	if s.publisher == nil || len(passing) == 0 {
		return nil
	}
	return s.publisher.Pass(ctx, db, conversationID, passing)
}

// news leaves out of a batch what the locked conversation was told before. added are
// those events of fresh that are to be stored.
//
// That an event which is not stored came before is remembered for a while. A batch all
// of whose other events are stored came before, however long ago; but a sender that got no
// answer may have added to it. What stands behind the last of those is news if nothing was
// stored since.
func (s *Store) news(
	ctx context.Context, db bun.IDB, c *conversations.Conversation, batch []*Incoming,
) (fresh, added []*Incoming, err error) {
	transient := func(e *Incoming) bool { return e.Transient }
	lasting := slices.DeleteFunc(slices.Clone(batch), transient)
	if added, err = s.unknown(ctx, db, c.ID, lasting); err != nil {
		return nil, nil, err
	}
	if len(lasting) > 0 && len(added) == 0 {
		last := lasting[len(lasting)-1]
		if batch = batch[slices.Index(batch, last)+1:]; len(batch) == 0 {
			return nil, nil, nil
		}
		if newest, err := isNewest(ctx, db, c.ID, last.ID); err != nil || !newest {
			return nil, nil, err
		}
	}
	isNew := make(map[*Incoming]bool, len(added))
	for _, e := range added {
		isNew[e] = true
	}
	for _, e := range batch {
		if isNew[e] || e.Transient && !c.Heard(e.ID) {
			fresh = append(fresh, e)
		}
	}
	return fresh, added, nil
}

// isNewest reports whether no event of a conversation was stored after one that was.
func isNewest(ctx context.Context, db bun.IDB, conversationID, id string) (bool, error) {
	var later []int64
	err := db.NewRaw("SELECT seq FROM events WHERE conversation_id = ? AND seq > (SELECT seq FROM events WHERE conversation_id = ? AND id = ?) LIMIT 1",
		conversationID, conversationID, id).Scan(ctx, &later)
	if err != nil {
		return false, fmt.Errorf("events: look for later ones: %w", err)
	}
	return len(later) == 0, nil
}

// progressOf is what events tell that come in this order.
func progressOf(fresh []*Incoming) conversations.Progress {
	var progress conversations.Progress
	for _, e := range fresh {
		switch {
		case e.Transient:
			progress.Heard = append(progress.Heard, e.ID)
		case e.Kind == kindState:
			progress.Added++
		default:
			progress.Added++
			progress.LeafEventID = &e.ID
			if progress.State != nil {
				progress.State.LeafEventID = nil // this one is newer
			}
		}
		if e.State != nil {
			if progress.State == nil {
				progress.State = &conversations.Patch{}
			}
			progress.State.Merge(e.State)
		}
	}
	return progress
}

// pack packs the large payloads of a batch.
func (s *Store) pack(batch []*Incoming) (err error) {
	for _, e := range batch {
		if s.plain || e.Transient || e.Packed != nil {
			continue
		}
		if e.Packed, err = s.packer.Pack(e.Payload); err != nil {
			return fmt.Errorf("events: pack: %w", err)
		}
	}
	return nil
}

// titleFor makes a title of the conversation's first message of a user's, if one is
// among the events that were added. Agent servers make titles too, but do not always
// push them.
func (s *Store) titleFor(ctx context.Context, db bun.IDB, conversationID string, added []*Incoming) (*string, error) {
	if !slices.ContainsFunc(added, func(e *Incoming) bool { return e.Kind == kindMessage && e.Source == sourceUser }) {
		return nil, nil
	}
	var first []stored
	err := db.NewSelect().Model((*Event)(nil)).Column(storedColumns...).
		Where("event.conversation_id = ?", conversationID).
		Where("event.kind = ?", kindMessage).Where("event.source = ?", sourceUser).ForceIndex(kindIndex).
		Order("event.ts", "event.seq").Limit(1).Scan(ctx, &first)
	if err != nil {
		return nil, fmt.Errorf("events: find the first message: %w", err)
	}
	if len(first) == 0 {
		return nil, nil
	}
	payload, err := s.text(&first[0])
	return titleOf(payload), err
}

// maxBatchBytes bounds what Batch reads at once, in bytes.
const maxBatchBytes = 64 << 20

// chunk is how many ids a statement asks for.
const chunk = 500

// unknown leaves out events that are stored and repetitions within the batch.
func (*Store) unknown(
	ctx context.Context, db bun.IDB, conversationID string, batch []*Incoming,
) ([]*Incoming, error) {
	known := make(map[string]bool, len(batch))
	ids := make([]string, 0, len(batch))
	for _, e := range batch {
		ids = append(ids, e.ID)
	}
	for len(ids) > 0 {
		part := ids[:min(len(ids), chunk)]
		ids = ids[len(part):]
		var found []string
		err := db.NewSelect().Model((*Event)(nil)).Column("id").
			Where("event.conversation_id = ?", conversationID).
			Where("event.id IN (?)", bun.List(part)).Scan(ctx, &found)
		if err != nil {
			return nil, fmt.Errorf("events: look up: %w", err)
		}
		for _, id := range found {
			known[id] = true
		}
	}
	var added []*Incoming
	for _, e := range batch {
		if !known[e.ID] {
			known[e.ID] = true
			added = append(added, e)
		}
	}
	return added, nil
}

// maxStatement bounds an insert's payloads, so that the statement stays below
// what servers take at once even if each byte has to be escaped. One event alone
// may be larger: see insertLarge.
const maxStatement = 1 << 20

func (*Store) insert(ctx context.Context, db bun.IDB, conversationID string, added []*Incoming) error {
	for len(added) > 0 {
		added[0].ConversationID = conversationID
		if done, err := insertLarge(ctx, db, added[0].row()); err != nil {
			return err
		} else if done {
			added = added[1:]
			continue
		}
		var rows []*Event
		size := 0
		for _, e := range added {
			e.ConversationID = conversationID
			row := e.row()
			more := len(row.Payload) + len(row.Packed)
			if len(rows) > 0 && (size+more > maxStatement || len(rows) == 100) {
				break
			}
			size += more
			rows = append(rows, row)
		}
		added = added[len(rows):]
		if err := insertRows(ctx, db, rows); err != nil {
			return err
		}
	}
	return nil
}

// row is the event as it is stored.
func (e *Incoming) row() *Event {
	row := e.Event
	if row.Packed != nil {
		row.Payload = ""
	}
	return &row
}

// stored is what is read of an event.
type stored struct {
	Seq     int64  `bun:"seq"`
	Micros  int64  `bun:"ts"`
	ID      string `bun:"id"`
	Payload string `bun:"payload"`
	Packed  []byte `bun:"payload_packed"`
}

var storedColumns = []string{"seq", "ts", "id", "payload", "payload_packed"}

// text is the event as it came.
func (s *Store) text(e *stored) (string, error) {
	text, err := s.packer.Unpack(e.Payload, e.Packed)
	if err != nil {
		return "", fmt.Errorf("events: read %d: %w", e.Seq, err)
	}
	return text, nil
}

func insertRows(ctx context.Context, db bun.IDB, rows []*Event) error {
	if _, err := db.NewInsert().Model(&rows).ExcludeColumn("seq").Returning("NULL").Exec(ctx); err != nil {
		return fmt.Errorf("events: insert %d: %w", len(rows), err)
	}
	return nil
}

// Page lists up to limit events of a conversation after pageID, "" for the first
// page, as they came, and the next page's id, "" after the last. A page ends earlier when
// its events reach [paging.MaxBytes]; it has one event at least.
func (s *Store) Page(
	ctx context.Context, db bun.IDB, conversationID string, f Filter, order, pageID string, limit int,
) (payloads []string, next string, err error) {
	direction, after := "ASC", ">"
	if order == TimestampDesc {
		direction, after = "DESC", "<"
	}
	scope := "events:" + conversationID
	var cursor paging.Cursor
	if pageID != "" {
		if cursor, err = paging.Decode(pageID, scope, order); err != nil {
			return nil, "", err
		}
		f = f.from(cursor.Micros, after)
	}
	q := f.apply(db.NewSelect().Model((*Event)(nil)), conversationID).
		Column(storedColumns...).ForceIndex(f.index()).
		OrderExpr("event.ts ?, event.seq ?", bun.Safe(direction), bun.Safe(direction)).
		Limit(int64(limit) + 1)
	if pageID != "" {
		// Spelled out, since MySQL finds no range in a comparison of rows.
		q = q.Where("event.ts ?= ?", bun.Safe(after), cursor.Micros).
			Where("(event.ts ? ? OR event.seq ? ?)", bun.Safe(after), cursor.Micros, bun.Safe(after), cursor.Seq)
	}
	var last stored
	size, more := 0, false
	err = s.each(ctx, q, func(e stored, payload string) bool {
		more = len(payloads) == limit || len(payloads) > 0 && size+len(payload) > paging.MaxBytes
		if !more {
			payloads, last, size = append(payloads, payload), e, size+len(payload)
		}
		return !more
	})
	if err != nil {
		return nil, "", fmt.Errorf("events: list: %w", err)
	}
	if more {
		next, err = paging.Encode(scope, order, paging.Cursor{Micros: last.Micros, Seq: last.Seq})
	}
	return payloads, next, err
}

// each reads events one by one, until there are no more or do says false. It does not hold
// all of them in memory: a hundred events may be a hundred times 64 MiB.
func (s *Store) each(ctx context.Context, q *bun.SelectQuery, do func(e stored, payload string) bool) (err error) {
	rows, err := q.Rows(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var e stored
		if err := rows.Scan(&e.Seq, &e.Micros, &e.ID, &e.Payload, &e.Packed); err != nil {
			return err
		}
		payload, err := s.text(&e)
		if err != nil {
			return err
		}
		if e.Payload, e.Packed = "", nil; !do(e, payload) {
			return nil
		}
	}
	return rows.Err()
}

// Count counts the events that Page lists. Without a filter it reads the
// conversation's counter, and a conversation that is not there is
// dbmodule.ErrNotFound. By kind and source it reads the conversation's tallies;
// with other conditions, the events that these leave, by an index unless the
// condition is Body.
func (s *Store) Count(ctx context.Context, db bun.IDB, conversationID string, f Filter) (int64, error) {
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

// Get reads one event as it came, by its id or the key of it.
func (s *Store) Get(ctx context.Context, db bun.IDB, conversationID, id string) (string, error) {
	var e stored
	err := db.NewSelect().Model((*Event)(nil)).Column(storedColumns...).
		Where("event.conversation_id = ?", conversationID).Where("event.id = ?", keyOf(id)).Scan(ctx, &e)
	if err != nil {
		return "", fmt.Errorf("events: get: %w", err)
	}
	return s.text(&e)
}

// Batch reads events as they came in the order of ids, "" where there is none. More than
// maxBatchBytes in all are a [wire.Invalid].
func (s *Store) Batch(ctx context.Context, db bun.IDB, conversationID string, ids []string) ([]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = keyOf(id)
	}
	q := db.NewSelect().Model((*Event)(nil)).Column(storedColumns...).
		Where("event.conversation_id = ?", conversationID).Where("event.id IN (?)", bun.List(keys))
	byID, size := make(map[string]string, len(ids)), 0
	err := s.each(ctx, q, func(e stored, payload string) bool {
		byID[e.ID] = payload
		size += len(payload)
		return len(byID) == 1 || size <= maxBatchBytes
	})
	if err != nil {
		return nil, fmt.Errorf("events: get %d: %w", len(ids), err)
	}
	if len(byID) > 1 && size > maxBatchBytes {
		return nil, wire.NewInvalid("too_long", fmt.Sprintf(
			"The events are larger than %d MiB together: ask for fewer at once", maxBatchBytes>>20), "query", "ids")
	}
	payloads := make([]string, len(ids))
	for i, key := range keys {
		payloads[i] = byID[key]
	}
	return payloads, nil
}

// FinalResponse is the text of the agent's last message or finish, "" if there
// is none. It looks back through the conversation's actions for the latter.
func (s *Store) FinalResponse(ctx context.Context, db bun.IDB, conversationID string) (string, error) {
	var last stored
	found := false
	// One kind at a time: that is the order of an index, both together is not.
	for _, kind := range [...]string{kindMessage, kindAction} {
		var rows []stored
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
	if !found {
		return "", nil
	}
	payload, err := s.text(&last)
	return FinalResponse(payload), err
}
