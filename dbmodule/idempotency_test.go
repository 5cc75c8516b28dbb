package dbmodule_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// keyed is each, with the table of idempotency keys.
func keyed(t *testing.T, fn func(t *testing.T, db *dbmodule.Database)) {
	t.Helper()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		createKeys(t, db)
		fn(t, db)
	})
}

func createKeys(t *testing.T, db *dbmodule.Database) {
	t.Helper()
	_, err := db.DB().NewCreateTable().Model((*dbmodule.WorkKey)(nil)).Exec(t.Context())
	require.NoError(t, err)
}

func TestIdempotencyKeyStoresWorkOnce(t *testing.T) {
	t.Parallel()
	keyed(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		boom := errors.New("boom")
		runs := 0
		work := func(key string, result error) error {
			return db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
				runs++
				return errors.Join(insert(ctx, s, fmt.Sprint("run ", runs)), result)
			}, dbmodule.IdempotencyKey(key))
		}
		require.ErrorIs(t, work("a", boom), boom, "work that failed")
		require.NoError(t, work("a", nil), "left no key")
		require.NoError(t, work("a", nil))
		require.NoError(t, work("a", boom))
		require.NoError(t, work("A", nil), "keys differ by case on every engine")
		require.NoError(t, work("a ", nil), "and by what trails")
		require.NoError(t, work(strings.Repeat("long", 1000), nil))
		assert.Equal(t, []string{"run 2", "run 3", "run 4", "run 5"}, names(t, db))

		require.ErrorContains(t, work("", nil), "it is empty")
		require.ErrorIs(t, db.Sessions().InTx(ctx, nil, dbmodule.ReadOnly(), dbmodule.IdempotencyKey("x")), dbmodule.ErrReadOnly)

		deleted, err := db.Sessions().ForgetWorkKeys(ctx, time.Now().Add(-time.Hour))
		require.NoError(t, err)
		assert.Zero(t, deleted)
		deleted, err = db.Sessions().ForgetWorkKeys(ctx, time.Now().Add(time.Hour))
		require.NoError(t, err)
		assert.EqualValues(t, 4, deleted)
		require.NoError(t, work("a", nil))
		assert.Len(t, names(t, db), 5)
	})
}

func TestIdempotencyKeyHasOneWinner(t *testing.T) {
	t.Parallel()
	keyed(t, func(t *testing.T, db *dbmodule.Database) {
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() {
				errs[i] = db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
					return insert(ctx, s, fmt.Sprint(i))
				}, dbmodule.IdempotencyKey("one"))
			})
		}
		wg.Wait()
		require.NoError(t, errors.Join(errs...))
		assert.Len(t, names(t, db), 1)
	})
}

func TestIdempotencyKeyWithoutItsTable(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		err := db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
			return insert(ctx, s, "a")
		}, dbmodule.IdempotencyKey("a"))
		require.ErrorContains(t, err, "dbmodule.WorkKey")
		assert.Empty(t, names(t, db))
	})
}

// behindProxy is each for the engines with a server, through a proxy.
func behindProxy(t *testing.T, fn func(t *testing.T, db *dbmodule.Database, proxy *dbtest.Proxy)) {
	t.Helper()
	for _, engine := range []dbmodule.Engine{dbmodule.PostgreSQL, dbmodule.MySQL} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			proxy := dbtest.StartProxy(t, dbtest.URL(t, engine))
			db := dbtest.Open(t, proxy.Config(t))
			_, err := db.DB().NewCreateTable().Model((*Account)(nil)).Exec(t.Context())
			require.NoError(t, err)
			fn(t, db, proxy)
		})
	}
}

// A lost reply of COMMIT looks like a lost COMMIT: a client that repeats the
// work stores it twice, one that reports a failure has stored it.
func TestLostCommitReplies(t *testing.T) {
	t.Parallel()
	const losses = 50
	behindProxy(t, func(t *testing.T, db *dbmodule.Database, proxy *dbtest.Proxy) {
		ctx := t.Context()
		createKeys(t, db)

		unknown := 0
		for i := range losses {
			proxy.SwallowCommits(1)
			err := db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
				return insert(ctx, s, fmt.Sprint("plain ", i))
			})
			if errors.Is(err, dbmodule.ErrCommitUnknown) {
				unknown++
			}
		}
		plain := len(names(t, db))
		t.Logf("figure 3, %s: %d lost COMMIT replies: %d times ErrCommitUnknown, %d rows", db.Engine(), proxy.Swallowed(), unknown, plain)
		assert.Equal(t, losses, proxy.Swallowed())
		assert.Equal(t, losses, unknown)
		assert.Equal(t, losses, plain)

		acknowledged, hooks := 0, 0
		for i := range losses {
			proxy.SwallowCommits(1)
			runs := 0
			err := db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
				runs++
				s.AfterCommit(func(context.Context) { hooks++ })
				return insert(ctx, s, fmt.Sprint("keyed ", i, "-", runs))
			}, dbmodule.IdempotencyKey(fmt.Sprint(i)))
			if assert.NoError(t, err) {
				acknowledged++
			}
		}
		stored := len(names(t, db)) - plain
		t.Logf("figure 3, %s: %d lost COMMIT replies with a key: %d acknowledgements, %d rows", db.Engine(), proxy.Swallowed()-losses, acknowledged, stored)
		assert.Equal(t, 2*losses, proxy.Swallowed())
		assert.Equal(t, losses, acknowledged)
		assert.Equal(t, losses, stored)
		assert.Equal(t, losses, hooks, "hooks run once each")
	})
}

// What came of the first attempt is not known until the key is looked for.
func TestKeyThatCantBeLookedFor(t *testing.T) {
	t.Parallel()
	for _, engine := range []dbmodule.Engine{dbmodule.PostgreSQL, dbmodule.MySQL} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			server := dbtest.URL(t, engine)
			proxy := dbtest.StartProxy(t, server)
			db := openAccounts(t, proxy.Config(t))
			createKeys(t, db)
			proxy.SwallowCommits(1)
			err := db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
				require.NoError(t, proxy.Retarget("nowhere://127.0.0.1:1")) // for the second attempt
				return insert(ctx, s, "stored")
			}, dbmodule.IdempotencyKey("a"), dbmodule.MaxAttempts(2))
			require.NoError(t, proxy.Retarget(server))
			require.ErrorIs(t, err, dbmodule.ErrUnavailable)
			require.ErrorIs(t, err, dbmodule.ErrCommitUnknown)
			assert.Equal(t, []string{"stored"}, names(t, db))
		})
	}
}
