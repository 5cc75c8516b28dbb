package conversations

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
)

const (
	// firstSweep is how far the first sweep of a [Corrector] goes back: longer than the replacement
	// of one build by another takes.
	firstSweep = 24 * time.Hour
	// sweepOverlap is how far two sweeps overlap: longer than a transaction takes, or a replica
	// lags behind.
	sweepOverlap = 5 * time.Minute
	// sweepChunk is how many conversations one statement of a sweep reads.
	sweepChunk = 200
)

// Corrector corrects what listings are read by, where another build has written it: HasParent, TitleSort and the
// rows of [Tag], which repeat other columns of the conversation. While one build of the server replaces another,
// both write. If the older build does not know these columns, listings do not find the conversation, or find it
// in the wrong place. This build's [Store] writes them itself. A Corrector is not safe for concurrent use.
type Corrector struct {
	sessions *dbmodule.SessionFactory
	store    *Store
	since    time.Time
}

// NewCorrector makes a Corrector whose first sweep checks the conversations that changed in the last day.
func NewCorrector(sessions *dbmodule.SessionFactory, store *Store) *Corrector {
	return &Corrector{sessions: sessions, store: store, since: wire.Now().Add(-firstSweep)}
}

// Sweep checks the conversations that changed since the last sweep, and corrects those that are wrong.
func (r *Corrector) Sweep(ctx context.Context) error {
	began := wire.Now()
	for at, id, done := r.since, "", false; !done; {
		rows, tags, err := r.changed(ctx, at, id)
		if err != nil {
			return err
		}
		for _, c := range rows {
			if c.listedBy(tags[c.ID]) {
				continue
			}
			if err := r.correct(ctx, c.ID); err != nil {
				return err
			}
		}
		if done = len(rows) < sweepChunk; !done {
			at, id = rows[len(rows)-1].UpdatedAt, rows[len(rows)-1].ID
		}
	}
	r.since = began.Add(-sweepOverlap)
	return nil
}

// changed returns the next conversations that changed at that time or later, after that id, and the rows of their
// tags by their ids.
func (r *Corrector) changed(ctx context.Context, at time.Time, id string) (rows []*Conversation, tags map[string][]*Tag, err error) {
	session := r.sessions.New(dbmodule.ReadOnly())
	defer func() { err = errors.Join(err, session.Close()) }()
	err = session.NewSelect().Model(&rows).
		Column("id", "parent_conversation_id", "has_parent", "title_folded", "title_sort", "tags", "created_at", "updated_at").
		ForceIndex(indexName("conversations", updatedColumn, "id")).
		Where("conversation.updated_at >= ?", at).Where("(conversation.updated_at > ? OR conversation.id > ?)", at, id).
		OrderExpr("conversation.updated_at, conversation.id").Limit(sweepChunk).Scan(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("conversations: look for what another build wrote: %w", err)
	}
	if len(rows) == 0 {
		return nil, nil, nil
	}
	ids := make([]string, len(rows))
	for i, c := range rows {
		ids[i] = c.ID
	}
	var all []*Tag
	if err := session.NewSelect().Model(&all).Where("tag.conversation_id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return nil, nil, fmt.Errorf("conversations: look for tags that another build wrote: %w", err)
	}
	slices.SortFunc(all, func(a, b *Tag) int { return cmp.Compare(a.Name, b.Name) })
	tags = map[string][]*Tag{}
	for _, tag := range all {
		tags[tag.ConversationID] = append(tags[tag.ConversationID], tag)
	}
	return rows, tags, nil
}

// listedBy reports whether c and the rows of its tags, in the order of their names, are as this build writes them.
func (c *Conversation) listedBy(tags []*Tag) bool {
	right := *c
	right.deriveKeys()
	return c.HasParent == right.HasParent && c.TitleSort == right.TitleSort &&
		slices.EqualFunc(tags, right.tagRows(), func(a, b *Tag) bool { return *a == *b })
}

// deriveKeys sets HasParent and TitleSort by the columns that they repeat.
func (c *Conversation) deriveKeys() {
	c.HasParent, c.TitleSort = c.ParentID != nil, ""
	if c.TitleFolded != nil {
		c.TitleSort = titleSort(*c.TitleFolded)
	}
}

// correct corrects a conversation and the rows of its tags, unless the conversation is deleted.
func (r *Corrector) correct(ctx context.Context, id string) error {
	err := r.sessions.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		c, err := lockExisting(ctx, s, id, r.store.compiled.lockAll)
		if err != nil {
			return err
		}
		c.deriveKeys()
		if _, err := s.NewUpdate().Model(c).Column("has_parent", "title_sort").WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("conversations: correct %s: %w", id, err)
		}
		return r.store.writeTags(ctx, s, c)
	})
	if errors.Is(err, dbmodule.ErrNotFound) {
		return nil
	}
	return err
}
