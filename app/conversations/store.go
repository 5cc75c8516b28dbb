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

// Store reads and writes conversations. It is safe for concurrent use. Its error for a missing conversation
// is dbmodule.ErrNotFound.
type Store struct {
	compiled compiled
	packer   packing.Packer
	// publisher may be nil.
	publisher Publisher
	counters  counters
}

// Publisher notifies others of changed conversations, after the unit of work is committed.
type Publisher interface {
	// Changed is called in the transaction that creates, changes or deletes a conversation.
	Changed(ctx context.Context, db *dbmodule.Session, id string) error
}

// NewStore makes a Store without a [Publisher], for sessions of this factory's database.
func NewStore(sessions *dbmodule.SessionFactory) (*Store, error) { return NewPublishing(sessions, nil) }

// NewPublishing makes a Store that notifies p of changes.
func NewPublishing(sessions *dbmodule.SessionFactory, p Publisher) (*Store, error) {
	c, err := compile(sessions)
	if err != nil {
		return nil, fmt.Errorf("conversations: %w", err)
	}
	return &Store{compiled: c, publisher: p}, nil
}

// publishChange notifies the publisher, if there is one.
func (s *Store) publishChange(ctx context.Context, db *dbmodule.Session, id string) error {
	if s.publisher == nil {
		return nil
	}
	return s.publisher.Changed(ctx, db, id)
}

// Get returns a conversation with the columns that views show, without its agent's skills.
func (s *Store) Get(ctx context.Context, db *dbmodule.Session, id string) (*Conversation, error) {
	c, err := s.compiled.get.One(ctx, db, key{id})
	if err != nil {
		return nil, fmt.Errorf("conversations: get %s: %w", id, err)
	}
	return c, nil
}

// Exists returns dbmodule.ErrNotFound if Get does not find the conversation.
func (s *Store) Exists(ctx context.Context, db *dbmodule.Session, id string) error {
	_, err := s.EventCount(ctx, db, id)
	return err
}

// Found makes q a query that returns a row if Get finds the conversation. Queries of events use it with EXISTS.
// id is a text, or a placeholder of a compiled query.
func Found(q *bun.SelectQuery, id any) *bun.SelectQuery {
	return withoutMarked(q.Model((*Conversation)(nil)).Column("event_count").Where("conversation.id = ?", id))
}

// EventCount returns how many events a conversation has.
func (*Store) EventCount(ctx context.Context, db *dbmodule.Session, id string) (int64, error) {
	var n int64
	err := Found(db.NewSelect(), id).Scan(ctx, &n)
	if err != nil {
		return 0, fmt.Errorf("conversations: get %s: %w", id, err)
	}
	return n, nil
}

// maxBatchBytes is the size of the largest batch, in bytes.
const maxBatchBytes = 64 << 20

// Batch returns conversations in the order of ids, nil for each that does not exist. It returns a
// [wire.Invalid] if they are larger than maxBatchBytes together. It adds their sizes to room; if there is no
// room, it returns none, and [httpmodule.Room.Read] calls it again.
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

// Children returns the ids of the children of each parent, the oldest first.
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

// childrenOf returns the children of these parents, with only their ids and their parents' ids.
func (s *Store) childrenOf(ctx context.Context, db *dbmodule.Session, parents []string) (rows []Conversation, err error) {
	if len(parents) == 1 {
		return s.compiled.children.All(ctx, db, key{parents[0]})
	}
	q := onlyParents(db.NewSelect().Model(&rows)).Where("conversation.parent_conversation_id IN (?)", bun.List(parents))
	if q.Dialect().Name() == dialect.PG { // without statistics, it would estimate a tenth of all rows, and scan the table: see place.closed
		q = everyID(q, bun.Safe("conversation.parent_conversation_id"))
	}
	return rows, q.Scan(ctx)
}

func onlyParents(q *bun.SelectQuery) *bun.SelectQuery {
	return withoutMarked(q.Column("id", "parent_conversation_id")).Order("conversation.created_at", "conversation.id")
}

// Insert stores a new conversation. If it exists, the error is dbmodule.ErrUnique, and db's transaction can't
// be committed any more.
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
	return c, s.publishChange(ctx, db, c.ID)
}

// Put stores a conversation's state that an agent server pushes, in db's transaction. It creates the
// conversation if it does not exist. It does not change created_at, the events, and what a client has set
// (TitlePinned and the like). The last push wins, whatever its updated_at, because clocks can be wrong. Only a
// push that repeats an earlier one byte for byte is ignored, because newer events may have changed the state
// since. A push with [StatusDeleting] is ignored too.
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
	return s.saveWithTags(ctx, db, c, &pushed)
}

// Update applies a client's change: title, tags, public and the details of updatable.
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
	return c, s.saveWithTags(ctx, db, c, p)
}

// Delete deletes a conversation with all its events, in one transaction. For many events use [Deleter]. Its
// child conversations are kept.
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
	return s.publishChange(ctx, db, id)
}

// Lock locks a conversation's row until db's transaction ends, and returns it with the columns that Advance
// needs. It creates the conversation if it does not exist, because its events may come before it and must not
// be lost. If the conversation is being deleted, the error is answered with 503, and the sender tries again
// later. Writers of events lock the conversation before anything else: so they wait for each other instead of
// deadlocking, and then read what the earlier ones have committed.
func (s *Store) Lock(ctx context.Context, db *dbmodule.Session, id string) (*Conversation, error) {
	c, _, err := s.lock(ctx, db, id, &Patch{ID: id}, s.compiled.lockLean)
	return c, err
}

// lock is Lock. A conversation that it creates has p's content. existing is the query that locks an existing
// one.
func (s *Store) lock(
	ctx context.Context, db *dbmodule.Session, id string, p *Patch, existing *dbmodule.Compiled[Conversation, key],
) (c *Conversation, created bool, err error) {
	if db.Dialect().Name() != dialect.MySQL {
		c, err = lockExisting(ctx, db, id, existing)
		if !errors.Is(err, sql.ErrNoRows) {
			return c, false, refuseMarked(c, err)
		}
	}
	// On MySQL the upsert comes first, even if the row exists. A SELECT … FOR UPDATE of a missing row
	// locks a gap, on which the inserts of other writers deadlock. An INSERT that fails, or an INSERT
	// IGNORE, takes a shared lock on the row.
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
	return fresh, true, s.saveWithTags(ctx, db, fresh, p)
}

// placeholder is the agent_kind of a row that this transaction has just inserted. The number of affected rows
// can't tell that: for an upsert it differs between engines and drivers.
const placeholder = "?"

func lockExisting(ctx context.Context, db *dbmodule.Session, id string, existing *dbmodule.Compiled[Conversation, key]) (*Conversation, error) {
	c, err := existing.One(ctx, db, key{id})
	if err != nil {
		return nil, fmt.Errorf("conversations: lock %s: %w", id, err)
	}
	return c, nil
}

// saveWithTags writes a locked conversation, and the rows of its tags if p has tags.
func (s *Store) saveWithTags(ctx context.Context, db *dbmodule.Session, c *Conversation, p *Patch) error {
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
	return s.publishChange(ctx, db, c.ID)
}

func now() *time.Time {
	t := wire.Now()
	return &t
}

// touched returns the new updated_at after a change with the writer's timestamp. It never goes back, except from
// a time in the future, which a wrong clock has set.
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
