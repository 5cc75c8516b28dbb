package conversations

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
)

const (
	// firstSweep is how far the first sweep of a [TagSorter] goes back: longer than the replacement
	// of one build by another takes.
	firstSweep = 24 * time.Hour
	// sweepOverlap is how far two sweeps overlap: longer than a transaction takes, or a replica
	// lags behind.
	sweepOverlap = 5 * time.Minute
	// sweepChunk is how many conversations one statement of a sweep reads.
	sweepChunk = 200
)

// TagSorter corrects the sort keys of tags that another build has written. While one build of the server
// replaces another, both write. If the older build does not know the sort keys of [Tag], listings by tag do not
// find the conversation, or find it in the wrong place. This build's [Store] writes them itself. A TagSorter is
// not safe for concurrent use.
type TagSorter struct {
	sessions *dbmodule.SessionFactory
	store    *Store
	since    time.Time
}

// NewTagSorter makes a TagSorter whose first sweep checks the conversations that changed in the last day.
func NewTagSorter(sessions *dbmodule.SessionFactory, store *Store) *TagSorter {
	return &TagSorter{sessions: sessions, store: store, since: wire.Now().Add(-firstSweep)}
}

// Sweep checks the conversations that changed since the last sweep, and corrects the sort keys of their tags.
func (t *TagSorter) Sweep(ctx context.Context) error {
	began := wire.Now()
	for at, id, done := t.since, "", false; !done; {
		rows, err := t.changed(ctx, at, id)
		if err != nil {
			return err
		}
		for _, c := range rows {
			if !c.unsorted {
				continue
			}
			if err := t.sort(ctx, c.ID); err != nil {
				return err
			}
		}
		if done = len(rows) < sweepChunk; !done {
			at, id = rows[len(rows)-1].UpdatedAt, rows[len(rows)-1].ID
		}
	}
	t.since = began.Add(-sweepOverlap)
	return nil
}

// checked is a conversation's sort keys, and whether its tags have others.
type checked struct {
	ID        string    `bun:"id"`
	CreatedAt time.Time `bun:"created_at"`
	UpdatedAt time.Time `bun:"updated_at"`
	TitleSort string    `bun:"title_sort"`

	unsorted bool
}

// changed returns the next conversations that changed at that time or later, after that id.
func (t *TagSorter) changed(ctx context.Context, at time.Time, id string) (rows []*checked, err error) {
	session := t.sessions.New(dbmodule.ReadOnly())
	defer func() { err = errors.Join(err, session.Close()) }()
	err = session.NewSelect().Model((*Conversation)(nil)).Column("id", "created_at", "updated_at", "title_sort").
		ForceIndex(indexName("conversations", updatedColumn, "id")).
		Where("conversation.updated_at >= ?", at).Where("(conversation.updated_at > ? OR conversation.id > ?)", at, id).
		OrderExpr("conversation.updated_at, conversation.id").Limit(sweepChunk).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("conversations: look for unsorted tags: %w", err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	byID, ids := map[string]*checked{}, make([]string, len(rows))
	for i, c := range rows {
		byID[c.ID], ids[i] = c, c.ID
	}
	var tags []*Tag
	err = session.NewSelect().Model(&tags).ExcludeColumn("name", "value").
		Where("tag.conversation_id IN (?)", bun.List(ids)).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("conversations: look for unsorted tags: %w", err)
	}
	for _, tag := range tags {
		c := byID[tag.ConversationID]
		c.unsorted = c.unsorted || tag.CreatedMicros != c.CreatedAt.UnixMicro() ||
			tag.UpdatedMicros != c.UpdatedAt.UnixMicro() || tag.TitleSort != c.TitleSort
	}
	return rows, nil
}

// sort corrects the sort keys of a conversation's tags, unless the conversation is deleted.
func (t *TagSorter) sort(ctx context.Context, id string) error {
	err := t.sessions.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		c, err := lockExisting(ctx, s, id, t.store.compiled.lockLean)
		if err != nil {
			return err
		}
		return t.store.sortTags(ctx, s, c)
	})
	if errors.Is(err, dbmodule.ErrNotFound) {
		return nil
	}
	return err
}
