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
	// erasedAtOnce is how many events a transaction deletes: others write between two of
	// them.
	erasedAtOnce = 500
	// condemned is the execution_status of a conversation whose events are being deleted. It
	// is the mark by which a deletion that was cut off goes on, and by which readers leave the
	// conversation out. Nobody else can set it: see parsePatch.
	condemned = "deletion asked"
	// sweptAtOnce bounds how many conversations are looked for at a time.
	sweptAtOnce = 100
	// retryDeleted is how many seconds later one tries again who writes to a conversation that
	// is being deleted.
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

// Delete deletes a conversation with its events: one with few in one transaction. One with many is
// marked first, and then its events are deleted in pieces, so that others can write meanwhile. From the
// mark on, readers do not find it, and what is sent for it is answered with 503. When
// ctx ends before all is deleted, the mark stays and [Deleter.Sweep] goes on. A missing
// conversation is dbmodule.ErrNotFound.
func (d *Deleter) Delete(ctx context.Context, id string) error {
	large := false
	err := d.sessions.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		n, err := d.store.EventCount(ctx, s, id)
		if err != nil {
			return err
		}
		if large = n > erasedAtOnce; large {
			return d.store.condemn(ctx, s, id)
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
			// As writers of events do, so that nobody waits for another in a circle.
			c, err := lockExisting(ctx, s, id, d.store.compiled.lockLean)
			if err != nil {
				return err
			}
			// Another process was faster, and what has the id now was begun since.
			if gone = c.ExecutionStatus != condemned; gone {
				return nil
			}
			n, err := d.recorder.ErasePiece(ctx, s, id, erasedAtOnce)
			if err != nil || n == erasedAtOnce {
				return err
			}
			gone = true // InTx may run this again, which begins by looking
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

// Sweep goes on with deletions that were cut off.
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
	err = session.NewSelect().Model((*Conversation)(nil)).Column("id").Where("execution_status = ?", condemned).
		Limit(sweptAtOnce).Scan(ctx, &ids)
	if err != nil {
		err = fmt.Errorf("conversations: look for deletions that were cut off: %w", err)
	}
	return ids, err
}

// condemn marks a conversation as one that is being deleted.
func (s *Store) condemn(ctx context.Context, db *dbmodule.Session, id string) error {
	_, err := db.NewUpdate().Model((*Conversation)(nil)).Set("execution_status = ?", condemned).Where("id = ?", id).Exec(ctx)
	if err != nil {
		return fmt.Errorf("conversations: mark %s for deletion: %w", id, err)
	}
	return s.changed(ctx, db, id)
}

// standingOnly leaves out conversations that are being deleted: for readers they are gone. No index
// is used for it, since nearly all rows remain.
func standingOnly(q *bun.SelectQuery) *bun.SelectQuery {
	return q.Where("(conversation.execution_status <> ?) IS TRUE", condemned)
}

// refuseCondemned is err, or the error for a locked conversation that is being deleted. What an agent
// server sends for it is not stored, as it would be deleted after its sender was told that it is
// stored. The sender tries again, and then it begins the conversation anew.
func refuseCondemned(c *Conversation, err error) error {
	if err != nil || c.ExecutionStatus != condemned {
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
