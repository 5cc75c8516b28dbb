package dbmodule_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// fragile is a value whose Scan panics, or fails.
type fragile string

func (f *fragile) Scan(value any) error {
	text, ok := value.(string)
	if bytes, isBytes := value.([]byte); isBytes {
		text, ok = string(bytes), true
	}
	switch {
	case !ok, text == "wrong":
		return errors.New("not a value")
	case text == "panic":
		panic("scan panics")
	}
	*f = fragile(text)
	return nil
}

// scans are what to do when a value is scanned that is one of these words and a number.
var scans sync.Map

// watched is a value whose Scan tells who waits for that.
type watched string

func (w *watched) Scan(value any) error {
	text := fmt.Sprintf("%s", value)
	word, _, _ := strings.Cut(text, " ")
	if scanned, ok := scans.Load(word); ok {
		scanned.(func())()
	}
	*w = watched(text)
	return nil
}

type watchedRow struct {
	bun.BaseModel `bun:"table:accounts"`
	ID            int64   `bun:"id,pk,autoincrement"`
	Name          watched `bun:"name"`
}

type fragileRow struct {
	bun.BaseModel `bun:"table:accounts"`
	ID            int64   `bun:"id,pk,autoincrement"`
	Name          fragile `bun:"name"`
}

// nosy asks the session for more while its rows are read.
type nosy struct {
	bun.BaseModel `bun:"table:accounts"`
	ID            int64  `bun:"id,pk,autoincrement"`
	Name          string `bun:"name"`
	ask           error
}

type nosySession struct{}

func (n *nosy) AfterScanRow(ctx context.Context) error {
	if s, ok := ctx.Value(nosySession{}).(*dbmodule.Session); ok {
		n.ask = s.NewSelect().Model((*nosy)(nil)).ColumnExpr("1").Limit(1).Scan(ctx, new(int))
	}
	return nil
}

// Whatever a field's own code does while rows are read, the session goes on, and no
// connection is lost to the pool.
func TestCompiledQueriesOutliveTheCodeOfFields(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		for _, name := range []string{"fine", "wrong", "panic"} {
			_, err := db.DB().ExecContext(t.Context(), "INSERT INTO accounts (name, balance) VALUES (?, 0)", name)
			require.NoError(t, err)
		}
		type byName struct{ Name string }
		get, err := dbmodule.CompileSelect[fragileRow, byName](db.Sessions(), func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("name = ?name") })
		require.NoError(t, err)
		for kind, options := range map[string][]dbmodule.SessionOption{
			"transaction": nil, "read-only": {dbmodule.ReadOnly()}, "autocommit": {dbmodule.Autocommit()},
		} {
			for range 8 { // more than there are connections
				s := db.Sessions().New(options...)
				_, err := get.One(t.Context(), s, byName{"wrong"})
				require.ErrorContains(t, err, `name "name": not a value`, kind)
				assert.PanicsWithValue(t, "scan panics", func() { _, _ = get.One(t.Context(), s, byName{"panic"}) }, kind)
				require.NoError(t, s.Close(), kind)
				found, err := get.One(t.Context(), s, byName{"fine"})
				require.NoError(t, err, kind)
				assert.EqualValues(t, "fine", found.Name, kind)
				require.NoError(t, s.Close(), kind)
			}
		}
		assert.Zero(t, db.Stats().InUse)
	})
}

// Rows that are read one right after the other are not read on for long after the caller has
// left.
func TestCompiledQueriesEndWithTheirCaller(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		const rows = 200
		word := "read-on-" + string(db.Engine())
		accounts := make([]Account, rows)
		for i := range accounts {
			accounts[i].Name = fmt.Sprint(word, " ", i)
		}
		_, err := db.DB().NewInsert().Model(&accounts).Exec(t.Context())
		require.NoError(t, err)
		all, err := dbmodule.CompileSelect[watchedRow, struct{}](db.Sessions(), func(q *bun.SelectQuery) *bun.SelectQuery { return q.Order("id") })
		require.NoError(t, err)
		for kind, options := range map[string][]dbmodule.SessionOption{"transaction": nil, "read-only": {dbmodule.ReadOnly()}, "autocommit": {dbmodule.Autocommit()}} {
			for range 3 { // as text, and prepared
				for name, run := range map[string]func(ctx context.Context, s *dbmodule.Session) error{
					"compiled": func(ctx context.Context, s *dbmodule.Session) error {
						_, err := all.All(ctx, s, struct{}{})
						return err
					},
					"builder": func(ctx context.Context, s *dbmodule.Session) error {
						return s.NewSelect().Model(new([]watchedRow)).Order("id").Scan(ctx)
					},
				} {
					ctx, leave := context.WithCancel(t.Context())
					read := 0
					scans.Store(word, func() { read++; leave() })
					s := db.Sessions().New(options...)
					require.ErrorIs(t, run(ctx, s), context.Canceled, "%s, %s", kind, name)
					assert.Less(t, read, rows/2, "%s, %s", kind, name)
					require.NoError(t, s.Close())
				}
			}
		}
		assert.Zero(t, db.Stats().InUse)
	})
}

// A hook of a row gets from the session what it gets while Bun reads rows.
func TestHooksOfCompiledRowsMayAskTheSession(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		_, err := db.DB().ExecContext(t.Context(), "INSERT INTO accounts (name, balance) VALUES ('one', 0)")
		require.NoError(t, err)
		get, err := dbmodule.CompileSelect[nosy, struct{}](db.Sessions(), func(q *bun.SelectQuery) *bun.SelectQuery { return q })
		require.NoError(t, err)
		for kind, options := range map[string][]dbmodule.SessionOption{"transaction": nil, "read-only": {dbmodule.ReadOnly()}} {
			s := db.Sessions().New(options...)
			ctx := context.WithValue(t.Context(), nosySession{}, s)
			var bun nosy
			require.NoError(t, s.NewSelect().Model(&bun).Scan(ctx), kind)
			require.NoError(t, s.Close())
			found, err := get.One(ctx, s, struct{}{})
			require.NoError(t, err, kind)
			assert.Equal(t, errors.Is(bun.ask, dbmodule.ErrRowsOpen), errors.Is(found.ask, dbmodule.ErrRowsOpen), kind)
			assert.NotErrorIs(t, found.ask, dbmodule.ErrConcurrentUse, kind)
			require.NoError(t, s.Close())
		}
	})
}
