package migrate_test

import (
	"context"
	"fmt"
	"testing/fstest"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
)

func ExampleNew() {
	// Programs embed a folder of these; "db init" and "db revision" write it.
	revisions := migrate.Source{FS: fstest.MapFS{
		"20261124_1f0c2d9a4b7e_create_books/revision.txt": {Data: []byte(
			"create books\n\nRevision ID: 1f0c2d9a4b7e\nRevises:\n")},
		"20261124_1f0c2d9a4b7e_create_books/all.sql": {Data: []byte(
			"-- migrate:upgrade\nCREATE TABLE books (id INTEGER PRIMARY KEY);\n-- migrate:downgrade\nDROP TABLE books;\n")},
	}}
	m, err := migrate.New([]migrate.Source{revisions}, migrate.WithBuild("books 1.2"))
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg := dbmodule.DefaultConfig()
	if err := cfg.URL.UnmarshalText([]byte("sqlite://")); err != nil {
		fmt.Println(err)
		return
	}
	db, err := dbmodule.Open(cfg, nil, dbmodule.WithMigrator(m))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close() // an in-memory database has nothing to lose

	ctx := context.Background()
	if err := db.Connect(ctx); err != nil {
		fmt.Println(err)
		return
	}
	steps, err := m.Upgrade(ctx, db, "head")
	for _, step := range steps {
		fmt.Println("ran", step)
	}
	state, stateErr := db.SchemaState(ctx)
	fmt.Println(state.Ready, state.Revisions.Current, err, stateErr)
	// Output:
	// ran  -> 1f0c2d9a4b7e, create books
	// true [1f0c2d9a4b7e] <nil> <nil>
}
