package dbmodule_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
)

type Song struct {
	bun.BaseModel `bun:"table:songs"`

	ID    int64  `bun:"id,pk,autoincrement"`
	Title string `bun:"title,notnull,unique"`
}

// openSongs opens an in-memory database with one table, without fx.
func openSongs(ctx context.Context) (*dbmodule.Database, error) {
	cfg := dbmodule.DefaultConfig()
	url, err := dbmodule.ParseURL("sqlite://")
	if err != nil {
		return nil, err
	}
	cfg.URL = url
	db, err := dbmodule.Open(cfg, nil, dbmodule.WithModels((*Song)(nil)), dbmodule.WithTables(autogen.NewTables()))
	if err != nil {
		return nil, err
	}
	if err := db.Connect(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := db.CreateTables(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func ExampleOpen() {
	ctx := context.Background()
	db, err := openSongs(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = db.Close() }() // nothing in memory is worth an error
	state, err := db.SchemaState(ctx)
	fmt.Println(db.Engine(), state.Ready, err)
	// Output: sqlite true <nil>
}

func ExampleSessionFactory_InTx() {
	ctx := context.Background()
	db, err := openSongs(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = db.Close() }()
	add := func(title string) error {
		return db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
			s.AfterCommit(func(context.Context) { fmt.Println("stored", title) })
			_, err := s.NewInsert().Model(&Song{Title: title}).Exec(ctx)
			return err
		})
	}
	fmt.Println(add("Autumn Leaves"))
	fmt.Println(errors.Is(add("Autumn Leaves"), dbmodule.ErrUnique))
	// Output:
	// stored Autumn Leaves
	// <nil>
	// true
}

// songQueries are written once, when the program starts: a function like newSongQueries is
// what fx.Provide takes.
type songQueries struct {
	add   *dbmodule.CompiledInsert[Song]
	after *dbmodule.Compiled[Song, songsAfter]
}

type songsAfter struct {
	Title string
	Limit int
}

func newSongQueries(sessions *dbmodule.SessionFactory) (q songQueries, err error) {
	q.add, err = dbmodule.CompileInsert[Song](sessions, func(q *bun.InsertQuery) *bun.InsertQuery { return q })
	if err != nil {
		return q, err
	}
	q.after, err = dbmodule.CompileSelect[Song, songsAfter](sessions, func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Where("title > ?title").OrderExpr("title LIMIT ?limit")
	})
	return q, err
}

func ExampleCompileSelect() {
	ctx := context.Background()
	db, err := openSongs(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = db.Close() }()
	queries, err := newSongQueries(db.Sessions())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		for _, title := range []string{"Autumn Leaves", "Blue in Green", "Caravan", "Donna Lee"} {
			if _, err := queries.add.Exec(ctx, s, &Song{Title: title}); err != nil {
				return err
			}
		}
		songs, err := queries.after.All(ctx, s, songsAfter{Title: "B", Limit: 2})
		for _, song := range songs {
			fmt.Println(song.ID, song.Title)
		}
		return err
	}))
	_, err = dbmodule.CompileSelect[Song, songsAfter](db.Sessions(), func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Where("titel > ?title").OrderExpr("title LIMIT ?limit")
	})
	fmt.Println(err)
	// Output:
	// 2 Blue in Green
	// 3 Caravan
	// <nil>
	// dbmodule: compile select of dbmodule_test.Song: Song has no column "titel": its columns are id, title
}

func ExampleNewReader() {
	ctx := context.Background()
	db, err := openSongs(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = db.Close() }()
	reader, err := dbmodule.NewReader[Song](db.Sessions()) // one for the life of the program
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		songs := []Song{{Title: "Autumn Leaves"}, {Title: "Blue in Green"}, {Title: "Caravan"}}
		if _, err := s.NewInsert().Model(&songs).Exec(ctx); err != nil {
			return err
		}
		q := s.NewSelect().Model((*Song)(nil)).Where("title > ?", "B").Order("title")
		return reader.Each(ctx, s, q, func(song *Song) bool {
			fmt.Println(song.ID, song.Title)
			return true
		})
	}))
	// Output:
	// 2 Blue in Green
	// 3 Caravan
	// <nil>
}

func ExampleSessionFactory_New() {
	ctx := context.Background()
	db, err := openSongs(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = db.Close() }()
	s := db.Sessions().New()
	defer func() { _ = s.Close() }() // rolls back what was not committed
	for _, title := range []string{"So What", "So What", "Blue in Green"} {
		err := s.InNested(ctx, func(ctx context.Context) error {
			_, err := s.NewInsert().Model(&Song{Title: title}).Exec(ctx)
			return err
		})
		if err != nil && !errors.Is(err, dbmodule.ErrUnique) {
			fmt.Println(err)
			return
		}
	}
	if err := s.Commit(ctx); err != nil {
		fmt.Println(err)
		return
	}
	var titles []string
	err = s.NewSelect().Model((*Song)(nil)).Column("title").Order("id").Scan(ctx, &titles)
	fmt.Println(titles, err)
	// Output: [So What Blue in Green] <nil>
}
