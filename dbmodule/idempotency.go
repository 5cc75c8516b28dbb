package dbmodule

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"
)

// WorkKey is a row that shows that a unit of work with an [IdempotencyKey] is
// stored. An application that uses keys adds this model to its own, so that the
// table is created and migrated like theirs: Models((*WorkKey)(nil)) or
// WithModels((*WorkKey)(nil)).
type WorkKey struct {
	bun.BaseModel `bun:"table:work_keys"`

	// Digest is the SHA-256 of the key in hexadecimal: of a length that every
	// engine can index, and the same in every collation.
	Digest string `bun:"digest,pk,type:varchar(64)"`
	// StoredAt is when the unit of work began.
	StoredAt time.Time `bun:"stored_at,notnull"`
}

// Indexes serves [SessionFactory.ForgetWorkKeys].
func (*WorkKey) Indexes() []Index { return []Index{{Columns: []string{"stored_at"}}} }

// IdempotencyKey makes [SessionFactory.InTx] store a unit of work only once, however
// often it is called. InTx inserts the key as the transaction's first
// statement, so the key is stored exactly when the work is:
//
//   - If the key exists already, fn does not run, and InTx returns nil once the key is
//     stored: read the result of the work after InTx.
//   - If COMMIT gets no answer, InTx looks for the key instead of returning
//     [ErrCommitUnknown]: it either finds the key, or runs fn once more. If it can do neither, such
//     as when ctx ends, its error matches ErrCommitUnknown too.
//
// After-commit hooks of an attempt whose COMMIT got no answer run when the key
// is found. Two concurrent calls with one key run one after the other.
//
// The key names the work, not the attempt: a request's idempotency key, an
// event's id. It may have any length but zero. Its table is [WorkKey]'s. fn
// must not commit by itself: the key would be stored with the first part.
// [SessionFactory.New] ignores this option.
func IdempotencyKey(key string) SessionOption {
	return func(o *sessionOptions) { o.key = &key }
}

// errStored says that a unit of work with this key is stored already.
var errStored = errors.New("dbmodule: a unit of work with this key is stored")

func (o sessionOptions) validKey() error {
	switch {
	case o.key == nil:
		return nil
	case *o.key == "":
		return errors.New("dbmodule: idempotency key: it is empty")
	case o.readOnly:
		return fmt.Errorf("dbmodule: idempotency key: %w", ErrReadOnlySession)
	}
	return nil
}

func newWorkKey(key string) *WorkKey {
	digest := sha256.Sum256([]byte(key))
	return &WorkKey{Digest: hex.EncodeToString(digest[:]), StoredAt: time.Now().UTC()}
}

// claim inserts the session's key, if it has one.
func (s *Session) claim(ctx context.Context) error {
	if s.options.key == nil {
		return nil
	}
	_, err := s.NewInsert().Model(newWorkKey(*s.options.key)).Exec(ctx)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrUnique):
		// On SQLite the row may be one that waits for its COMMIT beside others.
		if err := s.Rollback(ctx); err != nil {
			return fmt.Errorf("dbmodule: idempotency key: it is not known whether another call with this key was stored: %w", err)
		}
		return errStored
	default:
		return fmt.Errorf("dbmodule: idempotency key: insert into the table of dbmodule.WorkKey: %w", err)
	}
}

// finish ends the session of an attempt of InTx for good, unless hooks may still use it: those of
// a COMMIT without an answer, if the key turns out to be stored.
func (s *Session) finish() error {
	if s.unanswered != nil && s.options.key != nil {
		return s.Close()
	}
	return s.Seal(nil)
}

// wasStored runs the hooks of an attempt whose COMMIT got no answer, since its key is stored. s is
// nil if there was none.
func (s *Session) wasStored(ctx context.Context) error {
	if s == nil {
		return nil
	}
	defer func() { _ = s.Seal(nil) }() // what hooks did without Commit is rolled back
	runHooks(ctx, s.unanswered.hooks)
	return nil
}

// mayBeStored returns the error with which InTx ends after an attempt whose COMMIT got no answer,
// unless s is nil. A later attempt that failed did not find out what came of that.
func (s *Session) mayBeStored(err error) error {
	if s == nil {
		return err
	}
	_ = s.Seal(nil) // it is closed
	if err == nil || errors.Is(err, ErrCommitUnknown) {
		return err
	}
	return fmt.Errorf("%w; an earlier attempt may be stored: %w", err, s.unanswered.err)
}

// ForgetWorkKeys deletes the keys of units of work that began before a given time,
// and returns how many. Nothing else deletes keys: call it from time to time, with a
// time so long ago that nobody repeats a request from before it.
func (f *SessionFactory) ForgetWorkKeys(ctx context.Context, before time.Time) (deleted int64, err error) {
	err = f.InTx(ctx, func(ctx context.Context, s *Session) error {
		result, err := s.NewDelete().Model((*WorkKey)(nil)).Where("stored_at < ?", before.UTC()).Exec(ctx)
		if err != nil {
			return fmt.Errorf("dbmodule: forget work keys: %w", err)
		}
		deleted, err = result.RowsAffected()
		return err
	})
	return deleted, err
}
