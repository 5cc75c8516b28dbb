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

// WorkKey is the row by which a unit of work with an [IdempotencyKey] is known
// to be stored. An application that uses keys adds it to its models, and the
// table is created and migrated as theirs are: Models((*WorkKey)(nil)) or
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

// IdempotencyKey makes [SessionFactory.InTx] store a unit of work once however
// often it is asked to. The key is inserted as the transaction's first
// statement, and is there exactly when the work is:
//
//   - when the key is there already, InTx returns nil once it is stored, and fn does not
//     run: read the result of the work after InTx;
//   - when COMMIT gets no answer, InTx asks again instead of returning
//     [ErrCommitUnknown]: it either finds the key, or runs fn once more.
//
// After-commit hooks of an attempt whose COMMIT got no answer run when the key
// is found. Two calls with one key at the same time are one after the other.
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
		if err := s.undoAndSee(ctx); err != nil {
			return fmt.Errorf("dbmodule: idempotency key: another call with the key is not known to be stored: %w", err)
		}
		return errStored
	default:
		return fmt.Errorf("dbmodule: idempotency key: insert into the table of dbmodule.WorkKey: %w", err)
	}
}

// ForgetWorkKeys deletes the keys of units of work that began before a moment,
// and returns how many. Nothing else deletes keys: an application calls this
// now and then, with a moment after which nobody repeats a request any more.
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
