package dbtest_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/migrate"
)

type author struct {
	bun.BaseModel `bun:"table:authors"`

	ID      int64  `bun:",pk,autoincrement"`
	Name    string `bun:",notnull,unique"`
	ShelfID *int64 // of a table that comes later in the alphabet
	Shelf   *shelf `bun:"rel:belongs-to,join:shelf_id=id"`
}

type book struct {
	bun.BaseModel `bun:"table:books"`

	ID       int64     `bun:",pk,autoincrement"`
	Title    string    `bun:",notnull"`
	AuthorID int64     `bun:",notnull"`
	Author   *author   `bun:"rel:belongs-to,join:author_id=id"`
	Added    time.Time `bun:",notnull"`
}

type shelf struct {
	bun.BaseModel `bun:"table:shelves"`

	ID   int64  `bun:",pk,autoincrement"`
	Room string `bun:",notnull"`
}

type customer struct {
	bun.BaseModel `bun:"table:customers"`

	ID    int64  `bun:",pk,autoincrement"`
	Email string `bun:",notnull,unique"`
}

type loan struct {
	bun.BaseModel `bun:"table:loans"`

	ID         int64     `bun:",pk,autoincrement"`
	BookID     int64     `bun:",notnull"`
	Book       *book     `bun:"rel:belongs-to,join:book_id=id"`
	CustomerID int64     `bun:",notnull"`
	Customer   *customer `bun:"rel:belongs-to,join:customer_id=id"`
}

// shop are five models, of which three refer to others.
func shop() []any {
	return []any{(*author)(nil), (*book)(nil), (*shelf)(nil), (*customer)(nil), (*loan)(nil)}
}

func text(content string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(content)} }

func revision(id, after string) *fstest.MapFile {
	return text("make " + id + "\n\nRevision ID: " + id + "\nRevises: " + after + "\nCreate Date: 2026-11-24T20:30:00Z\n")
}

// awkward holds values that a copy could get wrong.
const awkward = `it's "odd" \ 文学`

// revisions are two, the second with rows.
func revisions() migrate.Source {
	return migrate.Source{FS: fstest.MapFS{
		"1_a1/revision.txt": revision("a1", ""),
		"1_a1/mysql.sql":    text("-- migrate:upgrade\nCREATE TABLE kinds (id BIGINT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50), price DECIMAL(10,2), raw_data BLOB, flag BIT(8), latin VARCHAR(9) CHARACTER SET latin1, doc JSON, made DATETIME(6), nothing INT, twice DECIMAL(10,2) GENERATED ALWAYS AS (price * 2) STORED);\n"),
		"1_a1/all.sql":      text("-- migrate:upgrade\nCREATE TABLE kinds (id BIGINT PRIMARY KEY, name VARCHAR(50), price DECIMAL(10,2));\n"),
		"2_b2/revision.txt": revision("b2", "a1"),
		"2_b2/mysql.sql":    text("-- migrate:upgrade\nINSERT INTO kinds (id, name, price, raw_data, flag, latin, doc, made) VALUES (7, 'it''s \"odd\" \\\\ 文学', 12.50, x'00ff27', b'11111111', 'é', '{\"a\": [1, \"x\"]}', '2026-01-02 03:04:05.678901'), (8, NULL, NULL, x'', NULL, NULL, NULL, NULL);\nUPDATE kinds SET id = 0 WHERE id = 8;\n"),
		"2_b2/all.sql":      text("-- migrate:upgrade\nINSERT INTO kinds VALUES (7, 'it''s \"odd\" \\ 文学', 12.50), (8, NULL, NULL);\n"),
	}}
}

func eachEngine(t *testing.T, fn func(t *testing.T, engine dbmodule.Engine)) {
	t.Helper()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			fn(t, engine)
		})
	}
}

func TestNewHasTheTablesOfModels(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine dbmodule.Engine) {
		for i := range 10 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				db := dbtest.New(t, engine, dbtest.WithModels(shop()...))
				a := &author{Name: "Le Guin"}
				_, err := db.DB().NewInsert().Model(a).Exec(t.Context())
				require.NoError(t, err)
				assert.Equal(t, int64(1), a.ID, "the database is nobody else's")
				_, err = db.DB().NewInsert().Model(&book{Title: "Orphan", AuthorID: 99, Added: time.Now()}).Exec(t.Context())
				require.Error(t, err, "there is no such author")
				_, err = db.DB().NewInsert().Model(&author{Name: "Le Guin"}).Exec(t.Context())
				require.Error(t, err, "names are unique")
			})
		}
	})
}

func TestNewHasWhatRevisionsMade(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine dbmodule.Engine) {
		for range 2 {
			db := dbtest.New(t, engine, dbtest.WithRevisions(revisions()))
			var names []string
			require.NoError(t, db.DB().NewRaw("SELECT name FROM kinds WHERE name IS NOT NULL").Scan(t.Context(), &names))
			assert.Equal(t, []string{awkward}, names)
			m, err := migrate.New([]migrate.Source{revisions()})
			require.NoError(t, err)
			state, err := m.State(t.Context(), db.DB())
			require.NoError(t, err)
			assert.True(t, state.Ready(), "%+v", state)
			assert.Equal(t, []string{"b2"}, state.Current)
			history, err := m.History(t.Context(), db.DB())
			require.NoError(t, err)
			assert.Len(t, history, 2)
		}
	})
}

func TestCopyOnMySQLHasEachValue(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, dbmodule.MySQL, dbtest.WithRevisions(revisions()))
	var rows []string
	require.NoError(t, db.DB().NewRaw(`SELECT CONCAT_WS(' ', id, COALESCE(price, '-'), HEX(raw_data), COALESCE(BIN(flag), '-'), COALESCE(latin, '-'),
		COALESCE(doc, '-'), COALESCE(made, '-'), COALESCE(nothing, '-'), COALESCE(twice, '-')) FROM kinds ORDER BY id`).Scan(t.Context(), &rows))
	assert.Equal(t, []string{
		"0 -  - - - - - -",
		`7 12.50 00FF27 11111111 é {"a": [1, "x"]} 2026-01-02 03:04:05.678901 - 25.00`,
	}, rows)
	result, err := db.DB().ExecContext(t.Context(), "INSERT INTO kinds (name) VALUES ('next')")
	require.NoError(t, err)
	id, err := result.LastInsertId()
	require.NoError(t, err)
	assert.Equal(t, int64(9), id, "counters go on")
}

// What a copy can't have is built anew, so that it is there all the same.
func TestNewHasViewsAndTriggers(t *testing.T) {
	t.Parallel()
	source := migrate.Source{FS: fstest.MapFS{
		"1_a1/revision.txt": revision("a1", ""),
		"1_a1/all.sql":      text("-- migrate:upgrade\nCREATE TABLE numbers (n BIGINT PRIMARY KEY);\nCREATE VIEW halves AS SELECT n / 2 AS half FROM numbers;\n"),
	}}
	eachEngine(t, func(t *testing.T, engine dbmodule.Engine) {
		for range 2 {
			db := dbtest.New(t, engine, dbtest.WithRevisions(source))
			_, err := db.DB().ExecContext(t.Context(), "INSERT INTO numbers VALUES (4)")
			require.NoError(t, err)
			var half int
			require.NoError(t, db.DB().NewRaw("SELECT CAST(half AS DECIMAL(5)) FROM halves").Scan(t.Context(), &half))
			assert.Equal(t, 2, half)
		}
	})
}

func TestNewBuildsOnce(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine dbmodule.Engine) {
		var runs atomic.Int64
		source := migrate.Source{
			FS: fstest.MapFS{"1_a1/revision.txt": revision("a1", "")},
			Code: []migrate.Code{{Revision: "a1", Upgrade: func(ctx context.Context, db bun.IDB) error {
				runs.Add(1)
				_, err := db.ExecContext(ctx, "CREATE TABLE once_"+string(engine)+" (n BIGINT PRIMARY KEY)")
				return err
			}}},
		}
		for i := range 4 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				db := dbtest.New(t, engine, dbtest.WithRevisions(source))
				_, err := db.DB().ExecContext(t.Context(), "INSERT INTO once_"+string(engine)+" VALUES (1)")
				require.NoError(t, err)
			})
		}
		assert.Equal(t, int64(1), runs.Load())
	})
}

func TestNewTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	broken := migrate.Source{FS: fstest.MapFS{
		"1_a1/revision.txt": revision("a1", ""),
		"1_a1/all.sql":      text("-- migrate:upgrade\nCREATE NONSENSE;\n"),
	}}
	eachEngine(t, func(t *testing.T, engine dbmodule.Engine) {
		dbtest.URL(t, engine) // skips where there is none
		for range 2 {
			o := ended(t, func(t testing.TB) { dbtest.New(t, engine, dbtest.WithRevisions(broken)) })
			assert.Contains(t, o.failed, "dbtest: build schema: migrate: ")
		}
		o := ended(t, func(t testing.TB) { dbtest.New(t, engine, dbtest.WithModels(7)) })
		assert.Contains(t, o.failed, "dbtest: read schema: ")
	})
}
