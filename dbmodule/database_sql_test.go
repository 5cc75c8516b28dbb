package dbmodule_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"go.uber.org/goleak"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// usesOfDB are what programs do with the *sql.DB of a Database. Some close nothing by
// themselves: database/sql ends those when the context ends.
var usesOfDB = map[string]func(ctx context.Context, db *bun.DB){
	"transaction": func(ctx context.Context, db *bun.DB) {
		tx, err := db.DB.BeginTx(ctx, nil)
		if err != nil {
			return
		}
		scanned(tx.QueryRowContext(ctx, countAccounts))
		_, _ = tx.ExecContext(ctx, payAccounts)
		_ = tx.Commit()
	},
	"transaction left open": func(ctx context.Context, db *bun.DB) {
		if tx, err := db.DB.BeginTx(ctx, nil); err == nil {
			_, _ = tx.ExecContext(ctx, payAccounts)
		}
		<-ctx.Done()
	},
	"rows of a transaction left open": func(ctx context.Context, db *bun.DB) {
		if tx, err := db.DB.BeginTx(ctx, nil); err == nil {
			opened(tx.QueryContext(ctx, countAccounts))
		}
		<-ctx.Done()
	},
	"connection": func(ctx context.Context, db *bun.DB) {
		conn, err := db.DB.Conn(ctx)
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		scanned(conn.QueryRowContext(ctx, countAccounts))
		if tx, err := conn.BeginTx(ctx, nil); err == nil {
			_, _ = tx.ExecContext(ctx, payAccounts)
			_ = tx.Rollback()
		}
	},
	"prepared": func(ctx context.Context, db *bun.DB) {
		st, err := db.PrepareContext(ctx, countAccounts)
		if err != nil {
			return
		}
		defer func() { _ = st.Close() }()
		scanned(st.QueryRowContext(ctx))
		scanned(st.QueryRowContext(ctx))
	},
	"prepared in a transaction": func(ctx context.Context, db *bun.DB) {
		if tx, err := db.DB.BeginTx(ctx, nil); err == nil {
			if st, err := tx.PrepareContext(ctx, countAccounts); err == nil {
				scanned(st.QueryRowContext(ctx))
			}
		}
		<-ctx.Done()
	},
	"row": func(ctx context.Context, db *bun.DB) { scanned(db.DB.QueryRowContext(ctx, countAccounts)) },
	"row that nobody scans": func(ctx context.Context, db *bun.DB) {
		_ = db.DB.QueryRowContext(ctx, countAccounts)
		<-ctx.Done()
	},
	"rows left open": func(ctx context.Context, db *bun.DB) {
		opened(db.DB.QueryContext(ctx, countAccounts))
		<-ctx.Done()
	},
	"statement": func(ctx context.Context, db *bun.DB) { _, _ = db.DB.ExecContext(ctx, payAccounts) },
	"ping":      func(ctx context.Context, db *bun.DB) { _ = db.PingContext(ctx) },
	"builder in a transaction": func(ctx context.Context, db *bun.DB) {
		_ = db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewSelect().Model((*Account)(nil)).Count(ctx)
			return err
		})
	},
}

const (
	countAccounts = "SELECT count(*) FROM accounts"
	payAccounts   = "UPDATE accounts SET balance = balance + 1"
)

// scanned reads a row, whatever becomes of it: the context may have ended.
func scanned(row *sql.Row) {
	var n int
	_ = row.Scan(&n)
}

// opened reads a row of a result and leaves the rest.
func opened(rows *sql.Rows, err error) {
	if err == nil {
		rows.Next()
	}
}

// Whoever uses the *sql.DB has no connection any more once the context has ended,
// before, during or after a statement.
func TestCancelledUsersOfDBKeepNoConnection(t *testing.T) {
	t.Parallel()
	eachWith(t, func(cfg *dbmodule.Config) { cfg.PoolSize, cfg.MaxOverflow = 2, 2 }, func(t *testing.T, db *dbmodule.Database) {
		require.NoError(t, insert(t.Context(), db.DB(), "one"))
		given := func(what string) {
			t.Helper()
			require.Eventually(t, func() bool { return db.Stats().InUse == 0 }, 10*time.Second, time.Millisecond, what)
		}
		for name, use := range usesOfDB {
			cancelled, cancel := context.WithCancel(t.Context())
			cancel()
			use(cancelled, db.DB())
			given(name + ", cancelled before")

			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					for range 8 {
						ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(3000))*time.Microsecond)
						use(ctx, db.DB())
						cancel()
					}
				})
			}
			wg.Wait()
			given(name + ", cancelled meanwhile")
		}
		stored := names(t, db)
		assert.Equal(t, []string{"one"}, stored, "the pool serves others")
		given("at the end")
	})
}

// Sessions leave no goroutine behind, nor does a Database that is closed.
func TestClosedDatabaseLeavesNoGoroutine(t *testing.T) { //nolint:paralleltest // it looks at all goroutines
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) { //nolint:paralleltest // as above
			cfg := dbtest.Config(t, engine)
			before := goleak.IgnoreCurrent()
			db, err := dbmodule.Open(cfg, nil)
			require.NoError(t, err)
			require.NoError(t, db.Connect(t.Context()))
			_, err = db.DB().NewCreateTable().Model((*Account)(nil)).Exec(t.Context())
			require.NoError(t, err)
			var wg sync.WaitGroup
			for worker := range 4 {
				wg.Go(func() {
					for i := range 250 {
						useSession(t.Context(), db, fmt.Sprint(worker, " ", i), i%5)
					}
				})
			}
			wg.Wait()
			require.NoError(t, db.Close())
			goleak.VerifyNone(t, before)
		})
	}
}

// useSession does with a session what programs do, and what they should not.
func useSession(ctx context.Context, db *dbmodule.Database, name string, how int) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := db.Sessions().New()
	defer func() { _ = s.Close() }()
	switch how {
	case 0:
		_ = insert(ctx, s, name)
		_ = s.Commit(ctx)
	case 1:
		opened(s.QueryContext(ctx, countAccounts))
	case 2:
		_ = s.QueryRowContext(ctx, countAccounts)
	case 3:
		cancel()
		_ = insert(ctx, s, name)
	default:
		reader := db.Sessions().New(dbmodule.ReadOnly())
		opened(reader.NewSelect().Model((*Account)(nil)).Rows(ctx))
		_ = reader.Close()
	}
}
