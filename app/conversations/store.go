package conversations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/openhands-go/server/app/packing"
	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

// Store reads and writes conversations through whatever session it is given. It
// is safe for concurrent use. A missing conversation is
// dbmodule.ErrNotFound (sql.ErrNoRows), possibly wrapped.
type Store struct {
	compiled compiled
	packer   packing.Packer
	// publisher may be nil.
	publisher Publisher
	counters  counters
}

// Publisher tells others what a unit of work changes, once it is committed.
type Publisher interface {
	// Changed is called in db's transaction, which makes, changes or deletes a conversation.
	Changed(ctx context.Context, db *dbmodule.Session, id string) error
}

// NewStore makes a Store that tells nobody, for sessions of this factory's database.
func NewStore(sessions *dbmodule.SessionFactory) (*Store, error) { return NewPublishing(sessions, nil) }

// NewPublishing is [NewStore] with somebody who tells others what changes.
func NewPublishing(sessions *dbmodule.SessionFactory, p Publisher) (*Store, error) {
	c, err := compile(sessions)
	if err != nil {
		return nil, fmt.Errorf("conversations: %w", err)
	}
	return &Store{compiled: c, publisher: p}, nil
}

func (s *Store) changed(ctx context.Context, db *dbmodule.Session, id string) error {
	if s.publisher == nil {
		return nil
	}
	return s.publisher.Changed(ctx, db, id)
}

// Get reads what views show of one conversation, without its agent's skills.
func (s *Store) Get(ctx context.Context, db *dbmodule.Session, id string) (*Conversation, error) {
	c, err := s.compiled.get.One(ctx, db, key{id})
	if err != nil {
		return nil, fmt.Errorf("conversations: get %s: %w", id, err)
	}
	return c, nil
}

// Exists returns nil or what Get would, without reading the row.
func (*Store) Exists(ctx context.Context, db *dbmodule.Session, id string) error {
	_, err := (*Store)(nil).EventCount(ctx, db, id)
	return err
}

// Found makes q a query that has a row if Get finds the conversation, for EXISTS in queries of
// what belongs to it. id is a text, or how a compiled query names it.
func Found(q *bun.SelectQuery, id any) *bun.SelectQuery {
	return withoutMarked(q.Model((*Conversation)(nil)).Column("event_count").Where("conversation.id = ?", id))
}

// EventCount is how many events a conversation has.
func (*Store) EventCount(ctx context.Context, db *dbmodule.Session, id string) (int64, error) {
	var n int64
	err := Found(db.NewSelect(), id).Scan(ctx, &n)
	if err != nil {
		return 0, fmt.Errorf("conversations: get %s: %w", id, err)
	}
	return n, nil
}

// maxBatchBytes bounds what Batch reads at once, in bytes.
const maxBatchBytes = 64 << 20

// Batch reads what views show of conversations, in the order of ids, nil where there is none.
// More than maxBatchBytes in all are a [wire.Invalid]. They count in room, nil for none: where
// it has no room for them, nothing is returned, and room calls Batch again.
func (s *Store) Batch(ctx context.Context, db *dbmodule.Session, room *httpmodule.Room, ids []string) ([]*Conversation, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	q := db.NewSelect().Model((*Conversation)(nil)).ExcludeColumn(unshown...).Where("conversation.id IN (?)", bun.List(ids))
	rows, more, err := s.gather(ctx, db, withoutMarked(q), room, len(ids), maxBatchBytes)
	if err != nil {
		return nil, fmt.Errorf("conversations: get %d: %w", len(ids), err)
	}
	if more {
		return nil, tooLarge()
	}
	byID := make(map[string]*Conversation, len(rows))
	for _, row := range rows {
		byID[row.ID] = row
	}
	ordered := make([]*Conversation, len(ids))
	for i, id := range ids {
		ordered[i] = byID[id]
	}
	return ordered, nil
}

func tooLarge() error {
	return wire.NewInvalid("too_long", fmt.Sprintf(
		"The conversations are larger than %d MiB together: ask for fewer at once", maxBatchBytes>>20), "query", "ids")
}

// Children lists the ids of the conversations that name one of parents as
// theirs, oldest first.
func (s *Store) Children(ctx context.Context, db *dbmodule.Session, parents []string) (map[string][]string, error) {
	children := map[string][]string{}
	if len(parents) == 0 {
		return children, nil
	}
	rows, err := s.childrenOf(ctx, db, parents)
	if err != nil {
		return nil, fmt.Errorf("conversations: list children: %w", err)
	}
	for _, row := range rows {
		children[*row.ParentID] = append(children[*row.ParentID], row.ID)
	}
	return children, nil
}

// childrenOf reads the ids of conversations and of their parents, who are some of these.
func (s *Store) childrenOf(ctx context.Context, db *dbmodule.Session, parents []string) (rows []Conversation, err error) {
	if len(parents) == 1 {
		return s.compiled.children.All(ctx, db, key{parents[0]})
	}
	q := onlyParents(db.NewSelect().Model(&rows)).Where("conversation.parent_conversation_id IN (?)", bun.List(parents))
	if q.Dialect().Name() == dialect.PG { // it would take children of 20 for a tenth of all rows, and read all: see place.closed
		q = everyID(q, bun.Safe("conversation.parent_conversation_id"))
	}
	return rows, q.Scan(ctx)
}

func onlyParents(q *bun.SelectQuery) *bun.SelectQuery {
	return withoutMarked(q.Column("id", "parent_conversation_id")).Order("conversation.created_at", "conversation.id")
}

// Insert writes a new conversation. One that exists already is
// dbmodule.ErrUnique, and db's transaction is lost by it.
func (s *Store) Insert(ctx context.Context, db *dbmodule.Session, p *Patch) (*Conversation, error) {
	now := wire.Now()
	c := blank(p.ID, now)
	if p.CreatedAt != nil {
		c.CreatedAt = *p.CreatedAt
		c.UpdatedAt = later(*p.CreatedAt, p.UpdatedAt)
	}
	p.fill(c)
	if err := s.packSkills(c); err != nil {
		return nil, err
	}
	if _, err := db.NewInsert().Model(c).Returning("NULL").Exec(ctx); err != nil {
		return nil, fmt.Errorf("conversations: insert %s: %w", p.ID, err)
	}
	s.counters.created.Add(db, 1)
	if p.Tags != nil {
		if err := s.writeTags(ctx, db, c); err != nil {
			return nil, err
		}
	}
	return c, s.changed(ctx, db, c.ID)
}

// Put writes what an agent server says of a conversation, new or not, in db's
// transaction. The conversation's created_at, its events and what a client has
// set stay as they are. What comes last decides, whatever its updated_at: clocks go
// back and go wrong. Only what comes again, byte for byte, changes nothing: events may
// have told more since. That an agent server is deleting its copy changes nothing here.
func (s *Store) Put(ctx context.Context, db *dbmodule.Session, p *Patch) error {
	if p.Status != nil && *p.Status == StatusDeleting {
		return nil
	}
	c, created, err := s.lock(ctx, db, p.ID, p, s.compiled.lockAll)
	if err != nil || created {
		return err
	}
	if p.repeats(c) {
		s.counters.repeated.Add(db, 1)
		return nil
	}
	pushed := *p
	if c.TitlePinned {
		pushed.Title = nil
	}
	if c.TagsPinned {
		pushed.Tags = nil
	}
	if c.PublicPinned {
		pushed.Public = nil
	}
	pushed.fill(c)
	pushed.stamp(c)
	if pushed.UpdatedAt == nil {
		pushed.UpdatedAt = now()
	}
	c.UpdatedAt = touched(c.UpdatedAt, pushed.UpdatedAt)
	return s.saveTold(ctx, db, c, &pushed)
}

// Update changes what a client may: title, tags, public.
func (s *Store) Update(ctx context.Context, db *dbmodule.Session, id string, p *Patch) (*Conversation, error) {
	c, err := lockExisting(ctx, db, id, s.compiled.lockAll)
	if err == nil && c.ExecutionStatus == deletionMark {
		err = fmt.Errorf("conversations: update %s, which is being deleted: %w", id, sql.ErrNoRows)
	}
	if err != nil {
		return nil, err
	}
	c.TitlePinned = c.TitlePinned || p.Title != nil
	c.TagsPinned = c.TagsPinned || p.Tags != nil
	c.PublicPinned = c.PublicPinned || p.Public != nil
	p.fill(c)
	c.UpdatedAt = touched(c.UpdatedAt, now())
	return c, s.saveTold(ctx, db, c, p)
}

// Delete deletes a conversation with its events, in one transaction however many they are: see
// [Deleter]. Conversations that name it as their parent stay.
func (s *Store) Delete(ctx context.Context, db *dbmodule.Session, id string) error {
	result, err := db.NewDelete().Model((*Conversation)(nil)).Where("id = ?", id).Exec(ctx)
	if err != nil {
		return fmt.Errorf("conversations: delete %s: %w", id, err)
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		return fmt.Errorf("conversations: delete %s: %w", id, err)
	}
	s.counters.deleted.Add(db, 1)
	return s.changed(ctx, db, id)
}

// Lock holds a conversation's row until db's transaction ends and returns it. A
// conversation that is not there is made, with nothing known of it but its id:
// its events may come first, and must not be lost. One that is being deleted takes nothing
// more: the error is answered with 503, and the sender tries again when it is gone. Of one that is there, only what
// Advance needs is read. Writers of events lock the
// conversation before anything else, so that they queue up instead of
// deadlocking, and what they read afterwards is what earlier ones committed.
func (s *Store) Lock(ctx context.Context, db *dbmodule.Session, id string) (*Conversation, error) {
	c, _, err := s.lock(ctx, db, id, &Patch{ID: id}, s.compiled.lockLean)
	return c, err
}

// lock is Lock; a conversation that it makes has p's content. existing reads it.
func (s *Store) lock(
	ctx context.Context, db *dbmodule.Session, id string, p *Patch, existing *dbmodule.Compiled[Conversation, key],
) (c *Conversation, created bool, err error) {
	if db.Dialect().Name() != dialect.MySQL {
		c, err = lockExisting(ctx, db, id, existing)
		if !errors.Is(err, sql.ErrNoRows) {
			return c, false, refuseMarked(c, err)
		}
	}
	// On MySQL this comes first even if the row is there: to look for a missing
	// row FOR UPDATE locks a gap that other writers' inserts then deadlock on,
	// and a failing plain insert or an ignored one locks the row shared.
	c = blank(id, wire.Now())
	c.AgentKind = placeholder
	if _, err = s.compiled.begin.Exec(ctx, db, c); err != nil {
		return nil, false, fmt.Errorf("conversations: insert %s: %w", id, err)
	}
	if c, err = lockExisting(ctx, db, id, existing); err != nil || c.AgentKind != placeholder {
		return c, false, refuseMarked(c, err)
	}
	fresh := blank(id, wire.Now())
	if p.CreatedAt != nil {
		fresh.CreatedAt = *p.CreatedAt
		fresh.UpdatedAt = later(*p.CreatedAt, p.UpdatedAt)
	}
	p.fill(fresh)
	p.stamp(fresh)
	s.counters.created.Add(db, 1)
	return fresh, true, s.saveTold(ctx, db, fresh, p)
}

// placeholder marks a row that this transaction has inserted: how many rows an
// upsert says it affected differs between engines and drivers.
const placeholder = "?"

func lockExisting(ctx context.Context, db *dbmodule.Session, id string, existing *dbmodule.Compiled[Conversation, key]) (*Conversation, error) {
	c, err := existing.One(ctx, db, key{id})
	if err != nil {
		return nil, fmt.Errorf("conversations: lock %s: %w", id, err)
	}
	return c, nil
}

// saveTold writes a locked conversation back, with its tags' rows if p told of tags.
func (s *Store) saveTold(ctx context.Context, db *dbmodule.Session, c *Conversation, p *Patch) error {
	if err := s.save(ctx, db, c); err != nil {
		return err
	}
	if p.Tags == nil {
		return s.sortTags(ctx, db, c)
	}
	return s.writeTags(ctx, db, c)
}

// save writes the row of a locked conversation.
func (s *Store) save(ctx context.Context, db *dbmodule.Session, c *Conversation) error {
	if err := s.packSkills(c); err != nil {
		return err
	}
	if _, err := db.NewUpdate().Model(c).WherePK().Exec(ctx); err != nil {
		return fmt.Errorf("conversations: update %s: %w", c.ID, err)
	}
	return s.changed(ctx, db, c.ID)
}

func now() *time.Time {
	t := wire.Now()
	return &t
}

// touched is when a conversation last changed, after a change at a time that its writer
// names. It does not go back, but what lies in the future gives way: a clock was wrong.
func touched(before time.Time, change *time.Time) time.Time {
	if now := wire.Now(); before.After(now) {
		before = now
	}
	return later(before, change)
}

func later(a time.Time, b *time.Time) time.Time {
	if b != nil && b.After(a) {
		return *b
	}
	return a
}
