package conversations

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
)

const (
	// erasedAtOnce is how many events a transaction deletes: others write between two of
	// them.
	erasedAtOnce = 500
	// condemned is the execution_status of a conversation whose events are being deleted. It
	// is the mark by which a deletion that was cut off goes on. No agent server says it.
	condemned = "deletion asked"
	// sweepEvery is how often a process looks for deletions that were cut off.
	sweepEvery = time.Minute
	// sweptAtOnce bounds how many conversations are looked for at a time.
	sweptAtOnce = 100
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
// marked first, and then its events are deleted in pieces, so that others can write meanwhile. When
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
			if _, err := d.store.lockExisting(ctx, s, id, "id"); err != nil {
				return err
			}
			n, err := d.recorder.ErasePiece(ctx, s, id, erasedAtOnce)
			if err != nil || n == erasedAtOnce {
				return err
			}
			gone = true
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

// sweepInBackground sweeps from the application's start to its stop.
func sweepInBackground(d *Deleter, lifecycle fx.Lifecycle, log *zap.Logger) {
	ctx, cancel := context.WithCancel(context.Background()) //nolint:forbidigo // it lives as long as the application
	ended := make(chan struct{})
	lifecycle.Append(fx.Hook{
		OnStart: func(context.Context) error {
			go func() {
				defer close(ended)
				tick := time.NewTicker(sweepEvery)
				defer tick.Stop()
				for {
					select {
					case <-ctx.Done():
						return
					case <-tick.C:
					}
					if err := d.Sweep(dbmodule.Unobserved(ctx)); err != nil && ctx.Err() == nil {
						log.Warn("conversations that are being deleted are not gone yet", zap.Error(err))
					}
				}
			}()
			return nil
		},
		OnStop: func(context.Context) error {
			cancel()
			<-ended
			return nil
		},
	})
}

// condemn marks a conversation as one that is being deleted.
func (s *Store) condemn(ctx context.Context, db bun.IDB, id string) error {
	_, err := db.NewUpdate().Model((*Conversation)(nil)).Set("execution_status = ?", condemned).Where("id = ?", id).Exec(ctx)
	if err != nil {
		return fmt.Errorf("conversations: mark %s for deletion: %w", id, err)
	}
	return s.changed(ctx, db, id)
}

// status is what clients are told: to them a conversation that is being deleted is what an agent
// server calls so.
func (c *Conversation) status() string {
	if c.ExecutionStatus == condemned {
		return StatusDeleting
	}
	return c.ExecutionStatus
}
