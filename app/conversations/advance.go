package conversations

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// Progress is how a batch of events changes its conversation.
type Progress struct {
	// Added is how many events were stored. Numbered is how many numbered events the conversation
	// has after the batch.
	Added    int
	Numbered int64
	// LeafEventID is the last stored event that is not a state update, or nil.
	LeafEventID *string
	// Title is a title for a conversation without one, or nil.
	Title *string
	// State is the state that the batch's state updates set, or nil. If it has a leaf, that is
	// newer than LeafEventID.
	State *Patch
	// Heard are the ids of events that are not stored, but remembered: see [Conversation.Heard].
	Heard []string
}

// Advance records progress in a locked conversation.
func (s *Store) Advance(ctx context.Context, db *dbmodule.Session, c *Conversation, progress Progress) error {
	state := progress.State
	if state != nil && !state.onlyProgress() {
		// This is rare. The patch may change any column, so read and write the whole row.
		whole, err := lockExisting(ctx, db, c.ID, s.compiled.lockAll)
		if err != nil {
			return err
		}
		c = whole
	}
	changed := *c
	if progress.LeafEventID != nil {
		changed.LeafEventID = progress.LeafEventID
	}
	changed.UpdatedAt = touched(c.UpdatedAt, now())
	for _, id := range progress.Heard {
		changed.InfoDigest = string(heard(changed.InfoDigest).with(markOf([]byte(id))))
	}
	if progress.Title != nil {
		(&Patch{Title: progress.Title}).fill(&changed)
	}
	if state != nil {
		pushed := *state
		if c.TagsPinned {
			pushed.Tags = nil
		}
		pushed.fill(&changed)
		if !state.onlyProgress() {
			changed.EventCount += int64(progress.Added)
			changed.Numbered = progress.Numbered
			return s.saveWithTags(ctx, db, &changed, &pushed)
		}
	}
	if err := s.writeProgress(ctx, db, &changed, progress, state); err != nil {
		return err
	}
	if err := s.sortTags(ctx, db, &changed); err != nil {
		return err
	}
	return s.publishChange(ctx, db, c.ID)
}

// advanced are the columns that every batch of events changes.
type advanced struct {
	ID          string
	Added       int
	Numbered    int64
	UpdatedAt   time.Time
	LeafEventID *string
}

// setAdvanced sets these columns to the values of a. Without a, it leaves the placeholders for a compiled
// query.
func setAdvanced(q *bun.UpdateQuery, a ...any) *bun.UpdateQuery {
	return q.Where("id = ?id", a...).
		Set("event_count = event_count + ?added", a...).
		Set("numbered = ?numbered", a...).
		Set("updated_at = ?updated_at", a...).
		Set("leaf_event_id = ?leaf_event_id", a...)
}

// writeProgress writes the columns that batches of events change.
func (s *Store) writeProgress(ctx context.Context, db *dbmodule.Session, c *Conversation, progress Progress, state *Patch) (err error) {
	now := advanced{ID: c.ID, Added: progress.Added, Numbered: progress.Numbered, UpdatedAt: c.UpdatedAt, LeafEventID: c.LeafEventID}
	if progress.Title == nil && state == nil && len(progress.Heard) == 0 {
		_, err = s.compiled.advance.Exec(ctx, db, now)
	} else {
		_, err = writeMore(setAdvanced(db.NewUpdate().Model((*Conversation)(nil)), now), c, progress, state).Exec(ctx)
	}
	if err != nil {
		return fmt.Errorf("conversations: update %s: %w", c.ID, err)
	}
	return nil
}

// writeMore sets the columns that only some batches change.
func writeMore(q *bun.UpdateQuery, c *Conversation, progress Progress, state *Patch) *bun.UpdateQuery {
	if progress.Title != nil {
		q = q.Set("title = ?", c.Title).Set("title_folded = ?", c.TitleFolded).Set("title_sort = ?", c.TitleSort)
	}
	if state != nil {
		q = q.Set("execution_status = ?", c.ExecutionStatus)
	}
	if len(progress.Heard) > 0 {
		q = q.Set("info_digest = ?", c.InfoDigest)
	}
	if state != nil && state.Stats != nil {
		q = q.Set("stats = ?", c.Stats).
			Set("accumulated_cost = ?", c.AccumulatedCost).
			Set("max_budget_per_task = ?", c.MaxBudgetPerTask).
			Set("prompt_tokens = ?", c.PromptTokens).
			Set("completion_tokens = ?", c.CompletionTokens).
			Set("cache_read_tokens = ?", c.CacheReadTokens).
			Set("cache_write_tokens = ?", c.CacheWriteTokens).
			Set("reasoning_tokens = ?", c.ReasoningTokens).
			Set("context_window = ?", c.ContextWindow).
			Set("per_turn_token = ?", c.PerTurnToken)
	}
	return q
}
