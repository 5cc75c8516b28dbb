package dbquery_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/dbquery"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// Book has a version.
type Book struct {
	bun.BaseModel `bun:"table:books,alias:book"`
	dbquery.Version

	ID     int64  `bun:"id,pk,autoincrement"`
	ISBN   string `bun:"isbn,notnull,unique,type:varchar(20)"`
	Title  string `bun:"title,notnull,type:varchar(100)"`
	Copies int    `bun:"copies,notnull"`
}

// each runs fn on every engine with an empty table of books.
func each(t *testing.T, fn func(t *testing.T, db *dbmodule.Database)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		db := dbtest.Open(t, cfg, dbmodule.WithModels((*Book)(nil)), dbmodule.WithTables(autogen.NewTables()))
		require.NoError(t, db.CreateTables(t.Context()))
		fn(t, db)
	})
}

func load(t *testing.T, db bun.IDB, isbn string) *Book {
	t.Helper()
	book := new(Book)
	require.NoError(t, db.NewSelect().Model(book).Where("isbn = ?", isbn).Scan(t.Context()))
	return book
}

func TestUpsert(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		put := func(book *Book, update ...string) {
			t.Helper()
			require.NoError(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
				_, err := dbquery.Upsert(s.NewInsert().Model(book), []string{"isbn"}, update...).Exec(ctx)
				return err
			}))
		}
		put(&Book{ISBN: "1", Title: "Dune", Copies: 1}, "title")
		put(&Book{ISBN: "1", Title: "Dune, 2nd edition", Copies: 9}, "title")
		put(&Book{ISBN: "2", Title: "Emma", Copies: 2}, "title", "copies")
		put(&Book{ISBN: "1", Title: "ignored", Copies: 7})
		one := load(t, db.DB(), "1")
		assert.Equal(t, "Dune, 2nd edition", one.Title)
		assert.Equal(t, 1, one.Copies, "only the columns that were named")
		assert.Equal(t, "Emma", load(t, db.DB(), "2").Title)

		_, err := dbquery.Upsert(db.DB().NewInsert().Model(&Book{ISBN: "1", Title: "x"}), []string{"isbn"}, "title").
			Set("copies = ? + 1", bun.Ident(map[bool]string{true: "copies", false: "book.copies"}[db.Engine() == dbmodule.MySQL])).Exec(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2, load(t, db.DB(), "1").Copies)

		n, err := db.DB().NewSelect().Model((*Book)(nil)).Count(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, 2, n)
	})
}

// Other mistakes than the conflict are not hidden.
func TestUpsertHidesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		_, err := db.DB().ExecContext(t.Context(), "CREATE TABLE notes (id integer PRIMARY KEY, text varchar(10) NOT NULL)")
		require.NoError(t, err)
		type Note struct {
			bun.BaseModel `bun:"table:notes"`
			ID            int64   `bun:"id,pk"`
			Text          *string `bun:"text"`
		}
		_, err = dbquery.Upsert(db.DB().NewInsert().Model(&Note{ID: 1}), []string{"id"}).Exec(t.Context())
		require.ErrorIs(t, err, dbmodule.ErrNotNull)
	})
}

func TestVersion(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		_, err := db.DB().NewInsert().Model(&Book{ISBN: "1", Title: "Dune", Copies: 1}).Exec(ctx)
		require.NoError(t, err)
		mine, yours := load(t, db.DB(), "1"), load(t, db.DB(), "1")
		mine.Title, mine.Copies = "Dune, mine", 5
		require.NoError(t, dbquery.Update(ctx, db.DB(), mine, "title"))
		assert.EqualValues(t, 1, mine.Version.Version)
		yours.Title = "Dune, yours"
		require.ErrorIs(t, dbquery.Update(ctx, db.DB(), yours), dbquery.ErrStale)
		assert.EqualValues(t, 0, yours.Version.Version, "as it was")
		require.ErrorIs(t, dbquery.Delete(ctx, db.DB(), yours), dbquery.ErrStale)
		stored := load(t, db.DB(), "1")
		assert.Equal(t, "Dune, mine", stored.Title)
		assert.Equal(t, 1, stored.Copies, "only the columns that were named")
		assert.EqualValues(t, 1, stored.Version.Version)
		require.NoError(t, dbquery.Update(ctx, db.DB(), mine), "all columns")
		assert.Equal(t, 5, load(t, db.DB(), "1").Copies)
		require.NoError(t, dbquery.Delete(ctx, db.DB(), mine))
		require.ErrorIs(t, dbquery.Update(ctx, db.DB(), mine), dbquery.ErrStale, "it is gone")
		assert.EqualValues(t, 2, mine.Version.Version)
	})
}

// Of many who change the same version, one succeeds.
func TestOneOfManySucceeds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		_, err := db.DB().NewInsert().Model(&Book{ISBN: "1", Title: "Dune"}).Exec(t.Context())
		require.NoError(t, err)
		const many = 8
		errs := make([]error, many)
		books := make([]*Book, many) // all have the same version
		for i := range many {
			books[i] = load(t, db.DB(), "1")
		}
		var wg sync.WaitGroup
		for i, book := range books {
			wg.Go(func() {
				book.Copies = i
				errs[i] = db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
					return dbquery.Update(ctx, s, book)
				})
			})
		}
		wg.Wait()
		succeeded := 0
		for _, err := range errs {
			if err == nil {
				succeeded++
			} else {
				assert.ErrorIs(t, err, dbquery.ErrStale)
			}
		}
		assert.Equal(t, 1, succeeded)
		assert.EqualValues(t, 1, load(t, db.DB(), "1").Version.Version)
	})
}
