package conversations

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

const (
	// pieceSize is how many events one transaction deletes. Others can write between two
	// transactions.
	pieceSize = 500
	// deletionMark is the execution_status of a conversation whose events are being deleted.
	// Sweep finds interrupted deletions by this mark, and readers leave out conversations that
	// have it. Clients can't set it: see parsePatch.
	deletionMark = "deletion asked"
	// maxMarked is how many marked conversations Sweep reads at a time.
	maxMarked = 100
	// retryDeleted is the Retry-After, in seconds, for writes to a conversation that is being
	// deleted.
	retryDeleted = "5"
)

// Deleter deletes conversations with any number of events. It is safe for concurrent use.
type Deleter struct {
	sessions *dbmodule.SessionFactory
	store    *Store
	recorder Recorder
}

// NewDeleter makes a Deleter.
func NewDeleter(sessions *dbmodule.SessionFactory, store *Store, recorder Recorder) *Deleter {
	return &Deleter{sessions: sessions, store: store, recorder: recorder}
}

// Delete deletes a conversation with its events. If there are few, it does so in one
// transaction. Otherwise it marks the conversation, and deletes its events in pieces, so that
// others can write meanwhile. Readers do not find a marked conversation, and writes to it are
// answered with 503. If ctx ends before everything is deleted, the mark stays, and
// [Deleter.Sweep] continues. The error for a missing conversation is dbmodule.ErrNotFound.
func (d *Deleter) Delete(ctx context.Context, id string) error {
	large := false
	err := d.sessions.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		n, err := d.store.EventCount(ctx, s, id)
		if err != nil {
			return err
		}
		if large = n > pieceSize; large {
			return d.store.markForDeletion(ctx, s, id)
		}
		return d.store.Delete(ctx, s, id)
	})
	if err != nil || !large {
		return err
	}
	return d.erase(ctx, id)
}

// erase deletes a marked conversation, piece by piece.
func (d *Deleter) erase(ctx context.Context, id string) error {
	for gone := false; !gone; {
		err := d.sessions.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
			// Lock the conversation first, as writers of events do: this prevents deadlocks.
			c, err := lockExisting(ctx, s, id, d.store.compiled.lockLean)
			if err != nil {
				return err
			}
			// Without the mark, another process has deleted the conversation, and this is a new one
			// with the same id.
			if gone = c.ExecutionStatus != deletionMark; gone {
				return nil
			}
			n, err := d.recorder.ErasePiece(ctx, s, id, pieceSize)
			if err != nil || n == pieceSize {
				return err
			}
			gone = true // if InTx runs this again, the check above sets it again
			return d.store.Delete(ctx, s, id)
		})
		switch {
		case errors.Is(err, dbmodule.ErrNotFound):
			return nil // another process was faster
		case err != nil:
			return err
		}
	}
	return nil
}

// Sweep continues the deletions that were interrupted.
func (d *Deleter) Sweep(ctx context.Context) (err error) {
	ids, err := d.marked(ctx)
	for _, id := range ids {
		err = errors.Join(err, d.erase(ctx, id))
	}
	return err
}

func (d *Deleter) marked(ctx context.Context) (ids []string, err error) {
	session := d.sessions.New(dbmodule.ReadOnly())
	defer func() { err = errors.Join(err, session.Close()) }()
	err = session.NewSelect().Model((*Conversation)(nil)).Column("id").Where("execution_status = ?", deletionMark).
		Limit(maxMarked).Scan(ctx, &ids)
	if err != nil {
		err = fmt.Errorf("conversations: find interrupted deletions: %w", err)
	}
	return ids, err
}

// markForDeletion marks a conversation as one that is being deleted.
func (s *Store) markForDeletion(ctx context.Context, db *dbmodule.Session, id string) error {
	_, err := db.NewUpdate().Model((*Conversation)(nil)).Set("execution_status = ?", deletionMark).Where("id = ?", id).Exec(ctx)
	if err != nil {
		return fmt.Errorf("conversations: mark %s for deletion: %w", id, err)
	}
	return s.publishChange(ctx, db, id)
}

// withoutMarked leaves out conversations that are being deleted. The condition is written so
// that no index is used for it, because nearly all rows match.
func withoutMarked(q *bun.SelectQuery) *bun.SelectQuery {
	return q.Where("(conversation.execution_status <> ?) IS TRUE", deletionMark)
}

// refuseMarked returns err, or an error if the locked conversation is being deleted. What an
// agent server sends for it must not be stored: it would be deleted, although the sender was
// told that it is stored. The sender tries again later, which begins a new conversation.
func refuseMarked(c *Conversation, err error) error {
	if err != nil || c.ExecutionStatus != deletionMark {
		return err
	}
	return beingDeleted(c.ID)
}

func beingDeleted(id string) error {
	return &httpmodule.HTTPError{
		Status: http.StatusServiceUnavailable,
		Detail: "The conversation is being deleted; try again when it is gone",
		Header: http.Header{echo.HeaderRetryAfter: {retryDeleted}},
		Cause:  fmt.Errorf("conversations: %s is being deleted", id),
	}
}
