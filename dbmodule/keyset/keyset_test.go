package keyset_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/keyset"
)

// Book is the row of the listings.
type Book struct {
	bun.BaseModel `bun:"table:books,alias:book"`

	ID     int64  `bun:"id,pk"`
	Year   int    `bun:"year,notnull"`
	Title  string `bun:"title,notnull,type:varchar(100)"`
	Hidden bool   `bun:"hidden,notnull"`
}

type bookCursor struct {
	Year  int    `json:"y"`
	Title string `json:"t"`
	ID    int64  `json:"i"`
}

// byYear has the newest first, and of one year by title.
var byYear = keyset.Listing[Book, bookCursor]{
	Scope:   "books",
	Columns: []keyset.Column{{Name: "book.year", Descending: true}, {Name: "book.title"}, {Name: "book.id"}},
	Cursor:  func(b *Book) bookCursor { return bookCursor{b.Year, b.Title, b.ID} },
	Values:  func(c bookCursor) []any { return []any{c.Year, c.Title, c.ID} },
}

func TestPages(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		db := dbtest.Open(t, cfg, dbmodule.WithModels((*Book)(nil)), dbmodule.WithTables(autogen.NewTables()))
		require.NoError(t, db.CreateTables(t.Context()))
		books := []*Book{}
		for i := range 60 {
			books = append(books, &Book{ID: int64(i + 1), Year: 2000 + i%4, Title: string(rune('a' + i%3)), Hidden: i%5 == 0})
		}
		_, err := db.DB().NewInsert().Model(&books).Exec(t.Context())
		require.NoError(t, err)
		s := db.Sessions().New(dbmodule.ReadOnly())
		defer func() { require.NoError(t, s.Close()) }()
		query := func() *bun.SelectQuery { return s.NewSelect().Model((*Book)(nil)).Where("book.hidden = ?", false) }
		want := []Book{}
		require.NoError(t, query().OrderExpr("book.year DESC, book.title, book.id").Scan(t.Context(), &want))
		require.Len(t, want, 48)
		for _, limit := range []int{1, 7, 48, 100} {
			got, token, pages := []Book{}, "", 0
			for {
				rows, next, err := byYear.Page(t.Context(), query(), token, limit)
				require.NoError(t, err)
				require.LessOrEqual(t, len(rows), limit)
				got, pages = append(got, rows...), pages+1
				if token = next; token == "" {
					break
				}
			}
			assert.Equal(t, want, got, limit)
			assert.Equal(t, (48+limit-1)/limit, pages)
		}
		_, token, err := byYear.Page(t.Context(), query(), "", 5)
		require.NoError(t, err)
		_, err = db.DB().NewDelete().Model((*Book)(nil)).Where("id IN (?)", bun.List([]int64{want[3].ID, want[4].ID})).Exec(t.Context())
		require.NoError(t, err)
		rows, _, err := byYear.Page(t.Context(), query(), token, 5)
		require.NoError(t, err)
		assert.Equal(t, want[5:10], rows, "the page goes on behind a row that is gone")
	})
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite))
	query := func() *bun.SelectQuery { return db.DB().NewSelect().Model((*Book)(nil)) }
	_, _, err := byYear.Page(t.Context(), query(), "", 0)
	require.ErrorContains(t, err, "a limit of 0")
	token, err := keyset.Encode("books", bookCursor{2000, "a", 1})
	require.NoError(t, err)
	wrong := byYear
	wrong.Values = func(bookCursor) []any { return nil }
	_, _, err = wrong.Page(t.Context(), query(), token, 1)
	require.ErrorContains(t, err, "3 columns, but Values returns 0")
	_, _, err = byYear.Page(t.Context(), query(), "x", 1)
	require.ErrorIs(t, err, keyset.ErrToken)
	_, err = keyset.Encode("books", bookCursor{Title: strings.Repeat("a", 4000)})
	require.ErrorContains(t, err, "shorten the columns")
}

func TestTokens(t *testing.T) {
	t.Parallel()
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	const valid = `{"v":1,"s":"books","c":{"y":1,"t":"a","i":7}}`
	cursor, err := keyset.Decode[bookCursor](encode(valid), "books")
	require.NoError(t, err)
	assert.Equal(t, bookCursor{1, "a", 7}, cursor)
	for _, text := range []string{
		"", "x", "0", encode(""), encode("{"), encode("null"), encode("[]"), encode(`{"v":1}`), encode(" " + valid), encode(valid) + "=", encode(valid) + "\n",
		encode(strings.Replace(valid, `"v":1`, `"v":2`, 1)), encode(strings.Replace(valid, "books", "films", 1)), encode(strings.Replace(valid, `"i":7`, `"i":7.5`, 1)),
		encode(strings.Replace(valid, `"i":7`, `"i":7,"x":1`, 1)), encode(strings.Replace(valid, `"i":7`, `"i":07`, 1)), strings.Repeat("A", 5000),
	} {
		_, err := keyset.Decode[bookCursor](text, "books")
		require.ErrorIs(t, err, keyset.ErrToken, text)
	}
}

func FuzzDecode(f *testing.F) {
	token, err := keyset.Encode("s", bookCursor{5, "b", 3})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add("eyJ2IjoxfQ")
	f.Fuzz(func(t *testing.T, text string) {
		cursor, err := keyset.Decode[bookCursor](text, "s")
		if err != nil {
			if !errors.Is(err, keyset.ErrToken) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if again, err := keyset.Encode("s", cursor); err != nil || again != text {
			t.Fatalf("%q decodes to %+v, which encodes to %q (%v)", text, cursor, again, err)
		}
	})
}

// A handler gives its client next, and gets it back as the next request's token.
func ExampleListing_Page() {
	list := func(ctx context.Context, s *dbmodule.Session, token string) ([]Book, string, error) {
		return byYear.Page(ctx, s.NewSelect().Model((*Book)(nil)).Where("book.hidden = ?", false), token, 100)
	}
	_ = list
	fmt.Println(byYear.Scope)
	// Output: books
}
