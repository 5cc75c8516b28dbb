package dbquery_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/dbquery"
)

// openBooks opens a database in memory with a table of books.
func openBooks(ctx context.Context) (*dbmodule.Database, error) {
	cfg := dbmodule.DefaultConfig()
	var err error
	if cfg.URL, err = dbmodule.ParseURL("sqlite://"); err != nil {
		return nil, err
	}
	db, err := dbmodule.Open(cfg, nil, dbmodule.WithModels((*Book)(nil)), dbmodule.WithTables(autogen.NewTables()))
	if err != nil {
		return nil, err
	}
	return db, errors.Join(db.Connect(ctx), db.CreateTables(ctx))
}

func ExampleUpsert() {
	ctx := context.Background()
	db, err := openBooks(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = db.Close() }() // nothing in memory is worth an error
	for _, title := range []string{"Dune", "Dune, revised"} {
		book := &Book{ISBN: "978-0441013593", Title: title}
		if _, err := dbquery.Upsert(db.DB().NewInsert().Model(book), []string{"isbn"}, "title").Exec(ctx); err != nil {
			fmt.Println(err)
		}
	}
	var titles []string
	err = db.DB().NewSelect().Model((*Book)(nil)).Column("title").Scan(ctx, &titles)
	fmt.Println(titles, err)
	// Output: [Dune, revised] <nil>
}

func ExampleUpdate() {
	ctx := context.Background()
	db, err := openBooks(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = db.Close() }() // nothing in memory is worth an error
	mine := &Book{ISBN: "978-0441013593", Title: "Dune"}
	if _, err := db.DB().NewInsert().Model(mine).Exec(ctx); err != nil {
		fmt.Println(err)
	}
	yours := *mine // read at the same time by somebody else
	mine.Title = "Dune, revised"
	fmt.Println(dbquery.Update(ctx, db.DB(), mine), mine.Version.Version)
	yours.Title = "Dune, translated"
	fmt.Println(errors.Is(dbquery.Update(ctx, db.DB(), &yours), dbquery.ErrStale))
	// Output:
	// <nil> 1
	// true
}
