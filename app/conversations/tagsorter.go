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
	// sortedBefore is how long before its start a [TagSorter] begins to look: longer than it takes
	// to replace one build by another.
	sortedBefore = 24 * time.Hour
	// sortedAgain is how far two looks overlap: longer than a transaction takes, and a replica
	// lags behind.
	sortedAgain = 5 * time.Minute
	// sortedAtOnce is how many conversations a statement of it reads.
	sortedAtOnce = 200
)

// TagSorter tells tags what their conversations are sorted by, where another build did not. While one
// build of the server replaces another, both write. The one before may not know these columns
// of [Tag]: then listings by tag do not find the conversation, or find it in the wrong
// place. This build's stores write them themselves. It is not safe for concurrent use.
type TagSorter struct {
	sessions *dbmodule.SessionFactory
	store    *Store
	since    time.Time
}

// NewTagSorter makes a TagSorter whose first look is at the conversations that changed within the last
// day.
func NewTagSorter(sessions *dbmodule.SessionFactory, store *Store) *TagSorter {
	return &TagSorter{sessions: sessions, store: store, since: wire.Now().Add(-sortedBefore)}
}

// Sweep looks at the conversations that changed since it last did, and sorts the tags of those
// where they tell something else.
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
		if done = len(rows) < sortedAtOnce; !done {
			at, id = rows[len(rows)-1].UpdatedAt, rows[len(rows)-1].ID
		}
	}
	t.since = began.Add(-sortedAgain)
	return nil
}

// lookedAt is a conversation, and whether its tags tell something else than it does.
type lookedAt struct {
	ID        string    `bun:"id"`
	CreatedAt time.Time `bun:"created_at"`
	UpdatedAt time.Time `bun:"updated_at"`
	TitleSort string    `bun:"title_sort"`

	unsorted bool
}

// changed are conversations that changed at a time or later, those up to an id left out.
func (t *TagSorter) changed(ctx context.Context, at time.Time, id string) (rows []*lookedAt, err error) {
	session := t.sessions.New(dbmodule.ReadOnly())
	defer func() { err = errors.Join(err, session.Close()) }()
	err = session.NewSelect().Model((*Conversation)(nil)).Column("id", "created_at", "updated_at", "title_sort").
		ForceIndex(indexName("conversations", updatedColumn, "id")).
		Where("conversation.updated_at >= ?", at).Where("(conversation.updated_at > ? OR conversation.id > ?)", at, id).
		OrderExpr("conversation.updated_at, conversation.id").Limit(sortedAtOnce).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("conversations: look for unsorted tags: %w", err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	byID, ids := map[string]*lookedAt{}, make([]string, len(rows))
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

// sort tells a conversation's tags what it is sorted by, unless it is gone.
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
